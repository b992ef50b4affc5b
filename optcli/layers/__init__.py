"""Layers: what a model is made of, forward and backward."""
