"""The commands, put together; what they raise is turned into an exit code."""

from __future__ import annotations

import functools
import sys
import traceback
from importlib import import_module
from typing import Any

import typer

from optcli.cli import at_once
from optcli.cli import help as pages
from optcli.cli.parameter_names import CommandLine
from optcli.core.errors import NO_PATH, EnvironmentFailed, Fault, InvalidInput, OptcliError, lost
from optcli.storage import interruption

# In the order of the help; each is a file of this name, with _ for -. Groups have commands of
# their own.
COMMANDS = (
    *("init", "train", "tune", "compare", "gradcheck", "check", "predict", "evaluate"),
    *("export", "report", "lr-find", "trace", "landscape", "explain", "list", "schema"),
)
GROUPS = ("runs", "plugin")


class Commands(pages.HelpGroup):
    """All commands, each loaded when it is asked for: to load all takes longer than most run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or None."""
        if cmd_name in self.list_commands(ctx) and cmd_name not in self.commands:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)


app = pages.group(
    "Train models, compare optimizers and check gradients, on NumPy.",
    "optcli train configs/iris.yaml",
    "optcli compare sgd adam",
    name="optcli",
    cls=Commands,
)


def _version(asked: bool) -> None:
    if asked:
        from optcli.core.version import __version__

        pages.say(f"optcli {__version__}")


def _install(asked: bool) -> None:
    if asked:
        from optcli.cli.completion import shells

        shell = _shell()
        pages.say(f"{shell} completion is in {shells.install(shell)}; it works in the next shell")


def _show(asked: bool) -> None:
    if asked:
        from optcli.cli.completion import shells

        pages.say(shells.SCRIPTS[_shell()].rstrip())


def _shell() -> str:
    from optcli.cli.completion import shells

    shell = shells.this()
    if shell not in shells.SCRIPTS:
        known = ", ".join(shells.SCRIPTS)
        message = f"the shell is '{shell}', and completion is for {known}; set SHELL to one of them"
        raise InvalidInput(Fault(message))
    return shell


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit"
    ),
    install: bool = typer.Option(
        False,
        "--install-completion",
        callback=_install,
        is_eager=True,
        help="Install completion for this shell (bash, zsh or fish)",
    ),
    show: bool = typer.Option(
        False,
        "--show-completion",
        callback=_show,
        is_eager=True,
        help="Show the completion script, to copy or adapt it",
    ),
) -> None:
    """Train models, compare optimizers and check gradients, on NumPy."""


def _loaded(name: str) -> Any:
    """The command or group of a name, from its file."""
    module = import_module(f"optcli.cli.{name.replace('-', '_')}")
    if name in GROUPS:
        made = typer.main.get_command(module.app)
    else:
        alone = pages.group("")
        epilog = pages.examples(*module.EXAMPLES)
        alone.command(name, cls=pages.Command, epilog=epilog)(module.command)
        made = typer.main.get_command(alone)
    made.name = name
    return made


@functools.cache
def root_command() -> Any:
    """`optcli` itself."""
    return typer.main.get_command(app)


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code. Raises KeyboardInterrupt after a signal."""
    command = root_command()
    if not arguments:
        typer.echo(command.get_help(command.make_context("optcli", ["--"])), err=True)
        return 2
    lost.clear()
    try:
        code = _invoked(command, arguments)
        if lost:  # what was asked for did not arrive, though all else is done
            raise lost[0]
        return code if isinstance(code, int) else 0
    except OptcliError as error:
        return _refused(error, arguments)
    except MemoryError:
        return _refused(EnvironmentFailed("out of memory"), arguments)
    except OSError as error:
        from optcli.plugins import loading

        return _refused(loading.failure(error) or _failed(error), arguments)
    except (Exception, SystemExit) as error:
        # click's own errors know their message; anything else is a plug-in's fault, or ours
        if hasattr(error, "format_message"):
            from optcli.cli.usage import usage

            return _refused(usage(error, arguments), arguments)
        from optcli.plugins import loading

        failure = loading.failure(error) or loading.suspect(error)
        if failure is None:
            raise
        return _refused(failure, arguments)


def _invoked(command: Any, arguments: list[str]) -> Any:
    """What a command gives; unlike Typer's `main`, this lets interruptions through as they are."""
    try:
        code = at_once.run(arguments)
        if code is not None:
            return code
        with command.make_context("optcli", list(arguments)) as context:
            return command.invoke(context)
    except typer.Exit as ended:  # of the help and the version
        return ended.exit_code
    except (Exception, SystemExit) as error:
        if interruption.came():  # and was made another error of
            raise KeyboardInterrupt from error
        raise


def _failed(error: OSError) -> OptcliError:
    """What the system has refused: of a file, of the output, or of neither."""
    place = error.filename
    if error in lost:
        place = "stdout"
    reason = error.strerror or str(error) or type(error).__name__
    if place and error.errno in NO_PATH:
        return InvalidInput(Fault(reason, file=str(place)))
    return EnvironmentFailed(f"{place}: {reason}" if place else reason)


def _refused(error: OptcliError, arguments: list[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    from optcli.display.faults import faults

    faults(error, sys.stderr, CommandLine())
    return error.exit_code
