"""Regular expressions that are compiled when they are first used.

To compile one takes up to several milliseconds, and most commands need none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property


class Pattern:
    """A regular expression for whole texts."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text, self._flags = text, flags

    @cached_property
    def fullmatch(self) -> Callable[[str], re.Match[str] | None]:
        """As of `re.Pattern`."""
        return re.compile(self._text, self._flags).fullmatch
