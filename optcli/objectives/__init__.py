"""Objectives: test functions, and how one is trained like any model.

    base       what an objective is
    functions  the functions, with gradients and minima
    dataset    an objective as a dataset: one row without features
    model      the point as a model: its own score whatever the row
    loss       the objective's value at the scores
    metrics    the distance to the nearest minimum, and where the point is
    outcome    what became of a path: reached, diverged, …

A step is an epoch.
"""

from optcli.core import former_paths


def __getattr__(name: str) -> object:
    """The functions, which were here in version 0.1."""
    globals()[name] = former_paths.moved(__name__, name)
    return globals()[name]
