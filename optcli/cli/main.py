"""The command `optcli`: from the first moment a signal ends it in one line.

What takes time to load is in `commands`, loaded when signals are looked after.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from optcli.storage import interruption


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    if asked := os.environ.get("_OPTCLI_COMPLETE"):  # by a shell, at each TAB
        from optcli.cli.completion import shells

        sys.exit(shells.answer(asked, sys.argv[1:]))
    interruption.install()
    try:
        code = run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        code = _interrupted()
    for number in interruption.SIGNALS:  # they end what the interpreter has to clear up
        if signal.getsignal(number) is interruption.at_once:
            signal.signal(number, lambda number, _: os._exit(128 + number))
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    try:
        with _plots_ahead(arguments):
            from optcli.cli import commands

            return commands.run(arguments)
    except KeyboardInterrupt:
        return _interrupted()


def _plots_ahead(arguments: list[str]) -> AbstractContextManager[None]:
    """A process to draw for `train`: to load matplotlib takes as long as a small training."""
    without = {"--no-plots", "--help", "-h"}
    if arguments[:1] != ["train"] or without & {*arguments} or "matplotlib" in sys.modules:
        return nullcontext()
    from optcli.core import aside

    return aside.begun("optcli.plots.ready")


def _interrupted() -> int:
    """Say so, where no command has said it; returns the exit code."""
    from optcli.display.output import Output

    Output(sys.stderr).line("interrupted")
    return interruption.code()
