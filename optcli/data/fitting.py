"""Fitting: how columns are encoded, learned from the training rows: kind, mean and scale.

A row of weight 2 counts as two rows, one of weight 0 not at all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import TargetKind
from optcli.data import dates
from optcli.data.base import Dataset, Roles
from optcli.data.categories import classes_of
from optcli.data.columns import BLOCK, Column, Numbers, Words
from optcli.data.features import DatePart, Feature
from optcli.data.rare import MERGED, Rare
from optcli.data.reading_rules import RULES
from optcli.data.remarks import Remarks
from optcli.data.table import Table
from optcli.data.targets import Target

MOST_EXPONENT = 1023  # of a power of two
PIXELS = 1 << 20  # values of images that are looked at together
EPS = float(np.finfo(np.float64).eps)
RARE = {"drop": "dropped", "merge": "merged"}  # where the encoder's target has the classes


def fit_target(
    train: Table,
    names: Sequence[str],
    kind: TargetKind,
    classes: tuple[tuple[str, ...], ...],
    scaled: bool,
    warnings: list[str],
    rare: Rare | None,
    weights: str | None = None,
) -> Target:
    """How the target is encoded, as the training rows say; what is odd goes into `warnings`.

    weights: the column of sample weights.
    """
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
        values, rules = _values([column], _weights(train, weights, column)), train.reading.rules
        mean, scale = _moments(values, rules) if scaled else (0.0, 1.0)
        if scale == 0:
            warnings.append(f"target '{name}' is constant in the training rows")
        means.append(mean)
        scales.append(scale)
    return Target(kind, tuple(names), mean=tuple(means), scale=tuple(scales), text=text)


def fit_feature(
    name: str, table: Table, rows: Table, dataset: Dataset, roles: Roles, remarks: Remarks
) -> Feature:
    """What becomes of a column, by its training rows; a missing value becomes mean or mode."""
    whole, train, rules = table.columns[name], rows.columns[name], table.reading.rules
    impute, ignores = roles.missing == "impute", roles.unknown == "ignore"
    if isinstance(whole, Words):
        assert isinstance(train, Words)
        categories = classes_of(whole)
        counts = _counts(train, _weights(rows, roles.weights, train)) if impute else None
        mode = None if counts is None else train.categories[int(counts.argmax())]
        merged: tuple[str, ...] = ()
        if roles.rare_categories is not None:
            categories, merged = _merged(train, categories, roles.rare_categories)
            mode = categories[-1] if mode in merged else mode
        if len(categories) == 1:
            remarks.add(name, "is constant", "are constant")
        return Feature(name, categories, fill=mode, merged=merged, ignores=ignores)
    assert isinstance(train, Numbers)
    if train.gaps() == len(train):
        raise InvalidInput(Fault(f"column '{name}' has no value in the training rows", "split"))
    if name in roles.dates:
        assert isinstance(whole, Numbers)
        weights = _weights(rows, roles.weights, train)
        return _fit_date(
            name, whole, train, weights, impute=impute, standardize=dataset.standardize
        )
    weights = _weights(rows, roles.weights, train)
    ends = (train.span.low, train.span.high) if weights is None else None
    mean, scale = _moments(_values([train], weights), rules, ends)
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


def _merged(
    train: Words, categories: tuple[str, ...], least: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The categories there are then, and the rare ones, for which the last of them stands.

    least: the rows that a category must have, below 1 as a fraction of the training rows.
    """
    least = least * len(train) if least < 1 else least
    rows = dict(zip(train.categories, train.counts().tolist(), strict=True))
    few = tuple(text for text in categories if rows[text] < least)
    if not few:
        return categories, ()
    kept = tuple(text for text in categories if rows[text] >= least)
    names = itertools.chain([MERGED], (f"{MERGED}_{i}" for i in itertools.count(2)))
    into = next(name for name in names if name not in kept)
    return (*kept, into), tuple(text for text in few if text != into)


def _fit_date(
    name: str,
    whole: Numbers,
    train: Numbers,
    weights: Numbers | None,
    *,
    impute: bool,
    standardize: bool,
) -> Feature:
    """What becomes of a column of dates; the hour is a part where any is not at midnight."""
    timed = any(dates.has_hours(piece.values) for _, piece in whole.pieces())
    parts = []
    for part in dates.PARTS[: None if timed else -1]:
        own = partial(dates.part, name=part)
        mean, scale = _moments(_values([train], weights, own), RULES)
        fill = mean if impute else None
        scaled = (mean, scale) if standardize else (0.0, 1.0)
        parts.append(DatePart(part, *scaled, fill))
    return Feature(name, parts=tuple(parts))


