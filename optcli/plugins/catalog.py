"""Catalog: everything that a config can name, with a line on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry
from optcli.data.base import DATASETS
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.initializers import INITIALIZERS
from optcli.losses.base import LOSSES
from optcli.metrics import METRICS
from optcli.models import MODELS
from optcli.objectives.functions import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS
from optcli.schedules import SCHEDULES
from optcli.training.wrappers import AVERAGES

KINDS: dict[str, Registry[object]] = {
    registry.plural: registry  # type: ignore[misc]
    for registry in (
        DATASETS,
        MODELS,
        ACTIVATIONS,
        INITIALIZERS,
        LOSSES,
        OPTIMIZERS,
        SCHEDULES,
        AVERAGES,
        METRICS,
        OBJECTIVES,
    )
}


@dataclass(frozen=True)
class CatalogEntry:
    """One thing that a config can name."""

    kind: str
    name: str
    aliases: tuple[str, ...]
    summary: str


def entries(kind: str | None = None, others: Sequence[str] = ()) -> list[CatalogEntry]:
    """All of one kind (its plural), or of all; raises InvalidInput for an unknown kind.

    others: kinds that are listed elsewhere, for the message.
    """
    if kind is not None and kind not in KINDS:
        known = [*KINDS, *others]
        allowed = f"; must be one of {', '.join(known)}"
        message = f"unknown kind '{kind}'{suggestion(kind, known) or allowed}"
        raise InvalidInput(Fault(message, parameter="kind"))
    return [
        CatalogEntry(plural, cls.name, cls.aliases, summary(cls))  # type: ignore[attr-defined]
        for plural, registry in KINDS.items()
        if kind in (None, plural)
        for cls in registry
    ]


def summary(cls: type[object]) -> str:
    """The first line of the docstring, without its full stop."""
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")
