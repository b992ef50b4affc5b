"""Gradients: check an analytic gradient against finite differences.

    functions    functions of P numbers, evaluated at many points at once
    differences  finite differences of f, and their comparison with the analytic gradient
    taylor       the Taylor test along random directions, for large functions
    check        the whole procedure, for any function
    result       the result of a check, and its text
    components   losses, layers and objectives as functions
    networks     a model with its loss and data as a function of its parameters
    tails        its layers behind a parameter that moves, the rest not computed anew
    variants     a registered class with each hyperparameter changed
    case         a function with its gradient, to be checked; the cases of one class
    loss_cases   layer_cases   objective_cases   model_cases: those of each kind
    cases        every registered class, in the cases in which it is checked
    curves       the error as a function of the step size, for the plot

`gradcheck` checks any function; the command and the tests use `cases`.
"""

from __future__ import annotations

from optcli.gradients.check import gradcheck
from optcli.gradients.result import Result, UncheckedGradient, WrongGradient

__all__ = ["Result", "UncheckedGradient", "WrongGradient", "gradcheck"]
