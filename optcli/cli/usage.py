"""A wrong command line in one line, with what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcli.core.errors import Fault, InvalidInput, suggestion

# What an option takes, in click's words and in ours.
ALLOWED = {
    "valid integer": "a whole number",
    "valid number": "a number",
    "greater than or equal to": "at least ",
    "less than or equal to": "at most ",
}


def usage(error: Any, arguments: Sequence[str]) -> InvalidInput:
    """A wrong command line in one line, with the nearest right word."""
    context = getattr(error, "ctx", None)
    where = getattr(context, "command_path", "optcli")
    message = error.format_message().rstrip(".")
    listed = getattr(getattr(context, "command", None), "list_commands", None)
    words = listed(context) if listed else []
    wrong = message.partition("'")[2].partition("'")[0]
    option = wrong if message.startswith("Invalid value for '--") else ""
    allowed = next((ours for theirs, ours in ALLOWED.items() if theirs in message), "")
    if option and allowed:
        limit = message.rpartition(" ")[2] if allowed.startswith("at ") else ""
        message = f"is '{_value(option, arguments)}'; must be {allowed}{limit}"
        return InvalidInput(Fault(message, option))
    if message.startswith("No such command") and wrong:
        message = f"no command '{wrong}'{suggestion(wrong, words)} ({where} --help)"
    elif name := getattr(error, "option_name", ""):
        message = f"no option {name}"
        near = getattr(error, "possibilities", None)
        given = _value(name, arguments)
        if key := config_key(name):
            message += _to_set(key, given or "VALUE", context)
        elif near:
            message += f"; did you mean '{near[0]}'?"
        else:
            message += f" ({where} --help)"
    else:
        message = _argument(message, where, context) or message[:1].lower() + message[1:]
        if message == "missing command":
            message = f"missing command; must be one of {', '.join(words)} ({where} --help)"
    return InvalidInput(message)


def _argument(message: str, where: str, context: Any) -> str:
    """What to say of an argument that is missing, or one too many; nothing of all else."""
    if message.startswith("Missing argument "):
        name = message.partition("'")[2].rstrip("'")
        more = ", one or more" if name.endswith("...") else ""
        return f"missing {name.removesuffix('...')}{more} ({where} --help)"
    if not message.startswith("Got unexpected extra argument"):
        return ""
    words = message.partition("(")[2].partition("(")[2].removesuffix(")")
    name, equals, value = words.partition("=")
    if equals and " " not in name:
        section = name.partition(".")[2] and name
        if key := section or config_key(name):
            return f"unexpected argument '{words}'" + _to_set(key, value, context)
    return f"unexpected argument '{words}' ({where} --help)"


def _value(option: str, arguments: Sequence[str]) -> str:
    """What the command line gives an option."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


# Common names of config keys that are none here.
ALIASES = {"learning-rate": "lr", "bs": "batch-size", "wd": "weight-decay", "optim": "optimizer"}


def config_key(option: str) -> str | None:
    """The dotted config key that is meant by an option: `optimizer.lr` by `--lr`."""
    from optcli.config.settings import SECTIONS
    from optcli.core.specs import fields
    from optcli.models import MODELS
    from optcli.optimizers.base import OPTIMIZERS
    from optcli.training.settings import Training

    name = option.lstrip("-")
    name = ALIASES.get(name, name).replace("-", "_")
    if name in SECTIONS:
        return name
    for section, classes in (
        ("training", [Training]),
        ("optimizer", OPTIMIZERS),
        ("model", MODELS),
    ):
        if any(name == field.name for cls in classes for field in fields(cls)):
            return f"{section}.{name}"
    return None


def _to_set(key: str, value: str, context: Any) -> str:
    """How the command sets a config key, where it can."""
    options = {name for each in context.command.params for name in each.opts}
    section, _, name = key.partition(".")
    if section == "optimizer" and options & {"ENTRY", "entries", "optimizers"}:
        return f"; write adam:{name}={value}, say" if name else "; name optimizers as arguments"
    if "--set" in options:
        return f"; use --set {key}={value}"
    return f"; {key} is a config key, which this command does not take"
