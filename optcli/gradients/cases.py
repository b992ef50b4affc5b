"""Cases: the cases in which the gradient of every registered class is checked.

Each class is checked with every hyperparameter changed, singly, in pairs and all together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry
from optcli.gradients.case import CaseSet
from optcli.gradients.layer_cases import activation_cases, layer_cases
from optcli.gradients.loss_cases import loss_cases
from optcli.gradients.model_cases import model_cases
from optcli.gradients.objective_cases import objective_cases
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import LAYERS
from optcli.losses.base import LOSSES
from optcli.models import MODELS
from optcli.objectives.base import OBJECTIVES


def case_sets(names: Sequence[str] = ()) -> list[CaseSet]:
    """The cases of every registered class, or of those with these names or aliases.

    Raises InvalidInput for an unknown name.
    """
    makers: list[tuple[Registry[Any], Callable[[type[Any]], CaseSet]]] = [
        (LOSSES, loss_cases),
        (ACTIVATIONS, activation_cases),
        (LAYERS, layer_cases),
        (MODELS, model_cases),
        (OBJECTIVES, objective_cases),
    ]
    if not names:
        return [make(cls) for registry, make in makers for cls in registry]
    found, faults = [], []
    for name in names:
        known = [(cls, make) for registry, make in makers if (cls := registry.known(name))]
        known = known or [
            (cls, make) for registry, make in makers if (cls := registry.search(name))
        ]
        own = [make(cls) for cls, make in known]
        if not own:
            every = [cls for registry, _ in makers for cls in registry]
            hint = suggestion(name, [word for cls in every for word in (cls.name, *cls.aliases)])
            message = f"no loss, activation, layer, model or objective is called '{name}'{hint}"
            faults.append(Fault(f"{message} (optcli list)"))
        found += own
    if faults:
        raise InvalidInput(*faults)
    return list({(case_set.kind, case_set.name): case_set for case_set in found}.values())
