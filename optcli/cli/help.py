"""Help pages: usage, options by group, and examples, in plain text.

Written by typer's plain formatter, not by rich, whose import alone takes longer than a page.
"""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

# Headings under which options stand; an option without one stands under Options, the first.
CONFIG, OUTPUT, OTHER = "Configuration", "Output", "Other"


class _Shown:
    """What shows its help by the kit, which knows streams that cannot be written to."""

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.callback = _show
        return option


class Command(_Shown, TyperCommand):
    """A command whose help has groups of options, and ends with examples."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """`optcli compare [OPTIONS] ENTRY...`."""
        arguments = [_metavar(each) for each in self.params if isinstance(each, TyperArgument)]
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *arguments]))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then the options group by group."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for each in self.get_params(ctx):
            if isinstance(each, TyperArgument):
                groups["Arguments"].append((str(each.metavar), each.help or ""))
            else:
                heading = getattr(each, "rich_help_panel", None)
                heading = heading or (OTHER if each.name == "help" else "Options")
                groups.setdefault(heading, []).append(_option(each))
        order = ("Arguments", "Options", CONFIG, OUTPUT, OTHER)
        for heading in order:
            if rows := groups.get(heading):
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, each in a line of its own, to be copied."""
        _write_examples(self.epilog, formatter)


class HelpGroup(_Shown, TyperGroup):
    """A command of commands, each with the whole of its one line."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The commands first, then the options."""
        self.format_commands(ctx, formatter)
        with formatter.section("Options"):
            formatter.write_dl([_option(each) for each in self.get_params(ctx)])

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The name and the first line of each."""
        rows = []
        for name in self.list_commands(ctx):
            found = self.get_command(ctx, name)
            text = "" if found is None else found.help or ""
            rows.append((name, text.partition("\n")[0].rstrip(".")))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples."""
        _write_examples(self.epilog, formatter)


def examples(*lines: str) -> str:
    """The examples of a command, for its epilog."""
    return "\n".join(lines)


def group(
    text: str, *lines: str, name: str | None = None, cls: type[HelpGroup] = HelpGroup
) -> typer.Typer:
    """A group of commands with this help and these examples."""
    return typer.Typer(
        name=name,
        cls=cls,
        help=text,
        epilog=examples(*lines),
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def say(text: str) -> None:
    """Write a text that ends the command to the standard output."""
    from optcli.display.output import Output

    output = Output(sys.stdout)
    output.write(output.encodable(text) + "\n")
    raise typer.Exit


def _show(context: Any, _option: Any, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(context.get_help())


def _write_examples(text: str | None, formatter: Any) -> None:
    lines = (text or "").splitlines()
    if lines:
        with formatter.section("Examples" if len(lines) > 1 else "Example"):
            for line in lines:
                formatter.write(f"{' ' * formatter.current_indent}{line}\n")


def _metavar(argument: TyperArgument) -> str:
    return str(argument.metavar) if argument.required else f"[{argument.metavar}]"


def _option(option: Any) -> tuple[str, str]:
    """An option as it is typed; what it does, and its default where that is a number."""
    typed = ", ".join(sorted(option.opts, key=len))
    if isinstance(option, TyperOption) and not option.is_flag:
        typed += f" {option.metavar}"
    return typed, (option.help or "").rstrip(".") + _default(option)


def _default(option: Any) -> str:
    value = option.default
    if option.is_flag or isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return f" (default: {value:g})"
