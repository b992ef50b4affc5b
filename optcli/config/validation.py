"""Validation: from plain values to specs; every fault is noted, none is raised.

pydantic decides whether a value fits a field's annotation; the words are ours,
out of the same annotation.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from optcli.config.yaml_text import Document, Key
from optcli.core.errors import Fault, InvalidInput, setting, suggestion
from optcli.core.registry import Registry
from optcli.core.specs import Columns, Doc, Field, Named, fields, hints, range_text
from optcli.plugins.catalog import KINDS

# What the field calls it elsewhere, and what it is here.
OTHER_NAMES = {
    "learning_rate": "lr",
    "step_size": "lr",
    "alpha": "lr",
    "eta": "lr",
    "betas": "beta1",
    "b1": "beta1",
    "b2": "beta2",
    "epsilon": "eps",
    "wd": "weight_decay",
    "decay": "weight_decay",
    "batchsize": "batch_size",
    "batch": "batch_size",
    "minibatch_size": "batch_size",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "max_steps": "steps",
    "max_iter": "steps",
    "grad_clip": "clip_norm",
    "gradient_clip": "clip_norm",
    "max_grad_norm": "clip_norm",
    "hidden_layers": "hidden",
    "hidden_layer_sizes": "hidden",
    "hidden_sizes": "hidden",
    "layers": "hidden",
    "units": "hidden",
    "nonlinearity": "activation",
    "random_state": "seed",
    "random_seed": "seed",
    "precision": "dtype",
    "data": "dataset",
    "criterion": "loss",
    "objective_function": "loss",
    "network": "model",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "file": "path",
    "label": "target",
    "y": "target",
    "val": "validation",
    "n_samples": "samples",
    "weight_decay_l2": "l2",
    "type": "name",
    "kind": "name",
}


class Faults:
    """Collects what is wrong, by key."""

    def __init__(self) -> None:
        self.found: list[tuple[Key, str]] = []

    def add(self, key: Key, message: str) -> None:
        self.found.append((key, message))

    def take(self, key: Key, error: InvalidInput) -> None:
        """Those that a spec itself has raised, their keys being relative to it."""
        for fault in error.faults:
            inner = tuple(fault.key.split(".")) if fault.key else ()
            self.add((*key, *inner), fault.message)


def registered(registry: Registry[Any], value: Any, key: Key, faults: Faults) -> Any:
    """The spec that `value` names: a bare name, or a mapping with `name` and its fields."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        faults.add(key, f"is {said(value)}; must be a name, or a mapping with 'name'")
        return None
    name = value.get("name")
    if not isinstance(name, str):
        wrong = f"its name is {said(name)}" if "name" in value else "has no 'name'"
        meant = next((k for k in value if k.lower() in ("name", "type", "kind")), "name")
        hint = "" if meant == "name" else f"; did you mean 'name' by '{meant}'?"
        if any(k.startswith("name:") for k in value):
            hint = "; a space is missing after 'name:'"
        faults.add(key, f"{wrong}; must name one {_of(registry)}{hint}")
        return None
    try:
        cls = registry.find(name)
    except InvalidInput as error:
        faults.take((*key, "name"), error)
        return None
    return spec(cls, {k: v for k, v in value.items() if k != "name"}, key, faults)


def _of(registry: Registry[Any]) -> str:
    return f"of the {registry.plural} (optcli list {registry.plural})"


def spec(cls: type[Any], value: Any, key: Key, faults: Faults) -> Any:
    """An instance of a spec class from a mapping of its fields, or None with faults noted."""
    if not isinstance(value, Mapping):
        faults.add(key, f"is {said(value)}; must be a mapping with {_some(_names(cls))}")
        return None
    before = len(faults.found)
    known = {field.name: field for field in fields(cls)}
    for name in value:
        if name not in known:
            faults.add((*key, name), unknown(name, [*known]))
    given = {}
    for name, field in known.items():
        if name in value:
            given[name] = _field(cls, field, value[name], (*key, name), faults)
        elif field.default is dataclasses.MISSING:
            faults.add(key, f"has no '{name}' ({field.doc})")
    if len(faults.found) > before:
        return None
    try:
        return cls(**given)
    except InvalidInput as error:
        faults.take(key, error)
        return None


