"""Arrays: NumPy's files and IDX, the format of MNIST; an array of more than one axis is columns.

An array `X` (N, D) becomes the columns x1 … xD; any other, say `pixels`, pixels1 … pixelsD.
Images (N, H, W), (N, H, W, C) or (N, C, H, W) become the pixels channel by channel, line by line,
and the table knows their shape. Arrays that are called x_train and x_test, or train_x and
test_x, follow each other, and the column `part` says where a row is from.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.data.columns import Numbers, short
from optcli.data.contents import Contents, Found, Header, Image, Note, from_values
from optcli.data.formats import IDX, NPZ, Format
from optcli.data.naming import doubled
from optcli.data.opening import check_room
from optcli.data.reading_rules import Reading
from optcli.data.stored import Narrow, as_array

LABEL = "label"  # what the labels of a file of images are called
PART = "part"  # the column that says which part a row is from
CHANNELS = (1, 2, 3, 4)  # how many an image may have
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(("valid", "validation", "val", "dev"), "validation")

_PART = re.compile(rf"(?:(.+?)_?({'|'.join(PARTS)})|({'|'.join(PARTS)})_?(.+))", re.IGNORECASE)
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # of IDX
_IMAGES = (  # names of a file of inputs, and of that with the labels
    (re.compile(r"images([-._]idx)[1-4]", re.IGNORECASE), r"labels\g<1>1"),
    (re.compile(r"images", re.IGNORECASE), "labels"),
    (re.compile(r"(?<![a-z])x(?![a-z])", re.IGNORECASE), "y"),
)
# What a damaged file may raise.
_DAMAGE = (
    ValueError,
    KeyError,
    EOFError,
    OverflowError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    OSError,
    zlib.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Table:
    """Named columns (N,) that arrays come to.

    image: where some of them are pixels. left_out: arrays that are none of N rows, with what is
    said of them. part: whether the column `part` was made.
    """

    columns: Mapping[str, Any]
    image: Image | None = None
    left_out: tuple[str, ...] = ()
    part: bool = False


def read(
    data: bytes,
    path: Path,
    form: Format,
    reading: Reading,
    labels: tuple[Path, bytes] | None,
    raw: Collection[str] | None = None,
) -> Contents:
    """The table in the bytes of a file; labels: the file beside it, and its bytes.

    Raises InvalidInput.
    """
    if form is NPZ:
        arrays = dict(_archive(data, path))
    else:
        array = _single(data, path, form)
        if array.dtype.names:
            arrays = {name: array[name] for name in array.dtype.names}
        else:
            arrays = {"X": array}
        if labels is not None:
            arrays[LABEL] = _single(labels[1], labels[0], form)
            if len(arrays[LABEL]) != len(array):
                message = f"has {len(arrays[LABEL])} labels; {path} has {len(array)} rows"
                raise InvalidInput(Fault(message, file=str(labels[0])))
    try:
        return contents(table_of(arrays), reading, str(path), raw, file=form is not NPZ)
    except InvalidInput as error:
        raise InvalidInput(*(fault.at(str(path)) for fault in error.faults)) from None


def contents(
    table: Table,
    reading: Reading,
    source: str,
    raw: Collection[str] | None = None,
    *,
    file: bool = False,
) -> Contents:
    """What the columns of arrays hold. file: whether labels may be missing beside it."""
    found: dict[str, Found] = {}
    for name, values in table.columns.items():
        try:
            found[name] = _column(values, name, reading, raw)
        except ValueError:
            message = "holds durations or lists; must hold numbers or texts"
            raise InvalidInput(Fault(message, f"column '{short(name)}'", source)) from None
    if not found or not all(len(of.column) for of in found.values()):
        raise InvalidInput(Fault("has no rows", file=source))
    doubt = None
    if table.left_out:
        doubt = Fault("; ".join(table.left_out), file=source)
    elif file and LABEL not in table.columns:
        doubt = Fault("has no labels beside it; set dataset.labels to their file", file=source)
    aside = {PART: "says which part a row is from"} if table.part else {}
    notes = tuple(Note(f"{source}: {text}") for text in table.left_out)
    told = Contents.of(found, header=Header(doubt=doubt))
    return replace(told, notes=(*notes, *told.notes), aside=aside, image=table.image)


def labels_beside(path: Path) -> Path | None:
    """The file of labels that is called as the file of inputs is, where it is there."""
    for pattern, label in _IMAGES:
        name = pattern.sub(label, path.name, count=1)
        if name != path.name and (path.parent / name).is_file():
            return path.parent / name
    return None


def table_of(given: Mapping[str, Any]) -> Table:
    """The columns of arrays that have the same number of rows; raises InvalidInput."""
    arrays = {name: np.asanyarray(values) for name, values in given.items()}
    if not arrays:
        raise InvalidInput(Fault("holds no array"))
    arrays, part = _joined(arrays)
    sizes = Counter(len(array) for array in arrays.values() if array.ndim)
    ordered = sizes.most_common()
    if not sizes or (len(ordered) > 1 and ordered[0][1] == ordered[1][1]):
        told = ", ".join(f"'{short(name)}' {_shape(array)}" for name, array in arrays.items())
        message = f"its arrays must have the same number of rows; they are {told}"
        raise InvalidInput(Fault(message))
    rows = ordered[0][0]
    left_out = tuple(
        f"the array '{short(name)}' is {_shape(array)}, not of {rows} rows, and is left out"
        for name, array in arrays.items()
        if not array.ndim or len(array) != rows
    )
    kept = {name: array for name, array in arrays.items() if array.ndim and len(array) == rows}
    columns: list[tuple[str, Any]] = []
    images: list[Image] = []
    for name, array in kept.items():
        own, image = columns_of(array, name)
        columns += own.items()
        images += [image] if image is not None else []
    if faults := doubled([name for name, _ in columns]):
        raise InvalidInput(*map(Fault, faults))
    return Table(dict(columns), images[0] if len(images) == 1 else None, left_out, part)


def called(table: Table, names: Sequence[str]) -> Table:
    """The same with other names of its columns, which may all be pixels."""
    image = table.image and Image(table.image.shape, tuple(names))
    return replace(
        table, columns=dict(zip(names, table.columns.values(), strict=True)), image=image
    )


def columns_of(array: Array, name: str) -> tuple[dict[str, Any], Image | None]:
    """The columns of one array, by name; and what image they are the pixels of."""
    if array.ndim == 1:
        if array.dtype.names:
            return {f"{name}.{each}": array[each] for each in array.dtype.names}, None
        return {name: array}, None
    shape = None
    if array.ndim in (3, 4):
        if array.ndim == 3:
            array = array[:, None]
        elif array.shape[3] in CHANNELS:
            array = np.moveaxis(array, 3, 1)
        elif array.shape[1] not in CHANNELS:
            message = f"the array '{short(name)}' is {_shape(array)}; images must be N x H x W, "
            raise InvalidInput(Fault(f"{message}N x H x W x C or N x C x H x W, C at most 4"))
        shape = tuple(array.shape[1:])
    elif array.ndim > 4:
        message = f"the array '{short(name)}' is {_shape(array)}; at most 4 axes can be read"
        raise InvalidInput(Fault(message))
    # each column in one piece
    flat = np.ascontiguousarray(array.reshape(len(array), -1).T)
    stem = "x" if name == "X" else name
    names = tuple(f"{stem}{i + 1}" for i in range(len(flat)))
    image = None if shape is None else Image(shape, names)
    return dict(zip(names, flat, strict=True)), image


def _joined(arrays: Mapping[str, Array]) -> tuple[dict[str, Array], bool]:
    """Arrays of parts one after the other; and whether there were some."""
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        match = _PART.fullmatch(name)
        if match is None:
            return dict(arrays), False
        stem, part = match[1] or match[4], PARTS[(match[2] or match[3]).lower()]
        found.setdefault(part, {})[stem] = array
    stems = list(dict.fromkeys(stem for own in found.values() for stem in own))
    if len(found) < 2 or sum(map(len, found.values())) != len(arrays):
        return dict(arrays), False
    if any(set(own) != set(stems) for own in found.values()):
        return dict(arrays), False
    sizes = []
    for which, own in found.items():
        rows = {len(array) if array.ndim else 0 for array in own.values()}
        if len(rows) > 1:
            told = ", ".join(f"'{short(each)}' {_shape(array)}" for each, array in own.items())
            raise InvalidInput(Fault(f"the arrays of its {which} rows differ in length: {told}"))
        sizes.append(rows.pop())
    joined = {}
    for stem in stems:
        try:
            joined[stem] = np.concatenate([own[stem] for own in found.values()])
        except ValueError:
            told = ", ".join(_shape(own[stem]) for part in found.values())
            message = f"the arrays of '{short(stem)}' do not fit together: {told}"
            raise InvalidInput(Fault(message)) from None
    joined[PART] = np.repeat(list(found), sizes)
    return joined, True


def _shape(array: Array) -> str:
    return " x ".join(map(str, array.shape)) or "a single value"


def _column(values: Any, name: str, reading: Reading, raw: Collection[str] | None) -> Found:
    """A column; numbers of few bytes stay what they are in memory."""
    small = values.dtype.kind in "iuf" and values.dtype.itemsize < 8 and values.ndim == 1
    as_text = {*reading.as_text, *(raw or ())}
    plain = reading.rules > 1 and not reading.missing and name not in as_text
    if small and plain and not isinstance(values, np.ma.MaskedArray):
        return Found(Numbers(as_array(Narrow(values))))
    return from_values(values, name, reading, raw=raw)


# ---- files ---------------------------------------------------------------------------


def _archive(data: bytes, path: Path) -> Iterator[tuple[str, Array]]:
    """The arrays of an .npz file, by name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            check_room(path, sum(entry.file_size for entry in entries))
            for entry in entries:
                if not entry.filename.endswith(".npy"):
                    raise ValueError("no array")
                name = entry.filename.removesuffix(".npy")
                yield name, _npy(archive.read(entry), path, f"the array '{short(name)}'")
    except _DAMAGE:
        raise _damaged(path, NPZ) from None


