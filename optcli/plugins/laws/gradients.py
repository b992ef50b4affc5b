"""The law of gradients: each is that of its function, in the cases of `optcli gradcheck`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from optcli.gradients.case import CaseSet
from optcli.gradients.check import How
from optcli.gradients.layer_cases import activation_cases, layer_cases
from optcli.gradients.loss_cases import loss_cases
from optcli.gradients.model_cases import model_cases
from optcli.gradients.objective_cases import objective_cases
from optcli.gradients.result import Result
from optcli.layers.activations import Activation
from optcli.layers.base import Layer
from optcli.losses.base import Loss
from optcli.models import Model
from optcli.objectives.base import Objective
from optcli.plugins.laws.base import Finding, raised

LAW = "its gradient is that of its value (optcli gradcheck)"
CASES: tuple[tuple[type[Any], Callable[[type[Any]], CaseSet]], ...] = (
    (Loss, loss_cases),
    (Activation, activation_cases),
    (Layer, layer_cases),
    (Model, model_cases),
    (Objective, objective_cases),
)


def check(cls: type[Any]) -> Iterator[Finding]:
    """Whether all cases of a class are right; nothing for a kind without gradients."""
    make = next((make for base, make in CASES if issubclass(cls, base)), None)
    if make is None:
        return
    try:
        for case, result in make(cls).check(How()):
            if not result.ok:
                yield Finding(LAW, f"{case.what}: {_said(result)}")
                return
    except (Exception, SystemExit) as error:
        yield Finding(LAW, *raised(error, cls), error=error)
        return
    yield Finding(LAW)


def _said(result: Result) -> str:
    """The worst entry, what all of them have in common, and where to look further."""
    (worst,) = result.worst(1)
    found = f"{worst.label} is {worst.analytic:.6g}, by differences {worst.numeric:.6g}"
    if result.problems or result.reason:
        found = result.problems[0] if result.problems else f"not checked: {result.reason}"
    hint = f" ({result.hint()})" if result.hint() else ""
    return f"{found}{hint}; optcli gradcheck shows each entry"
