"""Exported: a file with a trained model, in the format that its suffix names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput
from optcli.exports import onnx, safetensors, scorer
from optcli.exports.graph import Tensor
from optcli.storage import outputs
from optcli.training.model_file import Trained

Parts = Mapping[str, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Exported:
    """A file that `export` wrote.

    format: what it is, in words. size: its bytes. dtype: the model's, float32 or float64. parts:
    what is in it: `inputs` and `outputs`, or `tensors`. notes: sentences about what it
    takes otherwise than `predict`.
    """

    file: Path
    format: str
    size: int
    dtype: str
    parts: Parts
    notes: tuple[str, ...] = ()


# What a format makes of a model: the content, what is in it, and the notes.
Maker = Callable[[Trained], tuple[bytes, Parts, tuple[str, ...]]]
FORMATS: dict[str, tuple[str, Maker]] = {
    ".onnx": (onnx.SAID, onnx.made),
    ".safetensors": (safetensors.SAID, safetensors.made),
    ".py": (scorer.SAID, scorer.made),
}


def check(file: str | Path, *, overwrite: bool = False) -> str:
    """The suffix of a file that may be written; raises InvalidInput for any other."""
    name = str(file)
    if outputs.is_stdout(name):
        raise InvalidInput(Fault(f"is standard output; name a file: {_allowed()}", file=name))
    suffix = Path(name).suffix.lower()
    if suffix not in FORMATS:
        what = f"its suffix is '{suffix}'" if suffix else "has no suffix"
        raise InvalidInput(Fault(f"{what}; must be {_allowed()}", file=name))
    outputs.check_free(name, overwrite=overwrite)
    return suffix


def write(trained: Trained, file: str | Path, *, overwrite: bool = False) -> Exported:
    """Write a model to a file; its suffix tells the format.

    Raises InvalidInput where there is a file already, unless it may be overwritten, or where the
    format cannot hold the model; EnvironmentFailed.
    """
    said, maker = FORMATS[check(file, overwrite=overwrite)]
    content, parts, notes = maker(trained)
    outputs.write(str(file), content)
    return Exported(Path(file), said, len(content), trained.dtype, parts, notes)


def _allowed() -> str:
    *others, last = FORMATS
    return f"{', '.join(others)} or {last}" if others else last
