"""Layers: the building blocks of models, each with its forward and backward pass."""
