"""Gradients: whether an analytic gradient is that of its function.

    functions    functions of P numbers, evaluated at many points at once
    differences  what differences tell of a slope, and whether the analytic one agrees
    taylor       the same for random directions, for large functions
    check        the whole procedure, for any function
    result       what was found, and how it is said
    components   losses and layers as functions
    networks     a model with its loss and data as a function of its parameters
    variants     a registered class with each hyperparameter changed
    subjects     all that is registered, and the cases in which it is checked
    curves       the error by the size of the step, for the picture

`gradcheck` takes anybody's function; the command and the tests go through `subjects`.
"""

from __future__ import annotations

from optcli.gradients.check import gradcheck
from optcli.gradients.result import Result, UncheckedGradient, WrongGradient

__all__ = ["Result", "UncheckedGradient", "WrongGradient", "gradcheck"]
