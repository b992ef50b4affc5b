"""Preparation: from a table to the arrays that training reads.

Checks what the columns hold, divides the rows, learns the encoding from the
training rows, and encodes each part. What is wrong is said all at once, as far
as one fault does not hide another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from optcli.arrays import Array
from optcli.data import split as splitting
from optcli.data.base import Dataset, Roles
from optcli.data.checks import (
    check_columns,
    check_targets,
    drop,
    features_of,
    target_classes,
    weights_of,
    without_missing,
)
from optcli.data.columns import BLOCK, Column, Numbers, Words, blocks, inexact
from optcli.data.encoding import (
    NUMERIC,
    Encoded,
    Encoder,
    Feature,
    Target,
    classes_of,
    require,
)
from optcli.data.opening import check_there
from optcli.data.streaming import LARGE
from optcli.data.table import Table
from optcli.errors import Fault, InvalidInput
from optcli.specs import Bound, Split, TargetKind

PIXELS = 1 << 20  # values of images that are looked at together

__all__ = ["Encoder", "Feature", "Part", "Prepared", "Target", "labelled", "prepare"]


@dataclass(frozen=True)
class Part:
    """Some rows, ready for use.

    x: (N, D), C-contiguous; of a streamed part `Encoded`, which gives an array for a
    slice of rows. y: classes (N,) intp, labels (N, C) of 0 and 1, values (N, C).
    weight: (N,) sample weights, or None.
    """

    x: Array
    y: Array
    weight: Array | None = None

    @property
    def streamed(self) -> bool:
        """Whether x is not in memory."""
        return isinstance(self.x, Encoded)

    def sampled(self, most: int) -> Part:
        """At most so many rows from all over the part, in memory."""
        if self.streamed:
            return self.thinned(most)
        if len(self.x) <= most:
            return self
        rows = np.linspace(0, len(self.x) - 1, most).astype(int)
        weight = None if self.weight is None else self.weight[rows]
        return Part(self.x[rows], self.y[rows], weight)

    def thinned(self, most: int) -> Part:
        """The part in memory; where it is streamed, at most so many rows from all over it."""
        if not self.streamed:
            return self
        rows, run = len(self.x), 100  # rows that are read together
        count = max(1, most // run)
        starts = range(0, rows, run) if rows <= most else [i * rows // count for i in range(count)]
        runs = [slice(start, start + run) for start in starts]
        x, y = (np.concatenate([of[rows] for rows in runs]) for of in (self.x, self.y))
        weight = None
        if self.weight is not None:
            weight = np.concatenate([self.weight[rows] for rows in runs])
        return Part(x, y, weight)


@dataclass(frozen=True)
class Prepared:
    """A table, divided and encoded. outputs is C; warnings are sentences for the user."""

    train: Part
    validation: Part | None
    test: Part | None
    encoder: Encoder
    outputs: int
    warnings: tuple[str, ...] = ()

    @property
    def target_mean(self) -> Array:
        """(C,) values are target_mean + target_scale · what the model learns."""
        return np.array(self.encoder.target.mean or [0.0] * self.outputs)

    @property
    def target_scale(self) -> Array:
        return np.array(self.encoder.target.scale or [1.0] * self.outputs)


def prepare(
    dataset: Dataset,
    table: Table,
    *,
    target: TargetKind,
    split: Split,
    seed: int,
    dtype: Any = np.float32,
    loss: str = "the loss",
    scale_target: bool = True,
    bounds: Sequence[Bound] = (),
    ordered: bool = False,
) -> Prepared:
    """Turn `dataset`'s table into training, validation and test rows.

    target: what the loss is about; loss: its name, for messages. scale_target:
    whether `standardize` may scale values too. bounds: what the values must keep.
    ordered: whether classes must be numbers, for their order. seed: the run's.

    Categories and classes are those of the whole table, so that every split of it
    has the same inputs and outputs; means and scales are the training rows' alone.
    Text columns become one input of 0 or 1 for each category and are not scaled.
    The pixels of an image are scaled alike, by mean and deviation of their channel.
    Raises InvalidInput.
    """
    roles, dtype = dataset.roles(), np.dtype(dtype)
    parting = splitting.columns_of(split)
    splitting.check(split, table)
    features = features_of(roles, table, parting)
    others = [*roles.target, *([roles.weights] if roles.weights else []), *parting]
    warnings = [note.text for note in table.notes if note.column in {None, *features, *others}]
    complete = without_missing(table, roles, features, others)
    if complete.rows < table.rows:
        dropped = table.rows - complete.rows
        warnings.append(f"{dropped} of {table.rows} rows dropped for missing values")
        table = complete
    check_columns(table, roles, features, dtype)
    warnings += _oddities(dataset, table, (*features, *roles.target), split)
    if table.rows == 1:
        raise InvalidInput(Fault("has one row; training takes two or more", file=table.source))

    classes = target_classes(table, roles.target, target, loss)
    check_targets(table, roles.target, loss, bounds, ordered=ordered)
    strata = _strata(table, roles.target, target)
    rows = splitting.divide(table, split, strata, seed)
    train = table.select(rows.train)
    # a pixel may well be constant, as those in the corners are
    notes: list[str] = [] if roles.image else warnings
    encoded = tuple(
        _feature(name, table.columns[name], train.columns[name], dataset, roles, notes)
        for name in features
    )
    if roles.image:
        encoded = _pixels(encoded, train, roles.image, standardize=dataset.standardize)
    encoder = Encoder(
        encoded,
        _target(
            train, roles.target, target, classes, dataset.standardize and scale_target, warnings
        ),
        roles.weights,
        roles.missing,
        roles.image,
    ).read_by(table.reading)
    stream = getattr(dataset, "stream", False)
    if stream is None:
        stream = table.rows * encoder.inputs * dtype.itemsize > LARGE
    part = labelled(encoder, train, dtype, stream=stream, what="training")
    parts: dict[str, Part | None] = {}
    ways = {"validation": (split.validation, rows.validation), "test": (split.test, rows.test)}
    for name, (way, chosen) in ways.items():
        if isinstance(way, str):
            check_there(way, f"split.{name}")
            other = dataset.other(
                way, encoder.reading if table.reading.rules > 1 else table.reading
            )
            parts[name] = labelled(encoder, other, dtype, stream=stream, what=name)
            check_targets(other, roles.target, loss, bounds, ordered=ordered)
        else:
            parts[name] = None
            if chosen is not None:
                rest = table.select(chosen)
                parts[name] = labelled(encoder, rest, dtype, stream=stream, what=name)
    if strata is not None:
        _check_classes({"train": part, **parts}, classes[0], roles.target[0], table.source)
    return Prepared(
        train=part,
        validation=parts["validation"],
        test=parts["test"],
        encoder=encoder,
        outputs=encoder.outputs,
        warnings=tuple(warnings),
    )


def labelled(
    encoder: Encoder,
    table: Table,
    dtype: Any = np.float32,
    *,
    stream: bool = False,
    what: str = "",
) -> Part:
    """Rows of a further table with their targets, treated as the training rows were.

    Where those with missing values were dropped, they are dropped here, too. stream:
    whether inputs are encoded whenever they are needed. what: which rows they are, for
    messages. Raises InvalidInput.
    """
    if encoder.missing == "drop":
        names = [f.name for f in encoder.features] + list(encoder.target.names)
        names += [encoder.weights] if encoder.weights else []
        require(table, names)
        table = drop(table, names)
    weight = None
    if encoder.weights is not None:
        require(table, [encoder.weights])
        rows = f" in the {what} rows" if what else ""
        values = weights_of(table, encoder.weights, np.dtype(dtype), rows)
        weight = table.make(table.rows, dtype)
        for block in blocks(table.rows):
            weight[block] = values[block]
    if stream:
        encoder.check(table, dtype)
        x = cast("Array", Encoded(encoder, table, np.dtype(dtype)))
    else:
        x = encoder.encode(table, dtype)
    return Part(x, encoder.encode_target(table, dtype), weight)


def _strata(table: Table, names: Sequence[str], kind: TargetKind) -> Array | None:
    """What fractions keep in proportion: the classes of a single target column."""
    if kind in NUMERIC or len(names) > 1:
        return None
    column = table.columns[names[0]]
    there, strata = column.distinct(), table.make(table.rows, np.intp)
    for start, piece in column.pieces():
        keys = piece.values if isinstance(piece, Numbers) else piece.codes
        strata[start : start + len(piece)] = np.searchsorted(there, keys)
    return strata


def _check_classes(
    parts: dict[str, Part | None], classes: tuple[str, ...], name: str, source: str
) -> None:
    """Every part must have rows of every class."""
    faults = []
    there = sum(rows is not None for rows in parts.values())
    total: Counter[str] = Counter()
    for part, rows in parts.items():
        if rows is None:
            continue
        counts = np.zeros(len(classes), np.intp)
        for block in blocks(len(rows.y)):
            y = rows.y[block]  # labels are columns of 0 and 1
            own = y if y.ndim == 1 else y[:, 0].astype(np.intp)
            counts += np.bincount(own, minlength=len(classes))
        total.update(dict(zip(classes, counts.tolist(), strict=True)))
        lacking = [text for text, count in zip(classes, counts, strict=True) if not count]
        if lacking:
            which = "classes" if len(lacking) > 1 else "class"
            shown = ", ".join(f"'{text}'" for text in lacking[:5])
            label = "training" if part == "train" else part
            faults.append(
                Fault(
                    f"no row of {which} {shown} of '{name}' is in the {label} part; "
                    "each part needs rows of every class",
                    "split" if part == "train" else f"split.{part}",
                )
            )
    rare = [text for text in classes if total[text] < there]
    if faults and rare:
        count = f"{total[rare[0]]} row{'s' * (total[rare[0]] != 1)}"
        message = f"class '{rare[0]}' of '{name}' in {source} has {count} for {there} parts"
        raise InvalidInput(Fault(f"{message}; add rows, or leave the class out", "split"))
    if faults:
        raise InvalidInput(*faults)


def _oddities(dataset: Dataset, table: Table, names: Sequence[str], split: Split) -> list[str]:
    """What may be a slip, but need not be."""
    found = []
    if dataset.roles().missing == "impute":
        imputed = sum(table.columns[name].gaps() for name in names)
        found += [f"{imputed} missing values imputed"] if imputed else []
    for name in names:
        column = table.columns[name]
        if isinstance(column, Words):
            texts: dict[str, str] = {}
            for text in classes_of(column):
                other = texts.setdefault(text.lower(), text)
                if other != text:
                    found.append(f"column '{name}': '{other}' and '{text}' differ in case alone")
        elif column.find(_rounded) is not None:
            found.append(f"column '{name}' holds numbers beyond 2^53, which are rounded")
    path = getattr(dataset, "path", None)
    for part in ("validation", "test"):
        way = getattr(split, part)
        if path and isinstance(way, str) and Path(way).resolve() == Path(path).resolve():
            found.append(f"split.{part} is the training rows' own file")
    return found


def _rounded(column: Numbers) -> Array:
    """Where a number is as long as counts and keys are, but not kept exactly."""
    return inexact(column) & (np.abs(column.values) < 2.0**64)


def _target(
    train: Table,
    names: Sequence[str],
    kind: TargetKind,
    classes: tuple[tuple[str, ...], ...],
    scaled: bool,
    warnings: list[str],
) -> Target:
    text = tuple(isinstance(train.columns[name], Words) for name in names)
    if kind != "values":
        return Target(kind, tuple(names), classes, text=text)
    means, scales = [], []
    for name in names:
        column = train.columns[name]
        assert isinstance(column, Numbers)
        mean, scale = _moments(_values([column])) if scaled else (0.0, 1.0)
        if scale == 0:
            warnings.append(f"target '{name}' is constant in the training rows")
        means.append(mean)
        scales.append(scale)
    return Target(kind, tuple(names), mean=tuple(means), scale=tuple(scales), text=text)


# ---- the features --------------------------------------------------------------------


def _feature(
    name: str, whole: Column, train: Column, dataset: Dataset, roles: Roles, warnings: list[str]
) -> Feature:
    """What becomes of a column, by its training rows; a missing value becomes mean or mode."""
    impute = roles.missing == "impute"
    if isinstance(whole, Words):
        assert isinstance(train, Words)
        categories = classes_of(whole)
        if len(categories) == 1:
            warnings.append(f"column '{name}' is constant")
        mode = train.categories[int(train.counts().argmax())] if impute else None
        return Feature(name, categories, fill=mode)
    assert isinstance(train, Numbers)
    if train.gaps() == len(train):
        raise InvalidInput(Fault(f"column '{name}' has no value in the training rows", "split"))
    mean, scale = _moments(_values([train]))
    if scale == 0:
        becomes = " and becomes 0" if dataset.standardize else ""
        warnings.append(f"column '{name}' is constant in the training rows{becomes}")
    fill = mean if impute else None
    if not dataset.standardize:
        mean, scale = 0.0, 1.0
    return Feature(name, None, mean, scale, fill)


def _pixels(
    features: tuple[Feature, ...], train: Table, image: tuple[int, ...], *, standardize: bool
) -> tuple[Feature, ...]:
    """The features as pixels of an image, one mean and scale for each of its channels."""
    if len(image) != 3:
        message = f"is {list(image)}; must be [channels, height, width]"
        raise InvalidInput(Fault(message, "dataset.image"))
    count = math.prod(image)
    if count != len(features):
        message = (
            f"is {list(image)}, which makes {count} pixels; there are {len(features)} features"
        )
        raise InvalidInput(Fault(message, "dataset.image"))
    text = next((feature.name for feature in features if feature.categories is not None), None)
    if text is not None:
        message = f"makes pixels of the features, but column '{text}' is text; exclude it"
        raise InvalidInput(Fault(message, "dataset.image"))
    if not standardize:
        return features
    size = count // image[0]
    pixels: list[Feature] = []
    for start in range(0, count, size):
        channel = features[start : start + size]
        columns = [train.columns[feature.name] for feature in channel]
        mean, scale = _moments(_values([c for c in columns if isinstance(c, Numbers)]))
        pixels += [replace(feature, mean=mean, scale=scale) for feature in channel]
    return tuple(pixels)


def _values(columns: Sequence[Numbers]) -> Callable[[], Iterator[Array]]:
    """How to go through the values there are, of columns of equal length, in arrays of some."""
    step = BLOCK if len(columns) == 1 else max(1, PIXELS // len(columns))

    def each() -> Iterator[Array]:
        for start in range(0, len(columns[0]), step):
            pieces = [column.select(slice(start, start + step)) for column in columns]
            values = np.concatenate([piece.values[~piece.missing] for piece in pieces])
            if len(values):
                yield values

    return each


def _moments(values: Callable[[], Iterator[Array]]) -> tuple[float, float]:
    """Mean and population standard deviation; exactly 0 for a constant.

    Block by block. T. F. Chan, G. H. Golub and R. J. LeVeque, Updating formulae and a
    pairwise algorithm for computing sample variances, 1979.
    """
    ends = [(block.min(), block.max()) for block in values()]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if low == high:
        return float(low), 0.0
    # by a power of two, which is exact, so that squares do not overflow
    _, exponent = np.frexp(max(abs(low), abs(high)))
    count, mean, variance = 0, np.float64(0), np.float64(0)
    for block in values():
        scaled = np.ldexp(block, 1 - exponent)
        own, center, spread = len(scaled), scaled.mean(), scaled.var()
        if not count:
            count, mean, variance = own, center, spread
            continue
        old, new = count / (count + own), own / (count + own)
        variance = old * variance + new * spread + old * new * (center - mean) ** 2
        mean = mean + new * (center - mean)
        count += own
    mean, scale = np.ldexp([mean, np.sqrt(variance)], exponent - 1)
    return float(mean), float(scale)
