"""Overrides: `KEY=VALUE` settings applied to a config's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcli.config.settings import OF_BATCHES, OF_ROWS, REGISTERED_SECTIONS, REPLACED
from optcli.config.validation import OVERRIDES, dotted, said
from optcli.config.yaml_text import Document, Key, parse
from optcli.core.errors import Fault, InvalidInput


def apply(document: Document, overrides: Sequence[str]) -> None:
    """Apply `KEY=VALUE` settings to the document's value."""
    for setting in overrides:
        name, equals, text = setting.partition("=")
        if not equals or not all(name.split(".")):
            raise InvalidInput(Fault(f"is {setting!r}; must be KEY=VALUE", parameter=OVERRIDES))
        if not text.strip():
            message = "has no value; write null for none"
            raise InvalidInput(Fault(message, name, parameter=OVERRIDES))
        try:
            value = parse(text).value
        except InvalidInput as error:
            message = error.faults[0].message
            raise InvalidInput(Fault(message, name, parameter=OVERRIDES)) from error
        parts = tuple(name.split("."))
        if parts[0] == "tune" and len(parts) > 1:  # its keys are dotted themselves
            parts = ("tune", ".".join(parts[1:]))
        put(document, parts, value)


# What a setting takes the place of: of two that exclude each other the later one counts.
EXCLUDED: dict[Key, list[Key]] = {
    ("training", "steps"): [("training", "epochs")],
    ("training", "epochs"): [("training", "steps")],
    ("split", "folds"): [("split", "validation")],
    ("split", "validation"): [("split", "folds")],
    ("objective",): [
        *((section,) for section in (*REPLACED, *OF_ROWS)),
        *(("training", key) for key in OF_BATCHES),
    ],
    ("dataset",): [("objective",)],
    ("dataset", "name"): [("objective",)],
}

# Sections within a section that may be given by their name alone.
BY_NAME = [("training", "average")]

# The ways to choose rows, by their keys; one takes the place of another.
WAYS = ({"column"}, {"group", "fraction"}, {"last"})


def put(document: Document, key: Key, value: Any) -> None:
    """Set a key; null takes it away, so that its default holds."""
    at = document.value
    for depth, part in enumerate(key[:-1], 1):
        inner = at.get(part)
        if isinstance(inner, str) and (part in REGISTERED_SECTIONS or key[:depth] in BY_NAME):
            inner = {"name": inner}
        if key[:depth] in (("split", "validation"), ("split", "test")):
            inner = _way(inner, str(key[-1]))
        if inner is None and value is None:
            break  # there is nothing to take away
        if inner is None:
            inner = {}
        if not isinstance(inner, dict):
            message = f"'{part}' is {said(inner)}, which has no keys"
            raise InvalidInput(Fault(message, dotted(key), parameter=OVERRIDES))
        at[part] = inner
        at = inner
    else:
        if value is None:
            at.pop(key[-1], None)
        else:
            at[key[-1]] = value
    document.settings.add(key)
    document.unset.discard(key)
    if value is None:
        document.unset.add(key)
        return
    for other in EXCLUDED.get(key if key[0] != "objective" else key[:1], ()):
        *above, last = other
        holder = document.value.get(above[0]) if above else document.value
        if isinstance(holder, dict):
            holder.pop(last, None)
        document.settings -= {each for each in document.settings if each[: len(other)] == other}


def _way(inner: Any, name: str) -> Any:
    """How the rows of a part are chosen, without the keys of another way than that of `name`."""
    own: set[str] = next((way for way in WAYS if name in way), set())
    if not own:
        return inner
    if isinstance(inner, dict):
        return {key: value for key, value in inner.items() if key in own}
    share = isinstance(inner, int | float) and not isinstance(inner, bool)
    return {"fraction": inner} if share and name == "group" else {}
