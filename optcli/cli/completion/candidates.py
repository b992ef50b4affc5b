"""What the word at the cursor may become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from optcli.cli.completion import keys, paths, syntax
from optcli.cli.completion.keys import Found

# Kinds of names by the metavar, for the commands whose argument or option it is.
NAMES = {
    ("gradcheck", "NAME"): ("losses", "activations", "layers", "models", "objectives"),
    ("explain", "NAME"): (*keys.KINDS, "layers", "ideas"),
    ("compare", "--suite"): ("suites",),
    ("compare", "--metric"): ("metrics",),
    ("trace", "OBJECTIVE"): ("objectives",),
    ("trace", "OPTIMIZER"): ("optimizers",),
    ("compare", "ENTRY"): ("optimizers",),
}
LISTED = (*keys.KINDS, "suites", "ideas")  # what `list` takes
ENDINGS = {"CONFIG": paths.CONFIGS, "FILE.py": (".py",), "FILE|NAME": (".py",)}
FOLDERS = ("DIR",)
RUNS = ("RUN", "FOLDER", "RUN_OR_COMPARISON")
FILES = ("FILE", "FILE.html", "TABLE", "DATA")


def candidates(words: Sequence[str]) -> Found:
    """What the last word may become, each with what it means; words: after `optcli`."""
    *before, word = words or [""]
    found = _candidates(before, word)
    return {value: text for value, text in found.items() if value.startswith(word)}


def _candidates(before: list[str], word: str) -> Found:
    if not before:
        return dict.fromkeys(syntax.ROOT, "") if word.startswith("-") else syntax.commands()
    command, *rest = before
    if command not in syntax.commands():
        return {}
    inner = ""
    if command in syntax.groups():
        if not rest:
            return {"--help": ""} if word.startswith("-") else syntax.commands(command)
        inner, *rest = rest
    known = syntax.of(command, inner)
    given = _Given(known, rest)
    if given.open:
        return _value(command, given.open, known.options[given.open], word, given)
    option, equals, value = word.partition("=")
    if equals and option.startswith("--") and known.options.get(option):
        found = _value(command, option, known.options[option], value, given)
        return {f"{option}={each}": text for each, text in found.items()}
    if word.startswith("-") and not given.only_arguments:
        return {name: known.helps.get(name, "") for name in _shown(known, word)}
    if not known.arguments:
        return {}
    place = min(len(given.arguments), len(known.arguments) - 1)
    metavar = known.arguments[place]
    if len(given.arguments) > place and not metavar.endswith("..."):
        return {}
    metavar = metavar.removesuffix("...")
    if command == "explain" and given.arguments[:1] in (["forward"], ["backward"]):
        metavar = "CONFIG"
    if command == "explain" and given.arguments[:1] == ["layers"]:
        metavar = "RUN"
    return _value(command, metavar, metavar, word, given)


def _shown(known: syntax.Syntax, word: str) -> Iterable[str]:
    """Long names; a short one where it is what was typed."""
    return [name for name in known.options if name.startswith("--") or name == word != "-"]


class _Given:
    """What stands before the word: arguments, values by option, and an option without its value."""

    def __init__(self, known: syntax.Syntax, words: Sequence[str]) -> None:
        self.arguments: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.open, self.only_arguments = "", False
        for word in words:
            name, equals, value = word.partition("=")
            if self.open:
                self.values.setdefault(self.open, []).append(word)
                self.open = ""
            elif word == "--":
                self.only_arguments = True
            elif self.only_arguments or not word.startswith("-") or word == "-":
                self.arguments.append(word)
            elif equals:
                self.values.setdefault(name, []).append(value)
            elif known.options.get(word):
                self.open = word

    def config(self) -> Path | None:
        """The config on the command line."""
        named = self.values.get("--config", []) + self.values.get("-c", [])
        files = [each for each in (*named, *self.arguments) if each.endswith(paths.CONFIGS)]
        runs = [f"{each}/config.yaml" for each in self.values.get("--resume", [])]
        return Path(next(iter((*files, *runs)), "")).expanduser() if files or runs else None


def _value(command: str, name: str, metavar: str, word: str, given: _Given) -> Found:
    """What an argument or the value of an option may be.

    name: of the option; of an argument its metavar.
    """
    if metavar == "KEY=VALUE":
        return keys.completed(word, given.config(), given.values.get("--set", []))
    if (kinds := NAMES.get((command, name))) is not None:
        if ":" in word and "optimizers" in kinds:
            return keys.arguments("optimizer", word)
        found = {each: text for kind in kinds for each, text in keys.kind(kind).items()}
        if command == "explain":
            found |= {"forward": "One batch forward", "backward": "One batch backward"}
            found |= {"layers": "A run's layers over its training"}
        if command == "compare" and name == "ENTRY":
            found |= {"all": "All optimizers"} | _files(word, paths.CONFIGS)
        return found | (_files(word, ()) if name == "--suite" and "/" in word else {})
    if metavar == "KIND":
        return dict.fromkeys(LISTED, "")
    if metavar in RUNS:
        return dict.fromkeys(paths.runs(word), "")
    if metavar in FOLDERS:
        return dict.fromkeys(paths.folders(word), "")
    if metavar in ENDINGS or metavar in FILES or (command == "compare" and name == "-c"):
        endings = paths.CONFIGS if name in ("--config", "-c") else ENDINGS.get(metavar, ())
        return _files(word, endings)
    if re.fullmatch(r"\w+(\|\w+)+", metavar):
        return dict.fromkeys(metavar.split("|"), "")
    return {"dask": ""} if metavar.startswith("dask") else {}


def _files(word: str, endings: tuple[str, ...]) -> Found:
    return dict.fromkeys(paths.files(word, endings), "")
