"""Encoder: from raw rows to the model's inputs, and from scores back to answers.

It is all that predicting needs to know of the training data, and fits into JSON.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.inputs import Inputs
from optcli.core.specs import TargetKind
from optcli.data.cells import LEADING_ZERO, canonical, number, number_text
from optcli.data.columns import Column, Numbers, Words, first, short
from optcli.data.dialect import SET
from optcli.data.reading_rules import CURRENT, Reading
from optcli.data.table import Table, listed

BLOCK = 1 << 14  # rows encoded at a time, so that they stay in the cache
ROUNDING = 0.02  # how far probabilities that were written with few digits may be from 1
NUMERIC: tuple[TargetKind, ...] = ("values", "probabilities")  # kinds that are no classes


@dataclass(frozen=True)
class Feature:
    """One column and what becomes of it.

    categories: of a text column; each becomes an input of 0 or 1. None: a numeric
    one, which becomes (value - mean) / scale; a scale of 0 makes it 0.
    fill: what stands in for a missing value; None where none may be missing.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    fill: float | str | None = None

    @property
    def inputs(self) -> int:
        return 1 if self.categories is None else len(self.categories)


@dataclass(frozen=True)
class Target:
    """The target columns.

    classes: for `classes` one tuple of names, in the order of the scores; for
    `labels` a pair for each column, the positive one last. mean, scale: for
    `values`, of each column; (value - mean) / scale is what the model learns.
    text: whether the column is to be read as text, whatever it holds. Of `probabilities`
    there is no more to know than the names. dropped: classes whose rows training left out
    for being few. merged: those that it took together, as the last class.
    """

    kind: TargetKind
    names: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    text: tuple[bool, ...] = ()
    dropped: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


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
        if self.target.kind == "classes":
            return len(self.target.classes[0])
        return len(self.target.names)

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are called: the classes, or the target's columns."""
        return self.target.classes[0] if self.target.kind == "classes" else self.target.names

    def read_by(self, reading: Reading) -> Encoder:
        """The same for new rows that are read so, with every text column as text."""
        texts = zip(self.target.names, self.target.text, strict=False)
        target = [name for name, text in texts if text]
        features = [f.name for f in self.features if f.categories is not None]
        return replace(self, reading=replace(reading, categorical=(*features, *target)))

    def encode(self, table: Table, dtype: Any = np.float64) -> Array:
        """The inputs x (N, D), C-contiguous. Further columns do not matter.

        Raises InvalidInput for missing columns, values and for unknown categories.
        """
        self.check(table, dtype)
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
            for fault in self._faults(table, feature, np.dtype(dtype))
        ]
        if faults:
            raise InvalidInput(*faults)

    def fill(self, table: Table, rows: slice, x: Array) -> None:
        """Encode some rows of a table that was checked into zeros x (B, D)."""
        at = 0
        for feature in self.features:
            values = self._filled(feature, table.columns[feature.name].select(rows))
            if feature.categories is not None:
                x[np.arange(len(x)), at + values] = 1
            elif feature.scale:
                x[:, at] = (values - feature.mean) / feature.scale
            at += feature.inputs

    def encode_target(self, table: Table, dtype: Any = np.float64) -> Array:
        """The target: classes (N,) intp, labels (N, C) of 0 and 1, values (N, C).

        Probabilities (N, C) are divided by their sum, which must be 1 but for rounding.
        Raises InvalidInput for missing columns and values, and for unknown classes.
        """
        target = self.target
        require(table, target.names)
        faults = []
        for name in target.names:
            column = table.columns[name]
            gap = column.find(lambda piece: piece.missing)
            if gap is not None:
                message = "has no value; a target cannot be missing, remove the row"
                faults.append(table.fault(name, message, gap))
            elif target.kind in NUMERIC and not isinstance(column, Numbers):
                faults.append(table.fault(name, "is text; must be numbers"))
        if target.kind == "values":
            sizes = zip(target.names, target.mean, target.scale, strict=True)
            found = [size_fault(table, name, np.dtype(dtype), *size) for name, *size in sizes]
            faults += [fault for fault in found if fault is not None]
        for name, classes in zip(target.names, target.classes, strict=False):
            unknown = self._unknown(table, name, classes, "class", target.merged)
            if unknown is not None:
                faults.append(unknown)
        if faults:
            raise InvalidInput(*faults)
        if target.kind == "classes":
            y = table.make(table.rows, np.intp)
        else:
            y = table.make((table.rows, len(target.names)), dtype)
        for start in range(0, table.rows, BLOCK):
            self._fill_target(table, start, y[start : start + BLOCK])
        return y

    def _fill_target(self, table: Table, start: int, y: Array) -> None:
        """Encode the targets of the rows from `start` on into y."""
        target, rows = self.target, slice(start, start + len(y))
        columns = [table.columns[name].select(rows) for name in target.names]
        if target.kind == "values":
            for i, (column, mean, scale) in enumerate(
                zip(columns, target.mean, target.scale, strict=True)
            ):
                assert isinstance(column, Numbers)
                y[:, i] = (column.values - mean) / scale if scale else 0
        elif target.kind == "probabilities":
            y[:] = _shares(table, target.names, start, len(y))
        elif target.kind == "classes":
            y[:] = self._codes(columns[0], target.classes[0], target.merged)
        else:
            for i, (column, classes) in enumerate(zip(columns, target.classes, strict=True)):
                y[:, i] = self._codes(column, classes, target.merged)

    def restore(self, scores: Array) -> Array:
        """Values (…, C) in the data's own units, of scores or encoded targets (…, C)."""
        if self.target.kind != "values":
            return scores
        restored: Array = scores * np.array(self.target.scale) + np.array(self.target.mean)
        return restored

    def decode(self, scores: Array) -> dict[str, Array]:
        """Predictions (N,) by column name, of scores (N, C).

        classes: the name of the class, and the probability of each by softmax;
        labels: the same for each label, the probability of the positive one by
        sigmoid; values: in the data's own units; probabilities: by softmax. The probability
        of `no` is `probability_no`, or `probability_no_2` (and so on) where a target or another
        column has that name.
        """
        scores = np.asarray(scores, np.float64)
        names, classes = self.target.names, self.target.classes
        if self.target.kind == "values":
            return dict(zip(names, self.restore(scores).T, strict=True))
        if self.target.kind == "probabilities":
            return dict(zip(names, softmax(scores).T, strict=True))
        if self.target.kind == "classes":
            shares = softmax(scores)
            decoded = {names[0]: np.array(classes[0])[scores.argmax(axis=1)]}
            return decoded | dict(zip(_probabilities(classes[0], names), shares.T, strict=True))
        decoded, columns = {}, _probabilities(names, names)
        for i, name in enumerate(names):
            decoded[name] = np.array(classes[i])[(scores[:, i] > 0).astype(np.intp)]
            decoded[columns[i]] = (1 + np.tanh(scores[:, i] / 2)) / 2
        return decoded

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists, texts and numbers."""
        return asdict(self) | {"reading": self.reading.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Encoder:
        """The encoder of which `to_json` told; lists may stand for tuples."""
        features = [
            replace(Feature(**f), categories=f["categories"] and tuple(f["categories"]))
            for f in data["features"]
        ]
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

    def _filled(self, feature: Feature, column: Column) -> Array:
        """Values (N,), or codes (N,) into the feature's categories, with nothing missing."""
        if feature.categories is not None:
            codes = self._codes(column, feature.categories)
            fill = feature.categories.index(feature.fill) if isinstance(feature.fill, str) else 0
            return np.where(codes < 0, fill, codes)
        values = column.values if isinstance(column, Numbers) else np.full(len(column), np.nan)
        return values if feature.fill is None else np.where(np.isnan(values), feature.fill, values)

    def _codes(self, column: Column, known: tuple[str, ...], merged: tuple[str, ...] = ()) -> Array:
        """Codes (N,) of a column into `known`, -1 where a value is missing or unknown.

        merged: what else stands for the last of them. What another source spells otherwise
        is the same value: `True` and `true`, 1.0 and 1.
        """
        words = column if isinstance(column, Words) else column.words()
        places = _places(words.categories, known, merged, self.reading.rules)
        return np.asarray(places[words.codes])

    def _unknown(
        self,
        table: Table,
        name: str,
        known: tuple[str, ...],
        what: str,
        merged: tuple[str, ...] = (),
    ) -> Fault | None:
        """The fault of the first value that is not among `known`, or what was `merged`."""
        column = table.columns[name]

        def unknown(piece: Column) -> Array:
            return (self._codes(piece, known, merged) < 0) & ~piece.missing

        row = column.find(unknown)
        if row is None:
            return None
        text = column.text(row) if isinstance(column, Words) else number_text(column.value(row))
        hint = suggestion(text, known)
        message = f"is the unknown {what} '{short(text)}'{hint} (known: {listed(known)})"
        count = sum(int(unknown(piece).sum()) for _, piece in column.pieces())
        rows = "the row" if count == 1 else f"the {count} rows with an unknown {what}"
        message += f"; correct the value, remove {rows}, or train the model with it"
        return table.fault(name, message, row)

    def _faults(self, table: Table, feature: Feature, dtype: np.dtype[Any]) -> list[Fault]:
        """What keeps a column from being encoded."""
        name, column = feature.name, table.columns[feature.name]
        faults = []
        if feature.categories is not None:
            faults.append(self._unknown(table, name, feature.categories, "category"))
        elif name in table.faults:
            faults.append(table.bad_cells.get(name, table.faults[name]))
        elif isinstance(column, Words) and column.categories:
            row, text = first_word(column)
            why = ", text by its leading zero" if LEADING_ZERO.match(text) else ""
            why = why if text else ", an empty text"
            faults.append(table.fault(name, f"is '{short(text)}'{why}; must be a number", row))
        else:
            faults.append(size_fault(table, name, dtype, feature.mean, feature.scale))
        if feature.fill is None and column.gaps():
            rows = "row" if column.gaps() == 1 else "rows"
            remedy = f"remove the {rows}, or train with dataset.missing: impute"
            faults.append(table.fault(name, f"{missing_text(table, name)}; {remedy}"))
        return [fault for fault in faults if fault is not None]


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


