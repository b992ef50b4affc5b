"""Preparation: from a table to the arrays that training reads.

Checks what the columns hold, divides the rows, learns the encoding from the
training rows, and encodes each part. What is wrong is said all at once, as far
as one fault does not hide another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, Grave, InvalidInput
from optcli.core.machine import memory_available
from optcli.core.specs import Bound, TargetKind
from optcli.data import split as splitting
from optcli.data.base import Dataset
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
    with_target,
    without_missing,
)
from optcli.data.column_faults import require
from optcli.data.columns import Numbers, blocks, short
from optcli.data.encoding import Encoded, Encoder, widest
from optcli.data.features import Feature
from optcli.data.fitting import fit_feature, fit_pixels, fit_target
from optcli.data.opening import check_there, in_bytes
from optcli.data.rare import Rare, among, lacking, rare_classes, without
from optcli.data.remarks import Remarks, copies, counters, merged_categories, oddities
from optcli.data.split import Draw, Split
from optcli.data.stored import as_array
from optcli.data.table import Table
from optcli.data.targets import NUMERIC, Target

SAMPLE_BYTES = 1 << 28  # of rows of a streamed part that are kept in memory for a picture, say

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
        """The part in memory; where it is streamed, some rows from all over it.

        These are at most so many, and of wide rows no more than SAMPLE_BYTES hold.
        """
        if not self.streamed:
            return self
        most = max(1, min(most, SAMPLE_BYTES // max(1, self.x.shape[1] * self.x.itemsize)))
        rows, run = len(self.x), min(100, most)  # rows that are read together
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
    draw: Draw | None = None,
) -> Prepared:
    """Turn `dataset`'s table into training, validation and test rows.

    target: what the loss is about; loss: its name, for messages. scale_target:
    whether `standardize` may scale values too. bounds: what the values must keep.
    ordered: whether classes must be numbers, for their order. seed: the run's. draw: which rows
    validate in the place of the split's own.

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
    if roles.image is None and table.image is not None and features == table.image.columns:
        roles = replace(roles, image=table.image.shape)
    others = [*roles.target, *([roles.weights] if roles.weights else []), *parting]
    warnings = [note.text for note in table.notes if note.column in {None, *features, *others}]
    warnings += left_out(table, {*features, *others, *roles.exclude})
    remarks, whole = Remarks(roles), table
    # pixels may well be constant, as those in the corners are; what is synthetic is as it is made
    looked_at = () if roles.image or dataset.synthetic else features
    looked_at = tuple(name for name in looked_at if name not in roles.dates)
    table = known = with_target(whole, roles)
    if known.rows < whole.rows:
        warnings.append(dropped(whole, known.rows, roles, (), roles.target))
    table = without_missing(known, roles, features, others)
    if table.rows < known.rows:
        warnings.append(dropped(known, table.rows, roles, features, others))
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
    rows = splitting.divide(table, split, strata, seed, draw)
    train = table if len(rows.train) == table.rows else table.select(rows.train)
    counting = counters(whole, looked_at, remarks)
    copies(
        table, [name for name in looked_at if name not in counting], roles.target, target, remarks
    )
    encoded = tuple(fit_feature(name, table, train, dataset, roles, remarks) for name in features)
    warnings += merged_categories(encoded, roles)
    if roles.image:
        encoded = fit_pixels(
            encoded, train, roles.image, roles.weights, standardize=dataset.standardize
        )
    encoder = Encoder(
        encoded,
        fit_target(
            train,
            roles.target,
            target,
            classes,
            dataset.standardize and scale_target,
            warnings,
            rare,
            roles.weights,
        ),
        roles.weights,
        roles.missing,
        roles.image,
        unlabelled=roles.unlabelled,
    ).read_by(table.reading)
    size = table.rows * encoder.inputs.size * dtype.itemsize
    stream = dataset.streams(size, table.reading.rules)
    if not stream and size > (free := memory_available()):
        remedy = "exclude a column"
        remedy += ", or set dataset.stream: true" if dataset.has_key("stream") else ""
        message = f"{table.rows:,} rows take {in_bytes(size)} of memory, as {widest(encoder)}; "
        message += f"{in_bytes(free)} are free; {remedy}"
        raise InvalidInput(Fault(message, "dataset"))
    part = labelled(encoder, train, dtype, stream=stream, what="training")
    parts: dict[str, Part | None] = {}
    unvalidated = split.refit or split.folds is not None  # but for folds
    ways = {"validation": (split.validation, rows.validation), "test": (split.test, rows.test)}
    for name, (way, chosen) in ways.items():
        if isinstance(way, str) and not (name == "validation" and unvalidated):
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
        if draw is not None and draw.fold is not None:
            del every["validation"]  # a class may have fewer rows than there are folds
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
    names = list(encoder.target.names) if encoder.unlabelled == "drop" else []
    if encoder.missing == "drop":
        names = [f.name for f in encoder.features] + list(encoder.target.names)
        names += [encoder.weights] if encoder.weights else []
    if names:
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
    encoder.check(table, dtype)
    notes += (f"{table.source}: {note}" for note in encoder.told(encoder.unknown(table)))
    if stream:
        x = as_array(Encoded(encoder, table, np.dtype(dtype)))
    else:
        x = encoder.encoded(table, dtype)
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
