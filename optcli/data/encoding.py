"""Encoder: from raw rows to the model's inputs, and from scores back to answers.

It is all that predicting needs to know of the training data, and fits into JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.inputs import Inputs
from optcli.data.column_faults import require
from optcli.data.columns import short
from optcli.data.features import DatePart, Feature
from optcli.data.reading_rules import CURRENT, Reading
from optcli.data.table import Table, listed
from optcli.data.targets import BLOCK, Target

NAMED = 3  # unknown categories that a sentence names


@dataclass(frozen=True)
class Encoder:
    """How the columns of a table become x and y, and scores become columns.

    weights: the column of sample weights. missing, unlabelled: what the training rows were
    done by, see Roles. image: channels, height and width, where the inputs are pixels.
    reading: how new rows are to be read, see `read_by`.
    """

    features: tuple[Feature, ...]
    target: Target
    weights: str | None = None
    missing: str = "error"
    image: tuple[int, ...] | None = None
    reading: Reading = CURRENT
    unlabelled: str = "error"

    @property
    def inputs(self) -> Inputs:
        """What the numbers of a row are."""
        return Inputs(sum(feature.inputs for feature in self.features), self.image)

    @property
    def outputs(self) -> int:
        """C: the classes, or the target's columns."""
        return len(self.target.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are called: the classes, or the target's columns."""
        return self.target.outputs

    def read_by(self, reading: Reading) -> Encoder:
        """The same for new rows that are read so, with every text column as text."""
        kinds = zip(self.target.names, self.target.text, strict=False)
        target = [name for name, text in kinds if text]
        features = [f.name for f in self.features if f.categories is not None]
        used = {*(f.name for f in self.features), *self.target.names, self.weights}
        kept = {name: form for name, form in reading.dates.items() if name in used}
        written = {name: form for name, form in reading.numeric.items() if name in used}
        texts = [name for name in (*features, *target) if name not in written]
        reading = replace(reading, categorical=tuple(texts), dates=kept, numeric=written)
        return replace(self, reading=reading)

    def encode(self, table: Table, dtype: Any = np.float64) -> Array:
        """The inputs x (N, D), C-contiguous. Further columns do not matter.

        Raises InvalidInput for missing columns, values and for unknown categories.
        """
        self.check(table, dtype)
        return self.encoded(table, dtype)

    def encoded(self, table: Table, dtype: Any) -> Array:
        """The inputs x (N, D) of a table that was checked."""
        x = np.zeros((table.rows, self.inputs.size), dtype)
        for start in range(0, table.rows, BLOCK):
            rows = slice(start, start + BLOCK)
            self.fill(table, rows, x[rows])
        return x

    def check(self, table: Table, dtype: Any) -> None:
        """Whether the table can be encoded; raises InvalidInput with all that stands against it."""
        require(table, [feature.name for feature in self.features])
        faults = [
            fault
            for feature in self.features
            for fault in feature.faults(table, np.dtype(dtype), self.reading.rules)
        ]
        if faults:
            raise InvalidInput(*faults)

    def unknown(self, table: Table) -> dict[str, Counter[str]]:
        """How often each unknown category occurs in the columns where such are let in."""
        found = {
            f.name: f.unknown(table.columns[f.name], self.reading.rules) for f in self.features
        }
        return {name: counts for name, counts in found.items() if counts}

    def told(self, unknown: Mapping[str, Counter[str]]) -> list[str]:
        """A sentence on each column that has unknown categories, as `unknown` found them."""
        sentences = []
        for feature in self.features:
            if counts := unknown.get(feature.name):
                rows, texts = counts.total(), listed([f"'{text}'" for text in counts], NAMED)
                what = "an unknown category" if len(counts) == 1 else "unknown categories"
                becomes = "ignored"
                if feature.merged and feature.categories:
                    becomes = f"taken as '{short(feature.categories[-1])}'"
                count = f"{rows} row{'s' * (rows != 1)} of {what} ({texts})"
                sentences.append(f"column '{short(feature.name)}': {count} {becomes}")
        return sentences

    def fill(self, table: Table, rows: slice, x: Array) -> None:
        """Encode some rows of a table that was checked into zeros x (B, D)."""
        at = 0
        for feature in self.features:
            column, end = table.columns[feature.name].select(rows), at + feature.inputs
            feature.encode(column, x[:, at:end], self.reading.rules)
            at = end

    def encode_target(self, table: Table, dtype: Any = np.float64) -> Array:
        """The target, see `Target.encode`; raises InvalidInput."""
        return self.target.encode(table, dtype, self.reading.rules)

    def restore(self, scores: Array) -> Array:
        """Values (…, C) in the data's own units, see `Target.restore`."""
        return self.target.restore(scores)

    def decode(
        self, scores: Array, threshold: float | None = None, taken: Collection[str] = ()
    ) -> dict[str, Array]:
        """Predictions (N,) by column name, of scores (N, C), see `Target.decode`."""
        return self.target.decode(scores, threshold, taken)

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists, texts and numbers."""
        return asdict(self) | {"reading": self.reading.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Encoder:
        """The encoder of which `to_json` told; lists may stand for tuples."""
        features = [_feature(**feature) for feature in data["features"]]
        target: dict[str, Any] = {
            key: value if key == "kind" else tuple(value) for key, value in data["target"].items()
        }
        target["classes"] = tuple(tuple(names) for names in target["classes"])
        image = data.get("image")
        encoder = cls(
            tuple(features),
            Target(**target),
            data["weights"],
            data["missing"],
            image and tuple(image),
            unlabelled=data.get("unlabelled", "error"),
        )
        return encoder.read_by(Reading.from_json(data.get("reading")))


def _feature(
    categories: Sequence[str] | None,
    parts: Sequence[Mapping[str, Any]] | None = None,
    merged: Sequence[str] = (),
    **others: Any,
) -> Feature:
    """A feature of JSON, where tuples are lists."""
    return Feature(
        categories=None if categories is None else tuple(categories),
        parts=None if parts is None else tuple(DatePart(**part) for part in parts),
        merged=tuple(merged),
        **others,
    )


@dataclass(frozen=True)
class Encoded:
    """Inputs x (N, D) that are encoded whenever they are looked at: x[start:stop] is an array.

    For tables whose inputs would take too much memory; the table was checked.
    """

    encoder: Encoder
    table: Table
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        return self.table.rows, self.encoder.inputs.size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    def __len__(self) -> int:
        return self.table.rows

    def __getitem__(self, rows: Any) -> Array:
        if not isinstance(rows, slice):  # a few of them
            return np.concatenate([self[row : row + 1] for row in rows])
        start, stop, _ = rows.indices(len(self))
        x = np.zeros((max(0, stop - start), self.encoder.inputs.size), self.dtype)
        self.encoder.fill(self.table, slice(start, stop), x)
        return x

    def compact(self, rows: slice) -> Iterator[Array]:
        """What the inputs of some rows follow from, a feature after the other."""
        for feature in self.encoder.features:
            column = self.table.columns[feature.name].select(rows)
            yield feature.compact(column, self.dtype, self.encoder.reading.rules)


def widest(encoder: Encoder) -> str:
    """The inputs of a row in words, with the column that most of them are from."""
    feature = max(encoder.features, key=lambda each: each.inputs)
    words = f"a row has {encoder.inputs.size:,} inputs"
    if feature.inputs > 1:
        what = "categories" if feature.parts is None else "parts"
        words += f", {feature.inputs:,} of them {what} of '{short(feature.name)}'"
    return words
