"""Space: the section `tune`, which names the keys that a search varies, and over which values.

    tune:
      optimizer.lr: {from: 1e-4, to: 1e-1, log: true}
      model.hidden: {values: [[32], [64, 64]]}

Each bound and each value is tried in its key, so that what the key refuses is said where it
stands in this section.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optcli.config import overrides
from optcli.config.building import build, check_together
from optcli.config.settings import TUNABLE, Axis, Config
from optcli.config.validation import Faults, said, unknown
from optcli.config.yaml_text import Document, Key
from optcli.core.errors import Fault, InvalidInput, suggestion

RANGE, CHOICE = ("from", "to", "log", "integer"), ("values",)
EXAMPLE = "{from: 1e-4, to: 1e-1, log: true} or {values: [a, b]}"
FIXED = {  # keys of these sections that a search cannot vary, and why
    "training.time_limit": "would make the result depend on the machine",
    "training.threads": "does not change what is learned",
    "training.checkpoint_every": "does not change what is learned",
    "training.sharpness": "does not change what is learned",
    "training.on_divergence": "does not change what is learned",
    "training.stop_after": "is set by the search itself",
}
DECADES = 2.0  # of learning rate to each side, where no space is given
MOST_VALUES = 1000


def space(document: Document, faults: Faults) -> tuple[Axis, ...] | None:
    """The section as axes; None where there is none, or where faults were noted."""
    section = document.value.get("tune")
    if section is None:
        return None
    if not isinstance(section, Mapping) or not section:
        message = f"is {said(section)}; must be a mapping of keys, as optimizer.lr: {EXAMPLE}"
        faults.add(("tune",), message)
        return None
    before = len(faults.found)
    axes = [_axis(str(name), way, faults) for name, way in section.items()]
    if len(faults.found) > before:
        return None
    found = [axis for axis in axes if axis is not None]
    found = [_whole(document, axis) for axis in found]
    for axis in found:
        _try(document, axis, found, faults)
    return tuple(found) if len(faults.found) == before else None


def default_space(config: Config) -> tuple[Axis, ...]:
    """Where a config names none: the learning rate, two decades to each side of its own."""
    lr = config.optimizer.lr
    low, high = (float(f"{lr * 10**power:.3g}") for power in (-DECADES, DECADES))
    return (Axis("optimizer.lr", low, high, log=True),)


def varied(config: Config, values: Mapping[str, Any]) -> Config:
    """The config with other values of some keys; raises InvalidInput where they do not fit."""
    document = _with(config.document, values)
    faults = Faults()
    made = build(document.value, faults)
    if not faults.found:
        check_together(made, document.value, faults)
    if faults.found:
        raise InvalidInput(
            *(Fault(message, ".".join(map(str, key))) for key, message in faults.found)
        )
    sections = dict.fromkeys(key.partition(".")[0] for key in values)
    return dataclasses.replace(config, **{name: made[name] for name in sections}, document=document)


def _with(document: Document, values: Mapping[str, Any]) -> Document:
    """The document with these values; what holds others is set before them."""
    found = dataclasses.replace(
        document,
        value=copy.deepcopy(document.value),
        settings=set(document.settings),
        unset=set(document.unset),
    )
    for name in sorted(values, key=lambda name: name.count(".")):
        overrides.put(found, tuple(name.split(".")), copy.deepcopy(values[name]))
    return found


def _axis(name: str, way: Any, faults: Faults) -> Axis | None:
    """One key and its values, as far as they can be checked by themselves."""
    key: Key = ("tune", name)
    section = name.partition(".")[0]
    if section not in TUNABLE:
        listed = f"must begin with one of {', '.join(TUNABLE)}"
        hint = suggestion(section, TUNABLE)
        faults.add(key, f"cannot be tuned{hint}; {listed}" if not hint else f"unknown key{hint}")
        return None
    if name in FIXED:
        faults.add(key, f"cannot be tuned, as it {FIXED[name]}")
        return None
    if not isinstance(way, Mapping):
        as_values = f"; write {{values: {said(way)}}}" if isinstance(way, list) else ""
        faults.add(key, f"is {said(way)}; must be {EXAMPLE}{as_values}")
        return None
    inner = next((k for k in way if k not in (*RANGE, *CHOICE)), None)
    if inner is not None and isinstance(way[inner], Mapping):
        faults.add(key, f"holds the key '{inner}'; write it as one key, {name}.{inner}: {EXAMPLE}")
        return None
    if "values" in way:
        known = list(CHOICE)
        for other in way:
            if other in RANGE:
                faults.add((*key, other), "cannot be combined with values; set only one")
            elif other not in known:
                faults.add((*key, other), unknown(str(other), known))
        return _choice(name, way["values"], (*key, "values"), faults)
    for other in way:
        if other not in RANGE:
            faults.add((*key, other), unknown(str(other), [*RANGE, *CHOICE]))
    return _range(name, way, key, faults)


def _choice(name: str, values: Any, key: Key, faults: Faults) -> Axis | None:
    if not isinstance(values, list) or not values:
        faults.add(key, f"is {said(values)}; must be a list with one value or more")
        return None
    if len(values) > MOST_VALUES:
        faults.add(key, f"has {len(values):,} values; must be at most {MOST_VALUES:,}")
        return None
    for i, value in enumerate(values):
        if any(type(value) is type(other) and value == other for other in values[:i]):
            faults.add((*key, i), f"{said(value)} is listed twice")
            return None
    return Axis(name, values=tuple(values))


def _range(name: str, way: Mapping[str, Any], key: Key, faults: Faults) -> Axis | None:
    before = len(faults.found)
    for end in ("from", "to"):
        value = way.get(end)
        if value is None:
            if end not in way:
                faults.add(key, f"has no '{end}'; must be {EXAMPLE}")
            else:
                faults.add((*key, end), "is null; must be a number")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            faults.add((*key, end), f"is {said(value)}; must be a number")
        elif not math.isfinite(value):
            faults.add((*key, end), f"is {said(value)}; must be finite")
    for flag in ("log", "integer"):
        if not isinstance(way.get(flag, False), bool):
            faults.add((*key, flag), f"is {said(way[flag])}; must be true or false")
    if len(faults.found) > before:
        return None
    low, high = way["from"], way["to"]
    log, integer = way.get("log", False), way.get("integer", False)
    if not low < high:
        faults.add((*key, "to"), f"is {said(high)}; must be above from, {said(low)}")
    elif log and low <= 0:
        faults.add((*key, "from"), f"is {said(low)}; must be above 0 with log: true")
    elif integer:
        for end in ("from", "to"):
            if way[end] != int(way[end]):
                faults.add((*key, end), f"is {said(way[end])}; must be whole with integer: true")
    if len(faults.found) > before:
        return None
    return Axis(name, float(low), float(high), log=log, integer=integer)


def _whole(document: Document, axis: Axis) -> Axis:
    """A range of a key that takes whole numbers alone is one of whole numbers."""
    if axis.values or axis.integer or not (axis.low.is_integer() and axis.high.is_integer()):
        return axis
    between, whole = axis.low + 0.5, int(axis.low)
    refused = [_refused(document, {axis.key: value}, axis.key) for value in (between, whole)]
    return dataclasses.replace(axis, integer=bool(refused[0]) and not refused[1])


def _try(document: Document, axis: Axis, axes: Sequence[Axis], faults: Faults) -> None:
    """Note what the key refuses of the axis, by itself and under each value of a key above it."""
    above = [a for a in axes if a.key != axis.key and axis.key.startswith(f"{a.key}.")]
    ends = list(axis.values) if axis.values else [axis.at(0.0), axis.at(1.0)]
    places: list[Key] = [("values", i) for i in range(len(ends))]
    if not axis.values:
        places = [("from",), ("to",)]
    key: Key = ("tune", axis.key)
    for outer in _each(above):
        where = "".join(f" with {name} {said(value)}" for name, value in outer.items())
        for place, value in zip(places, ends, strict=True):
            refused = _refused(document, {**outer, axis.key: value}, axis.key)
            if refused and refused.startswith("unknown key"):
                named = refused
                if "." in axis.key:  # the name that is meant, with its section
                    section = axis.key.rpartition(".")[0]
                    named = re.sub(r"did you mean '(\w+)'", rf"did you mean '{section}.\1'", named)
                faults.add(key, named.replace("unknown key", f"unknown key{where}", 1))
                return
            if refused and not axis.values and _takes_no_number(document, outer, axis):
                faults.add(key, f"takes no range{where}; must be {{values: [a, b]}}")
                return
            if refused:
                faults.add((*key, *place), refused + where)
                if place == ("values", 0) or axis.values:
                    continue
                break


def _takes_no_number(document: Document, outer: Mapping[str, Any], axis: Axis) -> bool:
    """Whether the key refuses numbers of all kinds, as one that takes a list or a name does."""
    tried = (0, 1, 0.5, axis.low, axis.high)
    return all(_refused(document, {**outer, axis.key: value}, axis.key) for value in tried)


def _each(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """The values of the keys above one."""
    found: list[dict[str, Any]] = [{}]
    for axis in axes:
        found = [{**own, axis.key: value} for own in found for value in axis.values]
    yield from found


def _refused(document: Document, values: Mapping[str, Any], key: str) -> str | None:
    """What a config says against these values of it; None where it takes them."""
    faults = Faults()
    try:
        changed = _with(document, values)
    except InvalidInput as error:
        return error.faults[0].message
    made = build(changed.value, faults)
    if not faults.found:
        check_together(made, changed.value, faults)
    if not faults.found:
        return None
    own = tuple(key.split("."))
    near = [(at, message) for at, message in faults.found if at[: len(own)] == own]
    at, message = (near or faults.found)[0]
    inner = at[len(own) :] if near else ()
    if inner and all(isinstance(part, int) for part in inner):
        return f"entry {inner[0]} {message}"
    if near and not inner:
        return message
    return f"{'.'.join(map(str, at))} {message}"
