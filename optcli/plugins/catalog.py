"""Catalog: everything that a config can name, with a line and a page on each.

What optcli has itself stands in `catalog.json`, where to read it is quick; what others have added
says its classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from optcli.core import catalog_file, entry_points
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.registry import REGISTRIES, Registry

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
    "objectives": ("objectives.base", "OBJECTIVES"),
}


class Kinds(Mapping[str, Registry[object]]):
    """Registries by the plural of their kind; each is imported when it is asked for."""

    def __getitem__(self, kind: str) -> Registry[object]:
        if kind not in PLACES:
            raise KeyError(kind)
        return registry(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


KINDS = Kinds()
# What installed packages may offer: what a config can name, and what models are made of.
PLACES_OF_OFFERS = {**PLACES, "layers": ("layers.base", "LAYERS")}


def registry(kind: str) -> Registry[Any]:
    """The registry of a kind, by its plural; of layers, too, which no config can name."""
    module, name = PLACES_OF_OFFERS[kind]
    found: Registry[Any] = getattr(import_module(f"optcli.{module}"), name)
    return found


@dataclass(frozen=True)
class CatalogEntry:
    """One thing that a config can name."""

    kind: str
    name: str
    aliases: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Page:
    """One thing with a name.

    text: its docstring, or what an idea is. sections: of an idea, heading -> text. facts: of a
    loss, its domain and kinks. fields: name -> meaning, range and default.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    text: str
    sections: Mapping[str, str]
    facts: Mapping[str, str]
    fields: Mapping[str, str]


def own_pages(plural: str) -> list[Page]:
    """A page on each thing of a kind that optcli has itself; no class is imported for it."""
    return [
        Page(**{**each, "aliases": tuple(each["aliases"]), "sections": {}})
        for each in catalog_file.read()[plural]
    ]


def extended(plural: str) -> bool:
    """Whether others than optcli have registered something of a kind, in this process."""
    return plural in REGISTRIES and bool(REGISTRIES[plural].foreign())


def entries(kind: str | None = None, others: Sequence[str] = ()) -> list[CatalogEntry]:
    """All of one kind (its plural), or of all; raises InvalidInput for an unknown kind.

    others: kinds that are listed elsewhere, for the message.
    """
    _check_kind(kind, [*PLACES, *others])
    return [
        CatalogEntry(plural, name, aliases, _first_line(text))
        for plural in PLACES
        if kind in (None, plural)
        for name, aliases, text in _texts(plural)
    ]


def _texts(plural: str) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, aliases and docstring of each thing of a kind."""
    if not extended(plural):
        return [(page.name, page.aliases, page.text) for page in own_pages(plural)]
    classes: list[Any] = list(registry(plural))
    return [(cls.name, cls.aliases, cls.__doc__ or "") for cls in classes]


def _check_kind(kind: str | None, known: Sequence[str]) -> None:
    if kind is not None and kind not in known:
        allowed = f"; must be one of {', '.join(known)}"
        message = f"unknown kind '{kind}'{suggestion(kind, known) or allowed}"
        raise InvalidInput(Fault(message, parameter="kind"))


def offered(kind: str | None = None) -> list[CatalogEntry]:
    """What installed packages offer of a kind, or of all, by their metadata: no code is run.

    Raises InvalidInput for an unknown kind.
    """
    _check_kind(kind, list(PLACES_OF_OFFERS))
    found = []
    for plural in PLACES_OF_OFFERS:
        if kind not in (None, plural):
            continue
        offers = entry_points.offers(plural)
        for name in dict.fromkeys(offer.name for offer in offers):
            of = [offer.source for offer in offers if offer.name == name]
            text = f"from {' and '.join(of)}"
            if len(of) > 1:
                text += "; uninstall all but one"
            elif name in registry(plural).built_in():
                text += f"; not used, as optcli has {registry(plural).kind} '{name}'"
            found.append(CatalogEntry(plural, name, (), text))
    return found


def summary(cls: type[object]) -> str:
    """The first line of the docstring, without its full stop."""
    return _first_line(cls.__doc__ or "")


def _first_line(text: str) -> str:
    return text.partition("\n")[0].rstrip(".")
