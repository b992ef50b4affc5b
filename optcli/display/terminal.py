"""Terminal: rich, as all live views use it.

Drawn only when told to: no thread of its own takes time from the training. The cursor stays
visible, so that nothing has to be put right when the program is killed. User text is text.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, TextIO, cast

from optcli.display.output import Output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live


def width_of(most: int) -> int:
    """Characters of a line: the terminal's, up to `most`; 80 where there is no terminal."""
    return min(most, shutil.get_terminal_size((80, 24)).columns)


def is_live(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can move its cursor."""
    try:
        terminal = stream.isatty()
    except ValueError:  # closed
        return False
    known = os.environ.get("TERM", "" if os.name == "posix" else "windows")
    return terminal and known not in ("", "dumb", "unknown")


def console(output: Output) -> Console:
    """A console that takes text as it is."""
    from rich.console import Console

    return Console(
        file=cast(TextIO, output),
        force_terminal=True,
        no_color=bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
    )


def live(of: Console) -> Live:
    """A live view, begun; gone once it is stopped."""
    from rich.live import Live

    view = Live(
        console=of,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    view.start()
    of.show_cursor(True)
    return view
