r"""Fonts: which of the system's fonts draw a text, and what becomes of a text that none draws.

DejaVu Sans comes with matplotlib. A text with characters that it lacks gets further fonts,
chosen by their character maps; characters that no font has are escaped (`\u732b`), and
class names that have one are numbered; so are those in scripts from right to left where
matplotlib neither turns nor joins their letters, before 3.11.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

USUAL = "DejaVu Sans"
# These are asked first, where they are installed.
OTHER_SCRIPTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Emoji",
)
# They have a sign for everything, colours that cannot be drawn, or signs in odd places.
UNFIT = re.compile(r"last ?resort|adobe blank|colou?r emoji|apple color|^cm|nonunicode", re.I)


def families(text: str) -> list[str]:
    """The fonts that draw a text, by name: the usual one, and others for what it lacks."""
    found = [USUAL]
    if not text.isascii():
        for character in sorted(set(text)):
            font = font_of(character)
            if font is not None and font not in found:
                found.append(font)
    return found


def without_font(text: str) -> str:
    """The characters of a text that no font has, each once."""
    if text.isascii():
        return ""
    return "".join(c for c in dict.fromkeys(text) if c.isprintable() and font_of(c) is None)


def drawable(text: str) -> str:
    r"""The text, with `\u732b` for a character that no font has."""
    lost = without_font(text)
    return "".join(c.encode("unicode_escape").decode() if c in lost else c for c in text)


def numbered(classes: Sequence[str]) -> tuple[list[str], str]:
    """The names of classes, `class 3` where no font has one; and which is which, or ''."""
    names, said = list(classes), []
    for number, name in enumerate(classes, 1):
        if without_font(name) or not shaped(name):
            names[number - 1] = f"class {number}"
            said.append(f"class {number}: {drawable(name)}")
    return names, ", ".join(said)


def note(classes: Sequence[str], most: int = 20) -> str | None:
    """Which class has which number in the pictures, in a sentence; None where all have names."""
    lost = [
        f"{k} {name}" for k, name in enumerate(classes, 1) if without_font(name) or not shaped(name)
    ]
    if not lost:
        return None
    more = f" and {len(lost) - most} more" if len(lost) > most else ""
    listed = ", ".join(lost[:most]) + more
    return f"no installed font draws these class names; pictures number them: {listed}"


def shaped(text: str) -> bool:
    """Whether matplotlib puts the letters of a text in their order and joins them."""
    if text.isascii() or not any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        return True
    import matplotlib

    return matplotlib.__version_info__[:2] >= (3, 11)


@functools.cache
def font_of(character: str) -> str | None:
    """The name of a font that has the character, the usual one if it does; None if none does."""
    code = ord(character)
    if code in _characters(USUAL):
        return USUAL
    return next((name for name in _others() if code in _characters(name)), None)


@functools.cache
def _others() -> tuple[str, ...]:
    """The installed fonts but for the usual one, those for other scripts first."""
    from matplotlib.font_manager import fontManager

    installed = sorted({font.name for font in fontManager.ttflist} - {USUAL})
    first = [name for name in OTHER_SCRIPTS if name in installed]
    rest = [name for name in installed if name not in first and not UNFIT.search(name)]
    return (*first, *rest)


@functools.cache
def _characters(name: str) -> frozenset[int]:
    """The characters of a font, by number; none of one that cannot be read."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    try:
        return frozenset(get_font(findfont(FontProperties(family=name))).get_charmap())
    except (OSError, RuntimeError):  # it has gone, or is damaged
        return frozenset()


def forget() -> None:
    """Look again at which fonts are installed."""
    for each in (font_of, _others, _characters):
        each.cache_clear()