def unknown(name: str, known: list[str], elsewhere: Mapping[str, str] | None = None) -> str:
    """What to say of a key that is none."""
    word, colon, _ = name.partition(":")
    if colon and word in (*known, "name"):
        return f"unknown key; a space is missing after '{word}:'"
    other = OTHER_NAMES.get(name.lower().replace("-", "_"))
    if other in known:
        return f"unknown key; did you mean '{other}'?"
    if elsewhere is not None:
        for candidate in (name, other):
            if candidate is not None and candidate in elsewhere:
                return f"unknown key; did you mean '{elsewhere[candidate]}'?"
    if not known:
        return "unknown key; there are none here"
    return f"unknown key{suggestion(name, known) or '; must be one of ' + ', '.join(known)}"


def _names(cls: type[Any]) -> list[str]:
    return [field.name for field in fields(cls)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")


def adapter(cls: type, name: str) -> TypeAdapter[Any]:
    """What checks a value against the field's annotation: strictly, and finite; made once."""
    return _adapter(cls, name)


@functools.cache
def _adapter(cls: type, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(hints(cls)[name], config=ConfigDict(strict=True, allow_inf_nan=False))


def _field(cls: type[Any], field: Field, value: Any, key: Key, faults: Faults) -> Any:
    inner, registry = nested(field.type), named(cls, field.name)
    if inner is not None and (value is not None or not optional(field.type)):
        if registry is not None:
            return registered(registry, value, key, faults)
        return spec(inner, value, key, faults)
    value = _frozen(value)
    if names_columns(cls, field.name):
        value = _names_of_columns(value)
    try:
        checked = adapter(cls, field.name).validate_python(value)
    except ValidationError as error:
        if registry is not None:
            faults.add(key, f"is {said(value)}; must be one {_of(registry)}")
        else:
            as_list = _fits(cls, field.name, (value,))
            of_columns = names_columns(cls, field.name)
            _explain(error, field, value, key, faults, as_list=as_list, of_columns=of_columns)
        return None
    if registry is not None and checked is not None:
        try:
            registry.find(checked)
        except InvalidInput as error:
            faults.take(key, error)
    return checked


def _fits(cls: type[Any], name: str, value: Any) -> bool:
    """Whether a field takes the value."""
    try:
        adapter(cls, name).validate_python(value)
    except ValidationError:
        return False
    return True


def named(cls: type[Any], name: str) -> Registry[Any] | None:
    """The registry that the field's value must be a name of, if there is one."""
    plural = next((note.plural for note in _notes(cls, name) if isinstance(note, Named)), None)
    return None if plural is None else KINDS[plural]


def names_columns(cls: type[Any], name: str) -> bool:
    """Whether the field names columns of a table."""
    return any(isinstance(note, Columns) for note in _notes(cls, name))


def _notes(cls: type[Any], name: str) -> tuple[Any, ...]:
    return getattr(hints(cls)[name], "__metadata__", ())


def _names_of_columns(value: Any) -> Any:
    """Whole numbers as the names that they are where columns are named."""
    if isinstance(value, tuple):
        return tuple(map(_names_of_columns, value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def nested(hint: Any) -> type[Any] | None:
    """The spec class that a field holds, if it holds one."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    return next((each for each in options if dataclasses.is_dataclass(each)), None)  # type: ignore[return-value]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def optional(hint: Any) -> bool:
    """Whether a field of this type may be null."""
    return type(None) in typing.get_args(hint)


def _frozen(value: Any) -> Any:
    """Lists as tuples, as frozen specs have them."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


_OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def _explain(
    error: ValidationError,
    field: Field,
    value: Any,
    key: Key,
    faults: Faults,
    *,
    as_list: bool = False,
    of_columns: bool = False,
) -> None:
    """Say what is wrong with a field's value.

    as_list: it would do as the one entry of a list. of_columns: it names columns of a table.
    """
    problems = error.errors(include_url=False)
    kinds = {problem["type"] for problem in problems}
    if kinds & {"too_short", "string_too_short"} and value in ((), ""):
        entries = " with one entry or more" if "too_short" in kinds else ""
        faults.add(key, f"is empty; must be {expected(field)}{entries}")
        return
    # an entry's own fault says more than that of the list
    deeper = [problem for problem in problems if problem["loc"][:1] and _is_entry(problem)]
    told = set()  # entries: each alternative of their type has a problem with them
    for problem in deeper or problems:
        place = problem["loc"]
        inside = place[0] if place and isinstance(place[0], int) else None
        if inside in told:
            continue
        told.add(inside)
        at = (*key, inside) if isinstance(inside, int) else key
        item = problem["input"] if inside is not None else value
        if problem["type"] in _OUT_OF_RANGE and isinstance(item, int | float) and item == item:
            limit = field.range or _limit(problem)
            faults.add(at, f"is {said(item)}; must be {limit}")
        elif inside is not None:
            word = expected(dataclasses.replace(field, type=_of_entries(field.type)))
            quotes = _in_quotes(item) if of_columns else ""
            if not of_columns and "text" in word and isinstance(item, bool | None):
                quotes = f'; write "{said(item)}" in quotes to have it as text'
            faults.add(at, f"is {said(item)}; must be {word}{quotes}")
        else:
            hint = _in_quotes(item) if of_columns else ""
            hint = f", as [{said(item)}]" if as_list else hint
            faults.add(at, f"is {said(item)}; must be {expected(field)}{hint}")
        if inside is None:
            return


def _in_quotes(value: Any) -> str:
    """The remedy where YAML takes a column's name for something else: `1.5`, `true`."""
    scalar = isinstance(value, bool | float)
    return f'; if a column is called that, write "{said(value)}" in quotes' if scalar else ""


def _of_entries(hint: Any) -> Any:
    """The type of the entries of a list, which may be null instead."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    [of_list] = [each for each in options if typing.get_origin(each) is tuple][:1] or [hint]
    return typing.get_args(of_list)[0]


def _is_entry(problem: Any) -> bool:
    return isinstance(problem["loc"][0], int)


def _limit(problem: Any) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    return next(f"{words[k]} {v}" for k, v in problem["ctx"].items() if k in words)


def expected(field: Field) -> str:
    """What a field takes, in words: `a number > 0`."""
    options = _alternatives(field.type)
    if field.range and not options[0].startswith("a list"):
        number, *others = sorted(options, key=lambda word: "number" not in word)
        options = [f"{number} {range_text(field.bounds, signs=True)}", *others]
    return _one_of(options)


def _one_of(options: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b, or c`."""
    if len(options) < 3:
        return " or ".join(options)
    return f"{', '.join(options[:-1])}, or {options[-1]}"


def _alternatives(hint: Any) -> list[str]:
    """Each type that a union allows, in words; null left out."""
    if not _is_union(hint):
        return _type_words(hint).split(" or ")
    every = [each for each in typing.get_args(hint) if each is not type(None)]
    kept = [each for each in every if each is not int or float not in every]
    return list(dict.fromkeys(word for each in kept for word in _alternatives(each)))


def _type_words(hint: Any) -> str:
    if _is_union(hint):
        return _one_of(_alternatives(hint))
    origin = typing.get_origin(hint)
    if origin is Annotated:
        inner, *notes = typing.get_args(hint)
        said = next((note.text for note in notes if isinstance(note, Doc)), None)
        return said or _type_words(inner)
    if origin is Literal:
        values = [f"'{value}'" for value in typing.get_args(hint)]
        return values[0] if len(values) == 1 else "one of " + ", ".join(values)
    if origin is tuple:
        inner = _alternatives(typing.get_args(hint)[0])
        plural = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts"}
        if all(each in plural for each in inner):
            return "a list of " + " or ".join(plural[each] for each in inner)
        return f"a list, each entry {_one_of(inner)}"
    if origin is dict:
        return "a mapping"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def said(value: Any) -> str:
    """A value as YAML has it, cut where it is long."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = repr(value)
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{k}: {said(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(said(item) for item in value) + "]"
    else:
        text = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(str(value), str(value))
    return text if len(text) <= 60 else text[:57] + "…"


OVERRIDES = "overrides"  # the parameter by which settings come


def dotted(key: Key) -> str:
    """`model.hidden[1]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def located(document: Document, key: Key, message: str) -> Fault:
    """A fault with the setting it comes from, or with its file and line."""
    above = [key[:length] for length in range(len(key), 0, -1)]
    section = key[:-1]
    renamed = (*section, "name") in document.settings and key not in document.settings
    if renamed and message.startswith("unknown key"):
        former = setting(OVERRIDES, f"{dotted(section)}=NAME")
        message += f"; {former} drops the keys of the former"
    if any(part in document.settings for part in above):
        return Fault(message, dotted(key), parameter=OVERRIDES)
    for given in sorted(document.settings):
        if given[: len(key)] == key:
            return Fault(message, dotted(given), parameter=OVERRIDES)
    line = next((document.lines[part] for part in above if part in document.lines), None)
    if line is None and document.file:
        line = document.lines.get((), 1)
    return Fault(message, dotted(key), document.file, line)