def _single(data: bytes, path: Path, form: Format) -> Array:
    """The array in a file that holds one."""
    try:
        array = _idx(data) if form is IDX else _npy(data, path, "")
    except _DAMAGE:
        raise _damaged(path, form) from None
    if not array.ndim:
        raise InvalidInput(Fault("holds a single value; must hold rows", file=str(path)))
    return array


def _npy(data: bytes, path: Path, name: str) -> Array:
    """The array that a .npy file holds; its size is checked before there is one."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        header = np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = header(stream, max_header_size=1 << 20)
    if dtype.hasobject:
        message = f"{name} holds Python objects; must hold numbers or texts".lstrip()
        raise InvalidInput(Fault(message, file=str(path)))
    if dtype.kind == "c":
        message = f"{name} holds complex numbers; must hold real ones".lstrip()
        raise InvalidInput(Fault(message, file=str(path)))
    rest = data[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError("another size")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if by_columns else "C")


def _idx(data: bytes) -> Array:
    """The array in an IDX file: two zeros, its type, its axes, their sizes, then the numbers.

    Reference: LeCun, Cortes and Burges, The MNIST database, "file formats".
    """
    axes = data[3]
    if data[:2] != b"\0\0" or not 1 <= axes <= 4:
        raise ValueError("no IDX")
    shape = np.frombuffer(data, ">u4", axes, 4).tolist()
    dtype = np.dtype(_TYPES[data[2]])
    start = 4 + 4 * axes
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError("another size")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _damaged(path: Path, form: Format) -> InvalidInput:
    message = f"is truncated, damaged or not {form.name}; write or download it again"
    return InvalidInput(Fault(message, file=str(path)))
