"""Exports: a trained model in files that need no optcli.

    exported   the file that a name asks for, checked and written; what it holds
    onnx       a trained model as an ONNX model: preparation, network, answers
    columns    raw columns to the model's inputs, as ONNX nodes
    answers    scores to labels, probabilities and values, as ONNX nodes
    graph      nodes, constants, inputs and outputs, and the bytes that they are
    protobuf   the wire format of those

Layers and losses add their own nodes: `Layer.onnx`, `Loss.onnx`.
"""
