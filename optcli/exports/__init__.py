"""Exports: a trained model in files that need no optcli.

    exported     the file that a name asks for, checked and written; what it holds
    onnx         a trained model as an ONNX model: preparation, network, answers
    columns      raw columns to the model's inputs, as ONNX nodes
    answers      scores to labels, probabilities and values, as ONNX nodes
    graph        nodes, constants, inputs and outputs, and the bytes that they are
    protobuf     the wire format of those
    safetensors  parameters by name, model and preparation as JSON in the header
    scorer       one file of Python that needs the standard library alone
    scorer_functions  what such a file consists of

Layers and losses add their own nodes: `Layer.onnx`, `Loss.onnx`.
"""
