"""Characters: what a text is without what is invisible in it, and in ASCII where it can be."""

from __future__ import annotations

import unicodedata

# Without width or meaning at the ends of a cell: zero-width, direction and byte order marks.
_MARKS = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e"
_MARKS += "\u2066\u2067\u2068\u2069\ufeff"
_END_OF_FILE = "\x1a"  # with which old systems end a text, and its last cell
_EDGE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + _MARKS + _END_OF_FILE
_EDGE_ASCII = "".join(c for c in _EDGE if c.isascii())
_NOTHING = dict.fromkeys(map(ord, _MARKS))
_NO_BREAK = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " "})


def clean(text: str) -> str:
    """A cell or a name without what is invisible at its ends; no-break spaces become spaces."""
    if text.isascii():
        return text.strip(_EDGE_ASCII)
    return text.strip(_EDGE).translate(_NO_BREAK)


def folded(text: str) -> str:
    """What texts share that differ in case, blanks and invisible characters alone."""
    text = text.casefold()
    if not text.isascii():
        text = text.translate(_NOTHING)
    return " ".join(text.split())


def shown(text: str) -> str:
    """The text with invisible characters escaped, as messages show it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# What other writing systems have for the characters of a number.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2019\u02bc\uff07\u00b4\u2018", "'"),
        **dict.fromkeys("\u2009\u200a\u2005\u2006\u2008\u3000", " "),
        **dict.fromkeys("\uff05\u066a", "%"),
        "\uff0e": ".",
        "\u066b": ".",
        "\uff0c": ",",
        "\u066c": ",",
        "\uff0b": "+",
        "\uff08": "(",
        "\uff09": ")",
    }
)


def plainly(text: str) -> str:
    """The text with the digits, signs and separators of ASCII."""
    if text.isascii():
        return text
    found = [str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text.translate(_PLAIN)]
    return "".join(found)
