"""Catalog: everything that a config can name, with a line on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import Registry

# Where each registry is, by the plural of its kind.
PLACES = {
    "datasets": ("data.base", "DATASETS"),
    "models": ("models", "MODELS"),
    "activations": ("layers.activations", "ACTIVATIONS"),
    "initializers": ("layers.initializers", "INITIALIZERS"),
    "losses": ("losses.base", "LOSSES"),
    "optimizers": ("optimizers.base", "OPTIMIZERS"),
    "schedules": ("schedules", "SCHEDULES"),
    "averages": ("training.wrappers", "AVERAGES"),
    "metrics": ("metrics", "METRICS"),
    "objectives": ("objectives.functions", "OBJECTIVES"),
}


class Kinds(Mapping[str, Registry[object]]):
    """Registries by the plural of their kind; each is imported when it is asked for."""

    def __getitem__(self, kind: str) -> Registry[object]:
        module, name = PLACES[kind]
        found: Registry[object] = getattr(import_module(f"optcli.{module}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


KINDS = Kinds()


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
        for plural in KINDS
        if kind in (None, plural)
        for cls in KINDS[plural]
    ]


def summary(cls: type[object]) -> str:
    """The first line of the docstring, without its full stop."""
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")