def fit_pixels(
    features: tuple[Feature, ...],
    train: Table,
    image: tuple[int, ...],
    weights: str | None = None,
    *,
    standardize: bool,
) -> tuple[Feature, ...]:
    """The features as pixels of an image, one mean and scale for each of its channels.

    weights: the column of sample weights.
    """
    if len(image) != 3:
        message = f"is {list(image)}; must be [channels, height, width]"
        raise InvalidInput(Fault(message, "dataset.image"))
    count = math.prod(image)
    if count != len(features):
        message = (
            f"is {list(image)}, which makes {count} pixels; there are {len(features)} features"
        )
        raise InvalidInput(Fault(message, "dataset.image"))
    odd = next((feature for feature in features if not feature.is_number), None)
    if odd is not None:
        what = "is text" if odd.parts is None else "holds dates"
        message = f"takes the features as pixels, but column '{odd.name}' {what}; exclude it"
        raise InvalidInput(Fault(message, "dataset.image"))
    if not standardize:
        return features
    size = count // image[0]
    pixels: list[Feature] = []
    for start in range(0, count, size):
        channel = features[start : start + size]
        columns = [train.columns[feature.name] for feature in channel]
        numbers = [c for c in columns if isinstance(c, Numbers)]
        values = _values(numbers, _weights(train, weights, *numbers))
        mean, scale = _moments(values, train.reading.rules)
        pixels += [replace(feature, mean=mean, scale=scale) for feature in channel]
    return tuple(pixels)


Weighted = tuple[Array, Array | None]  # values and their weights; None: each counts once


def _weights(train: Table, name: str | None, *columns: Column) -> Numbers | None:
    """The column of weights; None where there is none, or no weighted row has a value.

    Rules 1 did not look at weights here.
    """
    if name is None or train.reading.rules == 1:
        return None
    weights = train.columns[name]
    assert isinstance(weights, Numbers)
    for start, piece in weights.pieces():
        rows, there = slice(start, start + len(piece)), piece.values > 0
        if any(np.any(there & ~column.select(rows).missing) for column in columns):
            return weights
    return None


def _counts(words: Words, weights: Numbers | None) -> Array:
    """How many rows each category has, or their weights."""
    if weights is None:
        return words.counts()
    counts = np.zeros(len(words.categories))
    for start, piece in weights.pieces():
        own = words.select(slice(start, start + len(piece)))
        there = ~own.missing
        counts += np.bincount(own.codes[there], piece.values[there], len(counts))
    return counts


def _values(
    columns: Sequence[Numbers],
    weights: Numbers | None = None,
    of: Callable[[Array], Array] = np.asarray,
) -> Callable[[], Iterator[Weighted]]:
    """How to go through the values there are, of columns of equal length, in arrays of some.

    of: what is taken of each value.
    """
    step = BLOCK if len(columns) == 1 else max(1, PIXELS // len(columns))
    alone = len(columns) == 1 and weights is None and not columns[0].gaps()

    def each() -> Iterator[Weighted]:
        for start in range(0, len(columns[0]), step):
            rows = slice(start, start + step)
            pieces = [column.select(rows) for column in columns]
            if alone:
                yield of(pieces[0].values), None
                continue
            there = [~piece.missing for piece in pieces]
            share = None
            if weights is not None:
                weight = weights.select(rows).values
                there = [own & (weight > 0) for own in there]
                share = np.concatenate([weight[own] for own in there])
            values = np.concatenate(
                [piece.values[own] for piece, own in zip(pieces, there, strict=True)]
            )
            if len(values):
                yield of(values), share

    return each


def _moments(
    values: Callable[[], Iterator[Weighted]], rules: int, ends: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Mean and population standard deviation; exactly 0 for a constant.

    ends: the least and the greatest value, where they are known.

    So is, but by rules 1, what rounding alone may make of a constant, as scikit-learn's
    StandardScaler has it: a variance of at most n·eps·variance + (n·mean·eps)², by the
    error bounds of the same paper. Block by block. T. F. Chan, G. H. Golub and R. J.
    LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """
    if ends is None:
        each = [(block.min(), block.max()) for block, _ in values()]
        ends = min(end[0] for end in each), max(end[1] for end in each)
    low, high = ends
    if low == high:
        return float(low), 0.0
    # by a power of two, which is exact, so that squares do not overflow
    _, exponent = np.frexp(max(abs(low), abs(high)))
    factor = np.ldexp(1.0, min(1 - exponent, MOST_EXPONENT))
    rows, count, mean, variance = 0, 0.0, np.float64(0), np.float64(0)
    for block, weight in values():
        # the same bits, where the factor is a number
        usual = 1 - exponent <= MOST_EXPONENT
        scaled = block * factor if usual else np.ldexp(block, 1 - exponent)
        rows += len(scaled)
        own, center = len(scaled), scaled.mean()
        if weight is None:
            scaled -= center
            scaled *= scaled
            spread = scaled.mean()  # as var() has it, which takes the mean once more
        else:
            own = weight.sum()
            center = np.dot(weight, scaled) / own
            spread = np.dot(weight, np.square(scaled - center)) / own
        if not count:
            count, mean, variance = own, center, spread
            continue
        old, new = count / (count + own), own / (count + own)
        variance = old * variance + new * spread + old * new * (center - mean) ** 2
        mean = mean + new * (center - mean)
        count += own
    if rules > 1 and variance <= rows * EPS * variance + (rows * mean * EPS) ** 2:
        variance = np.float64(0)
    mean, scale = np.ldexp([mean, np.sqrt(variance)], exponent - 1)
    return float(mean), float(scale)
