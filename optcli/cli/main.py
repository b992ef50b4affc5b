"""The command `optcli`: gathers the commands, and turns what is raised into an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

import typer

from optcli import plugins
from optcli.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError, suggestion
from optcli.interruption import at_once

app = typer.Typer(
    name="optcli",
    help="Train, compare and check optimizers and losses, on NumPy.",
    rich_markup_mode=None,  # plain help is twice as fast
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        import optcli

        typer.echo(f"optcli {optcli.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version and leave."
    ),
) -> None:
    """Train, compare and check optimizers and losses, on NumPy."""


def _gather() -> None:
    from optcli.cli import check, compare, explain, gradcheck, list_, runs, trace, train

    for module in (train, compare, gradcheck, check, trace, explain, list_):
        app.command(module.NAME)(module.command)
    app.add_typer(runs.app, name=runs.NAME)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, at_once)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    if not app.registered_commands:
        _gather()
    command = typer.main.get_command(app)
    if not arguments:
        typer.echo(command.get_help(command.make_context("optcli", ["--"])), err=True)
        return 2
    try:
        code = command.main(arguments, "optcli", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except OptcliError as error:
        return _refused(error, arguments)
    except (KeyboardInterrupt, typer.Abort) as error:
        return getattr(error, "exit_code", 130)
    except MemoryError:
        return _refused(EnvironmentFailed("out of memory"), arguments)
    except (Exception, SystemExit) as error:
        # click's own errors know their message; anything else is a plug-in's fault, or ours
        if hasattr(error, "format_message"):
            return _refused(_usage(error), arguments)
        failure = plugins.failure(error)
        if failure is None:
            raise
        return _refused(failure, arguments)


def _usage(error: Any) -> InvalidInput:
    """A wrong command line in one line, with the nearest right word."""
    context = getattr(error, "ctx", None)
    where = getattr(context, "command_path", "optcli")
    message = error.format_message().rstrip(".")
    command = getattr(context, "command", None)
    words = list(getattr(command, "commands", {}))
    wrong = message.partition("'")[2].partition("'")[0]
    if message.startswith("No such command") and wrong:
        message = f"no command '{wrong}'{suggestion(wrong, words)} ({where} --help)"
    else:
        message = message[:1].lower() + message[1:]
        if message == "missing command":
            message = f"is missing a command: {', '.join(words)}"
            return InvalidInput(Fault(message, where))
    return InvalidInput(Fault(message, "optcli"))


def _refused(error: OptcliError, arguments: list[str]) -> int:
    if "--debug" in arguments:
        raise error
    from optcli.display.faults import faults

    faults(error, sys.stderr)
    return error.exit_code