@functools.lru_cache(maxsize=64)  # a streamed table asks for every batch
def _places(
    texts: tuple[str, ...], known: tuple[str, ...], merged: tuple[str, ...], rules: int
) -> Array:
    """The code of each text by `Encoder._codes`, and -1 behind them for a missing one."""
    position = dict.fromkeys(merged, len(known) - 1)
    position |= {text: code for code, text in enumerate(known)}
    if rules > 1:
        spelled = Counter(map(canonical, position))
        alike = {c: p for text, p in position.items() if spelled[c := canonical(text)] == 1}
        near = {text: alike.get(canonical(text), -1) for text in texts}
        position = near | position
    return np.array([*(position.get(text, -1) for text in texts), -1], np.intp)


def widest(encoder: Encoder) -> str:
    """The inputs of a row in words, with the column that most of them are from."""
    feature = max(encoder.features, key=lambda each: each.inputs)
    words = f"a row has {encoder.inputs.size:,} inputs"
    if feature.inputs > 1:
        words += f", {feature.inputs:,} of them categories of '{short(feature.name)}'"
    return words


def softmax(scores: Array) -> Array:
    """Probabilities (N, C) of scores (N, C)."""
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = exps / exps.sum(axis=1, keepdims=True)
    return shares


def require(table: Table, names: Any) -> None:
    """Raise InvalidInput, naming every column that the table lacks."""
    try:
        for name in names:
            table.check_header(name)
    except InvalidInput as error:  # a run has its delimiter, so that the table must change
        messages = [f.message.replace(SET, "write one of these for") for f in error.faults]
        faults = [replace(f, message=m) for f, m in zip(error.faults, messages, strict=True)]
        raise InvalidInput(*faults) from None
    missing = [name for name in names if name not in table.columns]
    if len(missing) > 2:
        message = f"missing columns: {listed(missing)}; the columns are {listed(table.names)}"
        raise InvalidInput(Fault(message, file=table.source))
    faults = [
        Fault(
            f"is missing{suggestion(name, table.names)} (the columns are {listed(table.names)})",
            f"column '{name}'",
            table.source,
        )
        for name in missing
    ]
    if faults:
        raise InvalidInput(*faults)


