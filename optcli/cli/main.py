"""The command `optcli`: gathers the commands, and turns what is raised into an exit code."""

from __future__ import annotations

import functools
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, OptcliError, lost, suggestion
from optcli.plugins import loading
from optcli.storage.interruption import at_once

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
        from optcli.core.version import __version__

        typer.echo(f"optcli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version and leave."
    ),
) -> None:
    """Train, compare and check optimizers and losses, on NumPy."""


@functools.cache
def _command() -> Any:
    """All commands; to put them together takes longer than most of them."""
    from optcli.cli import (
        check,
        compare,
        evaluate,
        explain,
        gradcheck,
        list_,
        plugin,
        predict,
        runs,
        schema,
        trace,
        train,
    )

    work = (train, compare, gradcheck, check, predict, evaluate, trace)
    for module in (*work, explain, list_, schema):
        app.command(module.NAME)(module.command)
    app.add_typer(runs.app, name=runs.NAME)
    app.add_typer(plugin.app, name=plugin.NAME)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, at_once)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    command = _command()
    if not arguments:
        typer.echo(command.get_help(command.make_context("optcli", ["--"])), err=True)
        return 2
    lost.clear()
    try:
        code = command.main(arguments, "optcli", standalone_mode=False)
        if lost:  # what was asked for did not arrive, though all else is done
            raise lost[0]
        return code if isinstance(code, int) else 0
    except OptcliError as error:
        return _refused(error, arguments)
    except (KeyboardInterrupt, typer.Abort) as error:
        return getattr(error, "exit_code", 130)
    except MemoryError:
        return _refused(EnvironmentFailed("out of memory"), arguments)
    except OSError as error:
        if not error.filename:
            from optcli.display.output import abandon

            abandon(sys.stdout)
        return _refused(loading.failure(error) or _failed(error), arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error.__context__, BrokenPipeError):
            return 0  # the reader of the help has gone
        # click's own errors know their message; anything else is a plug-in's fault, or ours
        if hasattr(error, "format_message"):
            return _refused(_usage(error, arguments), arguments)
        failure = loading.failure(error) or loading.suspect(error)
        if failure is None:
            raise
        return _refused(failure, arguments)


def _failed(error: OSError) -> EnvironmentFailed:
    """What the system has refused; without a file it is what we write to."""
    return EnvironmentFailed(f"{error.filename or 'stdout'}: {error.strerror or error}")


# What an option takes, in pydantic's words and in ours.
ALLOWED = {
    "valid integer": "a whole number",
    "valid number": "a number",
    "greater than or equal to": "at least ",
    "less than or equal to": "at most ",
}


def _usage(error: Any, arguments: Sequence[str]) -> InvalidInput:
    """A wrong command line in one line, with the nearest right word."""
    context = getattr(error, "ctx", None)
    where = getattr(context, "command_path", "optcli")
    message = error.format_message().rstrip(".")
    command = getattr(context, "command", None)
    words = list(getattr(command, "commands", {}))
    wrong = message.partition("'")[2].partition("'")[0]
    option = wrong if message.startswith("Invalid value for '--") else ""
    allowed = next((ours for theirs, ours in ALLOWED.items() if theirs in message), "")
    if option and allowed:
        limit = message.rpartition(" ")[2] if allowed.startswith("at ") else ""
        message = f"is '{_value(option, arguments)}'; must be {allowed}{limit}"
        return InvalidInput(Fault(message, option))
    if message.startswith("No such command") and wrong:
        message = f"no command '{wrong}'{suggestion(wrong, words)} ({where} --help)"
    elif near := getattr(error, "possibilities", None):
        message = f"no such option: {error.option_name}; did you mean '{near[0]}'?"
    else:
        message = message[:1].lower() + message[1:]
        if message == "missing command":
            message = f"is missing a command: {', '.join(words)}"
            return InvalidInput(Fault(message, where))
    return InvalidInput(Fault(message, "optcli"))


def _value(option: str, arguments: Sequence[str]) -> str:
    """What the command line gives an option."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


def _refused(error: OptcliError, arguments: list[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    from optcli.display.faults import faults

    faults(error, sys.stderr)
    return error.exit_code
