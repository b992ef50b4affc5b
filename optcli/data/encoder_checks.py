"""Checks of an encoder that was read from a file: nothing in it is of another type or length.

What JSON can hold is more than an encoder can: a mean that is a text, classes that are numbers,
a fill that is no category. It would be found out only when rows are encoded, or never.
"""

from __future__ import annotations

import math
import typing
from typing import Any

from optcli.core.specs import TargetKind
from optcli.data import dates
from optcli.data.encoding import Encoder
from optcli.data.features import Feature
from optcli.data.reading_rules import Reading
from optcli.data.targets import Target


def checked(encoder: Encoder) -> Encoder:
    """The encoder; raises ValueError with the first thing in it that cannot be."""
    if not encoder.features:
        raise ValueError("no features")
    for feature in encoder.features:
        _check_feature(feature)
    _check_target(encoder.target)
    _require(encoder.weights is None or _is_text(encoder.weights), "weights", encoder.weights)
    _require(_is_text(encoder.missing), "missing", encoder.missing)
    _require(_is_text(encoder.unlabelled), "unlabelled", encoder.unlabelled)
    _check_reading(encoder.reading)
    dated = {feature.name for feature in encoder.features if feature.parts is not None}
    known = {name for name, form in encoder.reading.dates.items() if form is not None}
    _require(dated == known, "reading: dates", encoder.reading.dates)
    image = encoder.image
    if image is not None:
        whole = all(type(size) is int and size > 0 for size in image)
        _require(len(image) == 3 and whole, "image", image)
        _require(math.prod(image) == len(encoder.features), "image", image)
    return encoder


def _check_feature(feature: Feature) -> None:
    place, fill = f"feature {feature.name!r}", feature.fill
    _require(_is_text(feature.name), "feature", feature.name)
    _require(_is_number(feature.mean), f"{place}: mean", feature.mean)
    _require(_is_number(feature.scale), f"{place}: scale", feature.scale)
    merged, parts = feature.merged, feature.parts
    _require(type(feature.ignores) is bool, f"{place}: ignores", feature.ignores)
    if feature.categories is None:
        _require(fill is None or _is_number(fill), f"{place}: fill", fill)
        _require(not merged, f"{place}: merged", merged)
        if parts is not None:
            _check_names(tuple(part.name for part in parts), f"{place}: parts")
            for part in parts:
                _require(part.name in dates.PARTS, f"{place}: part", part.name)
                _require(_is_number(part.mean), f"{place}: mean", part.mean)
                _require(_is_number(part.scale), f"{place}: scale", part.scale)
                fits = part.fill is None or _is_number(part.fill)
                _require(fits, f"{place}: fill", part.fill)
        return
    _require(parts is None, f"{place}: parts", parts)
    if merged:
        _check_names(merged, f"{place}: merged")
        _require(not {*merged} & {*feature.categories}, f"{place}: merged", merged)
    _check_names(feature.categories, f"{place}: categories")
    _require(fill is None or fill in feature.categories, f"{place}: fill", fill)


def _check_target(target: Target) -> None:
    kind, count = target.kind, len(target.names)
    _require(kind in typing.get_args(TargetKind), "target: kind", kind)
    _check_names(target.names, "target: names")
    for names in target.classes:
        _check_names(names, "target: classes")
    wanted = {"classes": 1, "labels": count}.get(kind, 0)
    _require(len(target.classes) == wanted, "target: classes", target.classes)
    if kind == "classes":
        _require(count == 1 and len(target.classes[0]) > 1, "target: classes", target.classes)
    if kind == "labels":
        pairs = all(len(names) == 2 for names in target.classes)
        _require(pairs, "target: classes", target.classes)
    for name in ("mean", "scale"):
        values = getattr(target, name)
        fits = all(map(_is_number, values)) and (kind != "values" or len(values) == count)
        _require(fits, f"target: {name}", values)
    _require(all(type(text) is bool for text in target.text), "target: text", target.text)
    for name in ("dropped", "merged"):
        _require(all(map(_is_text, getattr(target, name))), f"target: {name}", "")


def _check_reading(reading: Reading) -> None:
    _require(type(reading.rules) is int, "reading: rules", reading.rules)
    mark = reading.delimiter
    _require(mark is None or (_is_text(mark) and len(mark) == 1), "reading: delimiter", mark)
    for name in ("missing", "categorical"):
        value = getattr(reading, name)
        texts = isinstance(value, tuple) and all(map(_is_text, value))
        _require(value is None or texts, f"reading: {name}", value)
    for name, form in reading.dates.items():
        fits = form is None or (
            form.order in ("", "dmy", "mdy") and form.zone in (None, True, False)
        )
        _require(_is_text(name) and fits, f"reading: dates of {name!r}", form)
    for name, written in reading.numeric.items():
        fits = written is None or (written.decimal in ("", ".", ",") and _is_text(written.unit))
        _require(_is_text(name) and fits, f"reading: numbers of {name!r}", written)
    _require(reading.day_first in (None, True, False), "reading: day_first", reading.day_first)
    _require(reading.decimal in (None, ".", ","), "reading: decimal", reading.decimal)


def _check_names(names: Any, place: str) -> None:
    texts = isinstance(names, tuple) and bool(names) and all(map(_is_text, names))
    _require(texts and len(set(names)) == len(names), place, names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _require(fits: bool, place: str, value: Any) -> None:
    if not fits:
        raise ValueError(f"{place} cannot be {str(value)[:60]!r}")
