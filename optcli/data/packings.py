"""Packings: bytes compressed piece by piece, as .gz or .zst."""

from __future__ import annotations

import io
import zlib
from typing import Protocol

GZIP_BITS = 31  # of zlib's window, with the header of gzip


class Packer(Protocol):
    """Takes the bytes of a file piece by piece, and gives those to write."""

    def add(self, data: bytes) -> bytes:
        """What is to be written after these bytes."""

    def end(self) -> bytes:
        """What is to be written at the end."""


def packer(packing: str) -> Packer:
    """The packer of `.gz` or `.zst`, or one that leaves bytes as they are."""
    if packing == ".gz":
        return Gzip()
    return Zstd() if packing == ".zst" else Plain()


class Plain:
    """Leaves bytes as they are."""

    def add(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Gzip:
    """Compresses by gzip, in one member without a name or time."""

    def __init__(self) -> None:
        self.way = zlib.compressobj(9, zlib.DEFLATED, GZIP_BITS)

    def add(self, data: bytes) -> bytes:
        """What is compressed so far."""
        return self.way.compress(data)

    def end(self) -> bytes:
        """The rest."""
        return self.way.flush()


class Zstd:
    """Compresses text by zstd, which polars does, in a frame for each piece."""

    def add(self, data: bytes) -> bytes:
        """A frame with the text, which polars writes as the only cell of a table."""
        import polars as pl

        file = io.BytesIO()
        pl.DataFrame({"text": [data.decode()]}).write_csv(
            file,
            include_header=False,
            line_terminator="",
            quote_style="never",
            compression="zstd",
        )
        return file.getvalue()

    def end(self) -> bytes:
        """Nothing; every frame is whole."""
        return b""