def missing_text(table: Table, name: str) -> str:
    """`2 missing values ('NA', first in line 5)`, of a column that has some."""
    column = table.columns[name]
    total, row = column.gaps(), column.find(lambda piece: piece.missing)
    assert row is not None
    spelled = f"'{short(column.gap)}', " if isinstance(column, Words) and column.gap else ""
    return f"{total} missing value{'s' * (total != 1)} ({spelled}first in {table.where(row)})"


def first_word(column: Words) -> tuple[int, str]:
    """The first row that holds a word, and the word; there is one."""
    row = column.find(lambda piece: ~piece.missing)
    assert row is not None
    return row, column.text(row)


def size_fault(
    table: Table, name: str, dtype: np.dtype[Any], mean: float = 0, scale: float = 1
) -> Fault | None:
    """What is wrong where a number is infinite, or beyond what `dtype` holds.

    mean, scale: what it is standardized by, after which `dtype` must hold it, too.
    """
    column = table.columns[name]
    if not isinstance(column, Numbers):
        return None
    most = float(np.finfo(dtype).max)

    def beyond(piece: Numbers) -> Array:
        size = np.maximum(np.abs(piece.values), np.abs(piece.values - mean) / (scale or 1))
        far: Array = size > most
        return far

    with np.errstate(invalid="ignore", over="ignore"):
        row = column.find(beyond)
    if row is None:
        return None
    value = column.value(row)
    if np.isinf(value):
        return table.fault(name, "is infinite; must be a finite number", row)
    message = f"is {value:g}, beyond the largest {dtype}; rescale the column"
    if abs(value) <= most:
        message = f"is {value:g}, too far from the training rows, whose mean is {mean:g}"
        message += "; correct it"
    if dtype != np.float64:
        message += ", or set dtype to float64"
    return table.fault(name, message, row)


