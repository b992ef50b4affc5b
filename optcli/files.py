"""Files: the one module that writes. What has its final name is whole."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optcli.arrays import Array
from optcli.errors import EnvironmentFailed, Fault, InvalidInput

# The files that tell a folder of optcli's own making from any other.
OWN = ("config.yaml", "environment.json")


@contextlib.contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into EnvironmentFailed."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentFailed(f"{path}: cannot be written: {reason}") from error


def write(path: Path, content: bytes) -> None:
    """Replace the file in one move; raises EnvironmentFailed and leaves the old one whole."""
    with said(path):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder last, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON; numbers that are not finite become null."""
    text = json.dumps(jsonable(data), indent=2, ensure_ascii=False, allow_nan=False)
    write(path, f"{text}\n".encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object that `write_json` wrote; raises InvalidInput."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidInput(Fault("no such file", file=str(path))) from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    if not isinstance(found, dict):
        raise InvalidInput(Fault("is damaged: it holds no object", file=str(path)))
    return found


def write_arrays(path: Path, arrays: Mapping[str, Array], description: Any) -> None:
    """Write an uncompressed .npz without pickle; the description goes in as JSON."""
    text = json.dumps(jsonable(description), ensure_ascii=False, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, description=np.frombuffer(text, np.uint8), **dict(arrays))
    write(path, buffer.getvalue())


def read_arrays(path: Path) -> tuple[dict[str, Array], Any]:
    """What `write_arrays` wrote: arrays and description. Raises InvalidInput."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop("description").tobytes())
    except FileNotFoundError as error:
        raise InvalidInput(Fault("no such file", file=str(path))) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        message = f"is damaged and cannot be read ({error})"
        raise InvalidInput(Fault(message, file=str(path))) from error
    return arrays, description


def jsonable(value: Any) -> Any:
    """The value in what JSON has: null for what is not finite, lists for arrays."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Write checksums.json over all files of the folder: size and SHA-256 of each."""
    covered = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name != "checksums.json" and not path.name.startswith(".")
    )
    sums = {path.name: {"bytes": path.stat().st_size, "sha256": checksum(path)} for path in covered}
    write_json(folder / "checksums.json", sums)


def new_folder(parent: Path, name: str) -> Path:
    """Make and return parent/name, or parent/name-2 and so on where that is taken."""
    with said(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    raise AssertionError("count does not end")


def claim_folder(folder: Path, *, overwrite: bool) -> Path:
    """Make `folder`, or take it where it is empty, or optcli's own and to be overwritten.

    Raises InvalidInput where something else is there.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(Fault(f"{folder} is a file; must be a folder, or new", "--out"))
    with said(folder):
        there = [path.name for path in folder.iterdir()] if folder.exists() else []
        if there and not overwrite:
            raise InvalidInput(
                Fault(f"{folder} is not empty; choose another, or add --overwrite", "--out")
            )
        if there and not set(OWN) <= set(there):
            raise InvalidInput(
                Fault(f"{folder} was not made by optcli; --overwrite leaves it alone", "--out")
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in there:
            path = folder / name
            if path.is_file():
                path.unlink()
    return folder
