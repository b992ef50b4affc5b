"""Columns: raw columns in, the model's inputs x out, as ONNX nodes.

Numbers are prepared in float64, as training does, and become the model's dtype afterwards. What
`predict` refuses (a missing value that none stands for, an unknown category) becomes NaN, and so
does each answer of its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from optcli.core.arrays import Array
from optcli.data.categories import Known
from optcli.data.cells import MISSING, TRUTH, canonical
from optcli.data.columns import short
from optcli.data.dates import DAY
from optcli.data.encoding import Encoder
from optcli.data.features import Feature
from optcli.data.reading_rules import DateForm, Reading
from optcli.data.table import listed
from optcli.exports.graph import Graph, Tensor

ROWS = "N"
IMAGE = "image"
_NONE, _REFUSED = -1, -2  # codes of a category for which no input is 1, and of a wrong one


def add(graph: Graph, encoder: Encoder) -> str:
    """Add inputs and nodes; returns the name of x, (N, D), or (N, C, H, W) of images."""
    if encoder.image is not None:
        doc = "pixels, channels first, on the scale of the training data"
        tensor = Tensor(IMAGE, graph.dtype.name, (ROWS, *encoder.image), doc)
        image = graph.input(tensor)
        pixels = _numbers(graph, graph.cast(image, "float64"), encoder.features, encoder.image)
        return graph.cast(pixels, graph.dtype)
    names = [graph.input(each) for each in inputs(graph, encoder)]
    parts = []
    for features, columns in _runs(encoder.features, names):
        if features[0].categories is not None:
            parts.append(_one_hot(graph, columns[0], features[0], encoder.reading))
            continue
        values: list[str] = []
        for feature, column in zip(features, columns, strict=True):
            parted = feature.parts is not None
            values += _date_parts(graph, column, feature) if parted else [column]
        whole = values[0] if len(values) == 1 else graph.node("Concat", *values, axis=1)
        parts.append(graph.cast(_numbers(graph, whole, features), graph.dtype))
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)


def inputs(graph: Graph, encoder: Encoder) -> list[Tensor]:
    """An input (N, 1) for each column, called as the column."""
    found = []
    for feature in encoder.features:
        kind = "float64" if feature.categories is None else "string"
        name = feature.name or "column"
        found.append(Tensor(graph.free(name), kind, (ROWS, 1), described(feature, encoder.reading)))
    return found


def described(feature: Feature, reading: Reading) -> str:
    """What a column is to hold, in words."""
    gap = ""
    if feature.categories is not None:
        gap = "; '' for a missing value" if feature.fill is not None else ""
        return f"text, one of {listed(feature.categories, 20)}{gap}"
    filled = feature.parts[0] if feature.parts else feature
    gap = "; NaN for a missing value" if filled.fill is not None else ""
    form = reading.form(feature.name)
    if feature.parts is not None:
        zoned = isinstance(form, DateForm) and form.zone
        time = "in UTC" if zoned else "of the time as it is written"
        return f"seconds since 1970-01-01, {time}{gap}"
    if form is not None:
        unit = getattr(form, "unit", "")
        return f"number{f' in {unit}' if unit else ''}, without unit or thousands separators{gap}"
    return f"number{gap}"


def remarks(encoder: Encoder) -> list[str]:
    """A sentence on each column that is not taken as it is written in a table."""
    found = []
    for feature in encoder.features:
        form = encoder.reading.form(feature.name)
        if feature.parts is not None or form is not None:
            what = described(feature, encoder.reading)
            found.append(f"column '{short(feature.name)}': ONNX reads no dates; give {what}")
            if feature.parts is None:
                found[-1] = f"column '{short(feature.name)}': give a {what}"
    return found


def _runs(
    features: tuple[Feature, ...], names: list[str]
) -> Iterator[tuple[list[Feature], list[str]]]:
    """The columns in order, those of numbers and dates that stand together at once."""
    run: list[tuple[Feature, str]] = []
    for each in zip(features, names, strict=True):
        text = each[0].categories is not None
        if run and (text or run[-1][0].categories is not None):
            yield [f for f, _ in run], [n for _, n in run]
            run = []
        run.append(each)
    yield [f for f, _ in run], [n for _, n in run]


def _numbers(
    graph: Graph,
    values: str,
    features: list[Feature] | tuple[Feature, ...],
    image: tuple[int, ...] | None = None,
) -> str:
    """(value - mean) / scale of float64 values, 0 for a scale of 0, missing ones filled."""
    each = [part for feature in features for part in feature.parts or (feature,)]
    nan = float("nan")

    def constant(numbers: list[float]) -> Array:
        array = np.array(numbers)
        if image is None:
            return array
        array = array.reshape(image)
        alike = array.min(axis=(1, 2), keepdims=True)
        return alike if np.array_equal(np.broadcast_to(alike, image), array, True) else array

    fills = constant([part.fill if isinstance(part.fill, int | float) else nan for part in each])
    means, scales = constant([part.mean for part in each]), constant([part.scale for part in each])
    if not np.isnan(fills).all():
        values = graph.node("Where", graph.node("IsNaN", values), fills, values)
    if means.any():
        values = graph.node("Sub", values, means)
    divisors = np.where(scales == 0, 1.0, scales)
    if np.any(divisors != 1):
        values = graph.node("Div", values, divisors)
    if np.any(scales == 0):
        values = graph.node("Mul", values, (scales != 0).astype(np.float64))
    return values


def _one_hot(graph: Graph, column: str, feature: Feature, reading: Reading) -> str:
    """An input of 0 or 1 for each category."""
    assert feature.categories is not None
    known, default = feature.known(reading.rules), _REFUSED
    if known.open:
        default = len(feature.categories) - 1
    elif feature.ignores:
        default = _NONE
    missing = _REFUSED
    if isinstance(feature.fill, str):
        missing = feature.categories.index(feature.fill)
    codes = spellings(known)
    codes = dict.fromkeys(gaps(reading), missing) | codes
    code = graph.node(
        "LabelEncoder",
        column,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=default,
    )
    order = np.arange(len(feature.categories))
    hot = graph.cast(graph.node("Equal", code, order), graph.dtype)
    if _REFUSED not in (missing, default):
        return hot
    wrong = graph.node("Equal", code, np.array(_REFUSED))
    return graph.node("Where", wrong, float("nan"), hot)


def spellings(known: Known) -> dict[str, int]:
    """The code of each category, by all ways in which sources write it: True, true; 1, 1.0."""
    codes = dict.fromkeys(known.merged, len(known.texts) - 1)
    codes |= {text: code for code, text in enumerate(known.texts)}
    if known.rules == 1:
        return codes
    alike = Counter(map(canonical, codes))
    found: dict[str, int] = {}
    for text, code in codes.items():
        plain = canonical(text)
        if alike[plain] == 1:
            others = [plain]
            if plain in TRUTH:
                others += [plain.capitalize(), plain.upper()]
            elif plain.lstrip("-").isdigit() and canonical(f"{plain}.0") == plain:
                others.append(f"{plain}.0")
            found |= dict.fromkeys(others, code)
    return found | codes


def gaps(reading: Reading) -> list[str]:
    """The texts that stand for a missing value."""
    if reading.rules > 1 and reading.missing is not None:
        return ["", *reading.missing]
    ways = (str.lower, str.upper, str.capitalize)
    return sorted({"NaN", *(way(text) for text in MISSING for way in ways)})


def _date_parts(graph: Graph, seconds: str, feature: Feature) -> list[str]:
    """The parts of moments, as `dates.part` has them.

    Days become dates by Howard Hinnant's civil_from_days, in float64, which is exact here.
    """

    def do(operator: str, *values: str | float) -> str:
        arrays = [np.array(each) if not isinstance(each, str) else each for each in values]
        return graph.node(operator, *arrays)

    def whole(value: str, by: float) -> str:
        return do("Floor", do("Div", value, by))

    def rest(value: str, by: float) -> str:
        return do("Sub", value, do("Mul", whole(value, by), by))

    days = whole(seconds, float(DAY))
    shifted = do("Add", days, 719468.0)  # days since 0000-03-01
    era, day = whole(shifted, 146097.0), rest(shifted, 146097.0)
    leap = do(
        "Sub",
        do("Add", do("Sub", day, whole(day, 1460.0)), whole(day, 36524.0)),
        whole(day, 146096.0),
    )
    year = whole(leap, 365.0)  # of the era
    before = do("Sub", do("Add", do("Mul", year, 365.0), whole(year, 4.0)), whole(year, 100.0))
    since = do("Sub", day, before)  # days since the first of March
    month = whole(do("Add", do("Mul", since, 5.0), 2.0), 153.0)  # from 0, March
    turned = graph.node("Greater", month, np.array(9.5))
    found = {
        "day_number": days,
        "hour": do("Div", rest(seconds, float(DAY)), 3600.0),
        "weekday": rest(do("Add", days, 3.0), 7.0),
        "month": graph.node("Where", turned, do("Sub", month, 9.0), do("Add", month, 3.0)),
        "year": do("Add", do("Add", year, do("Mul", era, 400.0)), graph.cast(turned, "float64")),
    }
    assert feature.parts is not None
    return [found[part.name] for part in feature.parts]
