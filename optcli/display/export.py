"""What `optcli export` shows: the file, what goes in and comes out, what to give otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from optcli.display.jsonl import JsonLines
from optcli.display.output import Output
from optcli.display.sections import WIDEST
from optcli.display.terminal import width_of
from optcli.display.text import escaped, wrapped

if TYPE_CHECKING:
    from optcli.exports.exported import Exported
    from optcli.exports.graph import Tensor

MOST = 5  # tensors that are shown one by one


def exported(found: Exported, *, quiet: bool, json: bool, stream: TextIO) -> None:
    """The file, and what is in it."""
    if json:
        described = {name: list(map(asdict, tensors)) for name, tensors in found.parts.items()}
        about = {"file": str(found.file), "format": found.format, "bytes": found.size}
        more = {"dtype": found.dtype, **described, "notes": list(found.notes)}
        JsonLines(stream).emit("export", {**about, **more})
    elif not quiet:
        output = Output(stream)
        for line in _lines(found, width_of(WIDEST)):
            output.line(line)


def _lines(found: Exported, width: int) -> Iterator[str]:
    head = f"{found.file}: {found.format}, {found.dtype}, {found.size:,} bytes"
    yield from wrapped(escaped(head), width)
    for name, tensors in found.parts.items():
        first, *rest = wrapped(escaped(f"{name}: {_listed(tensors)}"), width - 4)
        yield f"  {first}"
        yield from (f"    {line}" for line in rest)
    for note in found.notes:
        first, *rest = wrapped(escaped(note), width - 4)
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)


def _listed(tensors: tuple[Tensor, ...]) -> str:
    """The tensors, or how many there are of each kind."""
    if len(tensors) <= MOST:
        return ", ".join(f"{tensor.name} ({_kind(tensor)})" for tensor in tensors)
    kinds = Counter(map(_kind, tensors))
    return f"{len(tensors):,}, " + ", ".join(
        f"{count:,} of {kind}" for kind, count in kinds.items()
    )


def _kind(tensor: Tensor) -> str:
    shape = f" [{', '.join(map(str, tensor.shape))}]" if tensor.shape else ""
    return f"{tensor.type}{shape}"
