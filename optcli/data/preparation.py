"""Preparation: from a table to the arrays that training reads.

Checks what the columns hold, divides the rows, learns the encoding from the
training rows, and encodes each part. What is wrong is said all at once, as far
as one fault does not hide another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.specs import Bound, TargetKind
from optcli.data import split as splitting
from optcli.data.base import Dataset, Roles
from optcli.data.checks import (
    blamed,
    check_columns,
    check_targets,
    drop,
    dropped,
    features_of,
    left_out,
    target_classes,
    weights_of,
    without_missing,
)
from optcli.data.columns import BLOCK, Numbers, Words, blocks, short
from optcli.data.encoding import NUMERIC, Encoded, Encoder, Feature, Target, classes_of, require
from optcli.data.opening import check_there
from optcli.data.rare import Rare, among, lacking, rare_classes, without
from optcli.data.remarks import Remarks, copies, counters, oddities
from optcli.data.split import Split
from optcli.data.stored import as_array
from optcli.data.table import Table

PIXELS = 1 << 20  # values of images that are looked at together
EPS = float(np.finfo(np.float64).eps)
RARE = {"drop": "dropped", "merge": "merged"}  # where the encoder's target has the classes

__all__ = ["Encoder", "Feature", "Part", "Prepared", "Target", "labelled", "prepare"]


@dataclass(frozen=True)
class Part:
    """Some rows, ready for use.

    x: (N, D), C-contiguous; of a streamed part `Encoded`, which gives an array for a
    slice of rows. y: classes (N,) intp, labels (N, C) of 0 and 1, values (N, C).
    weight: (N,) sample weights, or None. notes: sentences on rows that were left out.
    """

    x: Array
    y: Array
    weight: Array | None = None
    notes: tuple[str, ...] = ()

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
        return Part(x, y, weight, self.notes)


@dataclass(frozen=True)
class Prepared:
    """A table, divided and encoded.

    outputs is C; warnings are sentences for the user. dropped: rows of the table that are in
    no part, as a value is missing in them or their class is rare.
    """

    train: Part
    validation: Part | None
    test: Part | None
    encoder: Encoder
    outputs: int
    warnings: tuple[str, ...] = ()
    dropped: int = 0

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
    splitting.check_columns(split, table)
    features = features_of(roles, table, parting)
    others = [*roles.target, *([roles.weights] if roles.weights else []), *parting]
    warnings = [note.text for note in table.notes if note.column in {None, *features, *others}]
    warnings += left_out(table, {*features, *others, *roles.exclude})
    remarks, whole = Remarks(roles), table
    # pixels may well be constant, as those in the corners are; what is synthetic is as it is made
    looked_at = () if roles.image or dataset.synthetic else features
    table = without_missing(whole, roles, features, others)
    if table.rows < whole.rows:
        warnings.append(dropped(whole, table.rows, roles, features, others))
    if table.rows == 1:
        raise InvalidInput(Fault("has one row; training takes two or more", file=table.source))
    check_columns(table, roles, features, dtype)
    warnings += oddities(dataset, table, (*features, *roles.target), split)

    classes = target_classes(table, roles.target, target, loss)
    check_targets(table, roles.target, loss, bounds, ordered=ordered)
    rare = rare_classes(table, roles, target, classes, split, loss, ordered=ordered)
    if rare is not None:
        classes = (rare.kept(classes[0]),)
        warnings.append(rare.note(table.rows))
        if rare.way == "drop":
            table = without(table, roles.target[0], tuple(rare.counts))
    strata = _strata(table, roles.target, target, classes, rare) if split.stratify else None
    rows = splitting.divide(table, split, strata, seed)
    train = table.select(rows.train)
    counting = counters(whole, looked_at, remarks)
    copies(
        table, [name for name in looked_at if name not in counting], roles.target, target, remarks
    )
    encoded = tuple(_feature(name, table, train, dataset, roles, remarks) for name in features)
    if roles.image:
        encoded = _pixels(encoded, train, roles.image, standardize=dataset.standardize)
    encoder = Encoder(
        encoded,
        _target(
            train,
            roles.target,
            target,
            classes,
            dataset.standardize and scale_target,
            warnings,
            rare,
        ),
        roles.weights,
        roles.missing,
        roles.image,
    ).read_by(table.reading)
    stream = dataset.streams(table.rows * encoder.inputs.size * dtype.itemsize)
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
    warnings += [note for rows in parts.values() if rows is not None for note in rows.notes]
    if target not in NUMERIC and len(roles.target) == 1:
        every = {"train": part, **parts}
        labels = {name: rows.y for name, rows in every.items() if rows is not None}
        warnings += lacking(labels, classes[0], table, dataset, split)
    if not roles.image:
        warnings += remarks.sentences()
    return Prepared(
        train=part,
        validation=parts["validation"],
        test=parts["test"],
        encoder=encoder,
        outputs=encoder.outputs,
        warnings=tuple(sorted(warnings, key=lambda note: not isinstance(note, Grave))),
        dropped=whole.rows - table.rows,
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

    Where those with missing values were dropped, they are dropped here, too, and so are
    those of classes that were dropped; the part's notes say so. stream: whether inputs are
    encoded whenever they are needed. what: which rows they are, for messages. Raises InvalidInput.
    """
    notes, there = [], table.rows
    if encoder.missing == "drop":
        names = [f.name for f in encoder.features] + list(encoder.target.names)
        names += [encoder.weights] if encoder.weights else []
        require(table, names)
        whole = table
        table = drop(table, names)
        if table.rows < there:
            lost = f"{there - table.rows} of {there} rows left out for missing values"
            notes.append(f"{table.source}: {lost}, {blamed(whole, names)}")
    if encoder.target.dropped:
        name, left = encoder.target.names[0], table.rows
        require(table, [name])
        table = without(table, name, encoder.target.dropped)
        if table.rows < left:
            notes.append(
                f"{table.source}: {left - table.rows} of {there} rows left out, of classes of "
                f"'{short(name)}' that training dropped for their few rows"
            )
    if not table.rows:
        message = f"no row is left to use: {'; '.join(notes)}".replace(f"{table.source}: ", "")
        raise InvalidInput(Fault(message, file=table.source))
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
        x = as_array(Encoded(encoder, table, np.dtype(dtype)))
    else:
        x = encoder.encode(table, dtype)
    return Part(x, encoder.encode_target(table, dtype), weight, tuple(notes))