def _shares(table: Table, names: tuple[str, ...], start: int, count: int) -> Array:
    """Probabilities (B, C), each row divided by its sum; raises InvalidInput."""
    columns = [table.columns[name].select(slice(start, start + count)) for name in names]
    shares = np.stack([column.values for column in columns if isinstance(column, Numbers)], axis=1)
    faults = []
    for name, values in zip(names, shares.T, strict=True):
        wrong = ~((values >= 0) & (values <= 1))
        if np.any(wrong):
            row = first(wrong)
            message = f"is {values[row]:g}; a probability must be in [0, 1]"
            faults.append(table.fault(name, message, start + row))
    sums = shares.sum(axis=1)
    off = np.abs(sums - 1) > ROUNDING
    if not faults and np.any(off):
        row = first(off)
        message = f"with {listed(names[:-1], 5)} sums to {sums[row]:g}; probabilities must sum to 1"
        faults.append(table.fault(names[-1], message, start + row))
    if faults:
        raise InvalidInput(*faults)
    rounded: Array = shares / sums[:, None]
    return rounded


def classes_of(column: Column) -> tuple[str, ...]:
    """The distinct values of a column: by number where all are numbers, else as text."""
    if isinstance(column, Numbers):
        return tuple(number_text(value) for value in column.distinct())
    names = [column.categories[code] for code in column.distinct()]
    if all(number(name) is not None for name in names):
        names.sort(key=float)
    return tuple(names)


def _probabilities(names: Sequence[str], taken: Collection[str]) -> list[str]:
    """A column's name for the probability of each name: none twice, and none that is taken."""
    plain = ["probability_" + (name or "''") for name in names]
    found: list[str] = []
    for name in plain:
        column = name
        for count in itertools.count(2):
            if column not in (*taken, *found) and (column == name or column not in plain):
                break
            column = f"{name}_{count}"
        found.append(column)
    return found
