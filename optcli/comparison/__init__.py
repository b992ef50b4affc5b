"""Comparison: which of several optimizers is better here, and how sure that is.

statistics    what may be said of the final runs
"""
