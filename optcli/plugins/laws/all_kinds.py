"""Every law that a registered class has to keep, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from optcli.core.errors import InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import InputFile, marked
from optcli.data.base import DATASETS
from optcli.data.in_memory import InMemory
from optcli.gradients.layer_cases import layers_of
from optcli.gradients.variants import variants
from optcli.layers.activations import ACTIVATIONS
from optcli.layers.base import LAYERS
from optcli.layers.initializers import INITIALIZERS
from optcli.losses.base import LOSSES
from optcli.metrics import METRICS, Metric
from optcli.models import MODELS, Model
from optcli.objectives.base import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS
from optcli.optimizers.positional import warned
from optcli.plugins.laws import (
    datasets,
    gradients,
    layers,
    losses,
    metrics,
    models,
    objectives,
    optimizers,
    other_kinds,
    schedules,
)
from optcli.plugins.laws.base import FIELDS, Finding, Law, examine, notes
from optcli.schedules import SCHEDULES
from optcli.training.wrappers import AVERAGES

Members = Iterator[tuple[str, Any]]


@dataclass(frozen=True)
class KindLaws:
    """What is registered in one place, its laws, and the members of a class to hold to them.

    members: in words, and as the laws take them; the first with its defaults.
    """

    registry: Registry[Any]
    laws: tuple[Law[Any], ...]
    members: Callable[[type[Any]], Members] = variants


def _activations(cls: type[Any]) -> Members:
    for words, layer in variants(cls):
        yield words, layers.Fed(layer, (5,))


def _layers(cls: type[Any]) -> Members:
    for words, layer, shape in layers_of(cls):
        yield words, layers.Fed(layer, shape)


def _models(cls: type[Model]) -> Members:
    for words, model in variants(cls):
        try:
            models.built(model)
        except InvalidInput:
            if words:
                continue  # a combination that does not fit the image
        yield words, model


def _metrics(cls: type[Metric]) -> Members:
    for words, metric in variants(cls):
        try:
            for kind in metric.kinds:
                metric.check(kind, metrics.OUTPUTS)
        except InvalidInput:
            continue  # not for so many classes
        yield words, metric


KINDS: tuple[KindLaws, ...] = (
    KindLaws(LOSSES, losses.LAWS),
    KindLaws(OPTIMIZERS, optimizers.LAWS),
    KindLaws(LAYERS, layers.LAWS, _layers),
    KindLaws(ACTIVATIONS, layers.LAWS, _activations),
    KindLaws(MODELS, models.LAWS, _models),
    KindLaws(SCHEDULES, schedules.LAWS),
    KindLaws(METRICS, metrics.LAWS, _metrics),
    KindLaws(OBJECTIVES, objectives.LAWS),
    KindLaws(DATASETS, datasets.LAWS),
    KindLaws(INITIALIZERS, other_kinds.INITIALIZERS),
    KindLaws(AVERAGES, other_kinds.AVERAGES),
)


def check(kind: KindLaws, cls: type[Any]) -> Iterator[Finding]:
    """What is found of a class: each law once, with its first fault, then notes to the author.

    Raises InvalidInput for a class that cannot be made from its defaults.
    """
    if kind.registry is DATASETS and (marked(cls, InputFile) or issubclass(cls, InMemory)):
        yield Finding(FIELDS.says, FIELDS.fault(cls))
        yield Finding("its table", "its table is given: only training tries it", grave=False)
        yield from notes(cls)
        return
    found: list[Finding] = []
    members = 0
    for words, member in kind.members(cls):
        about = f"{words}: " if words and members else ""
        members += 1
        found = [
            replace(each, fault=f"{about}{each.fault}") if each.fault else each
            for each in examine(kind.laws, member)
        ]
        if any(each.fault for each in found):
            break  # other members would only say it again
    if not members:
        raise InvalidInput(f"{kind.registry.kind} '{cls.name}' takes none of the shapes tried")
    yield from found
    if not any(each.fault for each in found):
        yield from gradients.check(cls)
    yield from notes(cls)
    if old := warned(cls):
        yield Finding("written for this version", old, grave=False)


def kinds_of(classes: Iterable[type[Any]]) -> Iterator[tuple[KindLaws, type[Any]]]:
    """Each class with the kind as which it is registered."""
    for cls in classes:
        for kind in KINDS:
            if issubclass(cls, kind.registry.base):
                if kind.registry is LAYERS and issubclass(cls, ACTIVATIONS.base):
                    continue
                yield kind, cls
                break