def _strata(
    table: Table,
    names: Sequence[str],
    kind: TargetKind,
    classes: tuple[tuple[str, ...], ...],
    rare: Rare | None,
) -> Array | None:
    """What fractions keep in proportion: the classes of a single target column."""
    if kind in NUMERIC or len(names) > 1:
        return None
    column = table.columns[names[0]]
    there, strata = column.distinct(), table.make(table.rows, np.intp)
    for start, piece in column.pieces():
        keys = piece.values if isinstance(piece, Numbers) else piece.codes
        strata[start : start + len(piece)] = np.searchsorted(there, keys)
        if rare is not None and rare.way == "merge":
            own = strata[start : start + len(piece)]
            own[among(piece, tuple(rare.counts))] = len(there)
    return strata


def _target(
    train: Table,
    names: Sequence[str],
    kind: TargetKind,
    classes: tuple[tuple[str, ...], ...],
    scaled: bool,
    warnings: list[str],
    rare: Rare | None,
) -> Target:
    text = tuple(isinstance(train.columns[name], Words) for name in names)
    if kind == "labels" and len(names) > 1:
        for name in names:
            there = classes_of(train.columns[name])
            if len(there) == 1:
                warnings.append(f"target '{name}' is always '{there[0]}' in the training rows")
    if kind != "values":
        few: dict[str, Any] = {} if rare is None else {RARE[rare.way]: tuple(rare.counts)}
        return Target(kind, tuple(names), classes, text=text, **few)
    means, scales = [], []
    for name in names:
        column = train.columns[name]
        assert isinstance(column, Numbers)
        values, rules = _values([column]), train.reading.rules
        mean, scale = _moments(values, rules) if scaled else (0.0, 1.0)
        if scale == 0:
            warnings.append(f"target '{name}' is constant in the training rows")
        means.append(mean)
        scales.append(scale)
    return Target(kind, tuple(names), mean=tuple(means), scale=tuple(scales), text=text)


# ---- the features --------------------------------------------------------------------


def _feature(
    name: str, table: Table, rows: Table, dataset: Dataset, roles: Roles, remarks: Remarks
) -> Feature:
    """What becomes of a column, by its training rows; a missing value becomes mean or mode."""
    whole, train, rules = table.columns[name], rows.columns[name], table.reading.rules
    impute = roles.missing == "impute"
    if isinstance(whole, Words):
        assert isinstance(train, Words)
        categories = classes_of(whole)
        if len(categories) == 1:
            remarks.add(name, "is constant", "are constant")
        mode = train.categories[int(train.counts().argmax())] if impute else None
        return Feature(name, categories, fill=mode)
    assert isinstance(train, Numbers)
    if train.gaps() == len(train):
        raise InvalidInput(Fault(f"column '{name}' has no value in the training rows", "split"))
    mean, scale = _moments(_values([train]), rules)
    if scale == 0:
        how = "constant in the training rows"
        if train.find(lambda piece: ~piece.missing & (piece.values != mean)) is not None:
            how += " up to rounding"
        becomes = (" and becomes 0", " and become 0") if dataset.standardize else ("", "")
        remarks.add(name, f"is {how}{becomes[0]}", f"are {how}{becomes[1]}")
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
        values = _values([c for c in columns if isinstance(c, Numbers)])
        mean, scale = _moments(values, train.reading.rules)
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


def _moments(values: Callable[[], Iterator[Array]], rules: int) -> tuple[float, float]:
    """Mean and population standard deviation; exactly 0 for a constant.

    So is, but by rules 1, what rounding alone may make of a constant, as scikit-learn's
    StandardScaler has it: a variance of at most n·eps·variance + (n·mean·eps)², by the
    error bounds of the same paper. Block by block. T. F. Chan, G. H. Golub and R. J.
    LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
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
    if rules > 1 and variance <= count * EPS * variance + (count * mean * EPS) ** 2:
        variance = np.float64(0)
    mean, scale = np.ldexp([mean, np.sqrt(variance)], exponent - 1)
    return float(mean), float(scale)
