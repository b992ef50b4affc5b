"""Dotted config keys, and the names that a config can have, from the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optcli.core import catalog_file
from optcli.core.schema_file import PATH

Schema = Mapping[str, Any]
Found = dict[str, str]  # what may stand there -> what it means

# What a config can name; layers stand in the catalog as well.
KINDS = (
    *("datasets", "models", "activations", "initializers", "losses", "optimizers", "schedules"),
    *("averages", "metrics", "objectives"),
)


def schema() -> Schema:
    """The schema of a config."""
    made: Schema = json.loads(PATH.read_text("utf-8"))
    return made


def kind(plural: str) -> Found:
    """The names of a kind, aliases too, with a line on each."""
    if plural == "ideas":
        pages = (PATH.parents[1] / "ideas").glob("*.md")
        return dict.fromkeys(sorted(path.stem for path in pages), "")
    if plural == "suites":
        folders = (PATH.parents[1] / "suites").iterdir()
        return {each.name: "" for each in sorted(folders) if next(each.glob("*.yaml"), None)}
    return {
        name: page["text"].partition("\n")[0].rstrip(".")
        for page in catalog_file.read()[plural]
        for name in (page["name"], *page["aliases"])
    }


def completed(word: str, config: Path | None, settings: Sequence[str]) -> Found:
    """What `--set` may be given, where it begins with the word: keys, or values after `=`.

    config: the file on the command line. settings: others that were given before.
    """
    key, equals, _ = word.partition("=")
    *before, _ = key.split(".") if not equals else [*key.split("."), ""]
    at: Sequence[Schema] = [schema()]
    for depth, part in enumerate(before):
        name = _name(before[:depth], config, settings)
        at = [inner[part] for each in at for inner in _maps(each, name) if part in inner]
    if equals:
        found = {value: text for each in at for value, text in _values(each).items()}
        return {f"{key}={value}": text for value, text in found.items()}
    name = _name(before, config, settings)
    made: Found = {}
    for each in at:
        for inner in _maps(each, name):
            for part, of in inner.items():
                start = ".".join((*before, part))
                ends = ["."] if any(_maps(of, None)) and part != "metrics" else ["="]
                for end in ends:
                    made.setdefault(start + end, _meaning(of))
    return made


def arguments(section: str, word: str) -> Found:
    """The keys of an inline spec of a section: `adam:lr=`, after what is typed of it."""
    name, _, rest = word.partition(":")
    done = rest.rpartition(",")[0]
    start = f"{name}:{done}," if done else f"{name}:"
    found: Found = {}
    for inner in _maps(schema()["properties"][section], name):
        found |= {f"{start}{key}=": _meaning(of) for key, of in inner.items() if key != "name"}
    return found


def _meaning(of: Schema) -> str:
    text, default = of.get("description", ""), of.get("default")
    shown = "true" if default is True else "false" if default is False else default
    return f"{text} (default {shown})" if default not in (None, [], {}) else text


def _maps(of: Schema, name: str | None) -> Iterator[Schema]:
    """The keys of a mapping that a schema allows; name: which the mapping has, None for any."""
    if "properties" in of:
        yield of["properties"]
    for rule in of.get("allOf", ()):
        own = rule["if"].get("properties", {}).get("name")
        if own is None:
            inner = rule["then"].get("properties")
            if inner and name is None:
                yield inner
        elif name is None or name == own.get("const") or name in own.get("enum", ()):
            yield rule["then"]["properties"]


def _values(of: Schema) -> Found:
    """The values of a schema that can be listed."""
    kinds = of.get("type", ())
    found: Found = {}
    if "boolean" in kinds:
        found |= {"true": "", "false": ""}
    for place in (of, of.get("then", {}), *(rule["then"] for rule in of.get("allOf", ()))):
        for value in place.get("enum", ()):
            found.setdefault("null" if value is None else str(value), "")
    names = of.get("properties", {}).get("name", {})
    for value, text in zip(names.get("enum", ()), names.get("enumDescriptions", ()), strict=False):
        found[value] = text
    return found


def _name(path: Sequence[str], config: Path | None, settings: Sequence[str]) -> str | None:
    """The name at a key, as in `optimizer`: of the settings, or else of the file."""
    if not path:
        return None
    dotted = ".".join(path)
    for text in reversed(settings):
        key, _, value = text.partition("=")
        if key in (dotted, f"{dotted}.name") and re.fullmatch(r"\w+", value):
            return value
    if config is None or len(path) > 1:
        return None
    try:
        text = config.read_text("utf-8", errors="replace")
    except OSError:
        return None
    section = re.search(rf"^{path[0]}:(.*(?:\n[ \t#].*|\n)*)", text, re.MULTILINE)
    if section is None:
        return None
    named = re.search(r"""\bname:\s*["']?(\w+)""", section[1])
    named = named or re.match(r"""\s*["']?(\w+)["']?\s*(?:#.*)?$""", section[1], re.MULTILINE)
    return named[1] if named else None
