"""The command `optcli`: gathers the commands, and turns what is raised into an exit code."""

from __future__ import annotations

import functools
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TextIO

import typer

from optcli.cli import help as pages
from optcli.cli.parameter_names import CommandLine
from optcli.core.errors import NO_PATH, EnvironmentFailed, Fault, InvalidInput, OptcliError, lost
from optcli.plugins import loading
from optcli.storage.interruption import at_once, raised

# In the order of the help; each is a file of this name. Groups have commands of their own.
COMMANDS = (
    *("train", "compare", "gradcheck", "check", "predict", "evaluate"),
    *("trace", "explain", "list", "schema"),
)
GROUPS = ("runs", "plugin")

app = pages.group(
    "Train models, compare optimizers and check gradients, on NumPy.",
    "optcli train configs/iris.yaml",
    "optcli compare sgd adam",
    name="optcli",
)


def _version(asked: bool) -> None:
    if asked:
        from optcli.core.version import __version__

        typer.echo(f"optcli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit"
    ),
) -> None:
    """Train models, compare optimizers and check gradients, on NumPy."""


@functools.cache
def _command() -> Any:
    """All commands; to put them together takes longer than most of them."""
    for name in COMMANDS:
        module = import_module(f"optcli.cli.{name}")
        epilog = pages.examples(*module.EXAMPLES)
        app.command(name, cls=pages.Command, epilog=epilog)(module.command)
    for name in GROUPS:
        app.add_typer(import_module(f"optcli.cli.{name}").app, name=name)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, at_once)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, at_once)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    command = _command()
    if not arguments:
        typer.echo(command.get_help(command.make_context("optcli", ["--"])), err=True)
        return 2
    lost.clear()
    raised.clear()
    try:
        code = command.main(arguments, "optcli", standalone_mode=False)
        if lost:  # what was asked for did not arrive, though all else is done
            raise lost[0]
        if code == 128 + signal.SIGINT:  # Typer makes that of every interruption
            return _interrupted()
        return code if isinstance(code, int) else 0
    except OptcliError as error:
        return _refused(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except MemoryError:
        return _refused(EnvironmentFailed("out of memory"), arguments)
    except OSError as error:
        return _refused(loading.failure(error) or _failed(error), arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error.__context__, BrokenPipeError):
            return 0  # the reader of the help has gone
        # click's own errors know their message; anything else is a plug-in's fault, or ours
        if hasattr(error, "format_message"):
            from optcli.cli.usage import usage

            return _refused(usage(error, arguments), arguments)
        failure = loading.failure(error) or loading.suspect(error)
        if failure is None:
            raise
        return _refused(failure, arguments)


def _failed(error: OSError) -> OptcliError:
    """What the system has refused: of a file, of the output, or of neither."""
    place = error.filename
    if not place and (error in lost or _is_lost(sys.stdout)):
        from optcli.display.output import abandon

        abandon(sys.stdout)
        place = "stdout"
    reason = error.strerror or str(error) or type(error).__name__
    if place and error.errno in NO_PATH:
        return InvalidInput(Fault(reason, file=str(place)))
    return EnvironmentFailed(f"{place}: {reason}" if place else reason)


def _is_lost(stream: TextIO | None) -> bool:
    """Whether a stream cannot be written to; it still has what failed in its buffer."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return True
    return False


def _interrupted() -> int:
    """The exit code after a signal; Ctrl-C raises KeyboardInterrupt without a handler."""
    return 128 + (raised[-1] if raised else signal.SIGINT)


def _refused(error: OptcliError, arguments: list[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    from optcli.display.faults import faults

    faults(error, sys.stderr, CommandLine())
    return error.exit_code
