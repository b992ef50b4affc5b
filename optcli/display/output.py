"""Output: a text stream that neither dies of an encoding nor of a closed pipe."""

from __future__ import annotations

import errno
import os
from typing import TextIO

from optcli.core.errors import lost
from optcli.display.text import escaped


class Output:
    """Lines to a stream, flushed; rich takes it for a file.

    What the stream's encoding lacks is written as an escape. When the reader has
    gone (`| head -1`) the rest is dropped without a word; any other failure of the
    stream is kept in `error` and in `lost`, and the rest is dropped as well: training
    goes on.

    fancy: whether bars and marks may be other than ASCII.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.fancy = _encodes("█▁━●…", self.encoding) and _locale() not in ("C", "POSIX")
        self.error: OSError | None = None
        self.open = stream is not None

    def line(self, text: str) -> None:
        """One line, in which no control character of a user's text acts on the terminal."""
        self.write(self.encodable(escaped(text)) + "\n")

    def encodable(self, text: str) -> str:
        """The text, with escapes for what the encoding lacks."""
        encoding = self.encoding if self.fancy else "ascii"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def write(self, text: str) -> None:
        """Text that is known to be encodable."""
        if not self.open or self.stream is None:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            self._fail(error)
        except ValueError:  # the stream was closed
            self.open = False

    def flush(self) -> None:
        """Every write is flushed."""

    def _fail(self, error: OSError) -> None:
        """Stop writing, and keep what was the matter."""
        self.open = False
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # Windows says EINVAL
            self.error = error
            lost.append(error)
        abandon(self.stream)


def abandon(stream: TextIO | None) -> None:
    """Let what a stream still has in its buffer go nowhere.

    Else the interpreter would try once more at its exit, and complain.
    """
    try:
        number = stream.fileno() if stream is not None else None
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return
    if number is not None:
        os.dup2(nowhere, number)
    os.close(nowhere)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _locale() -> str:
    """The locale the user insists on; Python writes UTF-8 even in the C locale."""
    return os.environ.get("LC_ALL", "")
