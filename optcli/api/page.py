"""Page: what `optcli explain` says of a class, read off the class itself.

`catalog.json`, which spares the import of all classes, is what `written` makes of optcli's own;
tests/test_explanation.py holds them equal, and writes it anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any

from optcli.config.validation import expected, named, said
from optcli.core.registry import Registry
from optcli.core.specs import Field, TargetKind, fields, range_text
from optcli.losses.base import Loss
from optcli.plugins.catalog import PLACES_OF_OFFERS, Page, registry

TARGETS: dict[TargetKind, str] = {
    "classes": "one of several classes",
    "labels": "two classes, or 0 and 1 in each of several columns",
    "values": "numbers",
    "probabilities": "a column for each class, whose rows sum to 1",
}


def page(registry: Registry[Any], cls: Any) -> Page:
    """The page on a class of a registry."""
    return Page(
        registry.kind,
        cls.name,
        cls.aliases,
        inspect.cleandoc(cls.__doc__ or ""),
        {},
        _facts(cls) if issubclass(cls, Loss) else {},
        {field.name: _field(cls, field) for field in fields(cls)},
    )


def written() -> str:
    """The text of `catalog.json`: the pages on optcli's own, of every kind."""
    found = {}
    for plural in PLACES_OF_OFFERS:
        of = registry(plural)
        own = [dataclasses.asdict(page(of, cls)) for cls in of if cls.name not in of.foreign()]
        found[plural] = [
            {key: value for key, value in each.items() if key != "sections"} for each in own
        ]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _facts(cls: type[Loss]) -> dict[str, str]:
    """The domain of a loss, and where it has no derivative."""
    found = {"targets": f"{TARGETS[cls.target]} {range_text(cls.targets, signs=True)}".rstrip()}
    if cls.ordered:
        found["targets"] += ", called by numbers"
    if cls.scores:
        found["scores"] = f"{range_text(cls.scores)}; values beyond may overflow"
    found["kinks"] = ", ".join(dict.fromkeys(kink.where for kink in cls.kinks)) or "none"
    return found


def _field(cls: type[Any], field: Field) -> str:
    """`learning rate (number > 0, default 0.001)`."""
    registry = named(cls, field.name)
    what = expected(field) if registry is None else f"one of the {registry.plural}"
    if field.default is dataclasses.MISSING:
        what += ", required"
    elif field.default is not None:
        what += f", default {said(field.default)}"
    return f"{field.doc} ({what.removeprefix('a ')})" if field.doc else what
