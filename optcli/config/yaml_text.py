"""YAML text: from it to plain values, each with the line it stands on.

The core schema of YAML 1.2: `1e-3` is a number, and `no`, `off`, `yes`, `on` are
text. Nothing that is read can run code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from optcli.core.errors import Fault, InvalidInput, path_suggestion, unreadable

MOST_BYTES = 1_000_000
MOST_VALUES = 10_000  # an alias counts each time it is used

ESCAPE = "in double quotes a backslash begins an escape; use / or single quotes"

Key = tuple[str | int, ...]

_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_RESOLVERS = [
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
]


class Loader(yaml.SafeLoader):
    """Composes nodes by the core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


class Dumper(yaml.SafeDumper):
    """Writes what Loader reads back as it was."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: Any, sequence: Any, flow_style: Any = None) -> Any:
        return super().represent_sequence(tag, sequence, flow_style=True)


for _tag, _pattern, _first in _RESOLVERS:
    _whole = re.compile(f"^(?:{_pattern.pattern})$")
    for _reader in (Loader, Dumper):
        _reader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, _first)


@dataclass
class Document:
    """A value, and where its parts stand.

    lines: of each key, by its path from the top. settings: keys that the command
    line has set instead. unset: those of them that it took away. file: what messages name,
    or None.
    """

    value: Any
    file: str | None = None
    lines: dict[Key, int] = field(default_factory=dict)
    settings: set[Key] = field(default_factory=set)
    unset: set[Key] = field(default_factory=set)

    def order(self, key: Key) -> int:
        """How early the key stands in the file, or the nearest above it."""
        places = list(self.lines)
        above = [key[:length] for length in range(len(key), -1, -1)]
        return next((places.index(part) for part in above if part in self.lines), 0)


def read(path: Path) -> Document:
    """Read a config; raises InvalidInput where it is none."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        hint = path_suggestion(path, (Path(each.name) for each in path.parent.glob("*.y*ml")))
        raise InvalidInput(Fault(f"no such file{hint}", file=file)) from error
    except IsADirectoryError as error:
        raise InvalidInput(Fault("is a folder; must be a YAML file", file=file)) from error
    except OSError as error:
        raise unreadable(file, error) from error
    except ValueError as error:  # a NUL in the path
        raise InvalidInput(Fault(f"cannot be read: {error}", file=file)) from error
    if len(data) > MOST_BYTES:
        raise InvalidInput(Fault("is larger than 1 MB, too large for a config", file=file))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput(
            Fault("is not UTF-8 text; must be a YAML file", None, file, line)
        ) from error
    if "\0" in text:
        raise InvalidInput(Fault("is a binary file; must be a YAML file", file=file))
    return parse(text, file)


def parse(text: str, file: str | None = None) -> Document:
    """Read YAML text; raises InvalidInput with the line of what is wrong."""
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # JSON may be indented by tabs
    try:
        node = yaml.compose(text, Loader)
    except RecursionError as error:
        raise InvalidInput(Fault("is nested too deeply", file=file)) from error
    except (ValueError, OverflowError) as error:  # an escape such as \UFFFFFFFF
        raise InvalidInput(_beyond(text, file)) from error
    except yaml.YAMLError as error:
        raise InvalidInput(_syntax(error, text, file)) from error
    document = Document(None, file)
    if node is not None:
        try:
            document.value = _Values(document).of(node, ())
        except RecursionError as error:
            raise InvalidInput(Fault("is nested too deeply", file=file)) from error
    return document


def _syntax(error: yaml.YAMLError, text: str, file: str | None) -> Fault:
    context = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or context
    begun = "" if context is None else f" begun in line {context.line + 1}"
    line = None if mark is None else mark.line + 1
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    glued = None if mark is None else _glued(text.splitlines()[: mark.line + 1])
    if glued is not None:
        line, name = glued
        return Fault(f"a space is missing after '{name}:'", None, file, line)
    if "escape" in problem:
        message = ESCAPE
    elif "found character '\\t'" in problem:
        message = "is indented by a tab; use spaces"
    elif "but found another document" in problem:
        message = "a second document begins here; a config is one"
    elif "mapping values are not allowed" in problem:
        message = "a second ': ' in one line; put the text in quotes, or begin a new line"
        if mark and f"{text.splitlines()[mark.line]} ".count(": ") < 2:
            message = "a key is not allowed here; check the indentation, and ': ' in the line above"
    elif "undefined alias" in problem:
        message = problem.replace("found undefined alias", "unknown alias")
    elif "unexpected end of stream" in problem or "<stream end>" in problem:
        message = f"ends inside a quote or bracket{begun if file else ''}"
    elif "expected ',' or" in problem:
        message = f"a comma, or the end of the bracket{begun}, is missing before this"
    elif "expected <block end>" in problem:
        message = "does not fit what is above; check the indentation"
    elif "special characters are not allowed" in problem:
        line = text[: getattr(error, "position", 0)].count("\n") + 1
        message = "holds control characters; must be text"
    else:
        message = f"is not YAML: {problem}"
    return Fault(message, None, file, line)


def _beyond(text: str, file: str | None) -> Fault:
    """The first escape of a character that there is not."""
    found = re.search(r"\\U(?!000|0010)[0-9a-fA-F]{8}", text)
    line = None if found is None else text.count("\n", 0, found.start()) + 1
    return Fault(ESCAPE, None, file, line)


def _glued(lines: list[str]) -> tuple[int, str] | None:
    """The last `key:value` without a space among the lines before an error, if it is near."""
    for back, text in enumerate(lines[:-4:-1]):
        found = re.match(r"\s*(?:- )?([a-z_]+):(?=[^\s/])", text)
        if found:
            return len(lines) - back, found[1]
    return None


class _Values:
    """Turns nodes into values, noting lines; refuses tags, duplicates and bombs."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0

    def of(self, node: yaml.Node, key: Key) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        self.document.lines.setdefault(key, line)
        if self.count > MOST_VALUES:
            self._refuse(f"holds more than {MOST_VALUES:,} values, aliases counted", line)
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.of(item, (*key, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in ("str", "null", "bool", "int", "float"):
            return self._scalar(kind, self._text(node, line), line)
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        return self._refuse(f"the tag {tag} is not allowed", line)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                self._refuse("a key must be a word", line)
            name = self._text(name_node, line)
            if name in values:
                first = self.document.lines[(*key, name)]
                self._refuse(f"duplicate key '{name}' (also on line {first})", line)
            self.document.lines[(*key, name)] = line
            values[name] = self.of(value_node, (*key, name))
        return values

    def _scalar(self, kind: str, text: str, line: int) -> Any:
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int" and len(text) < 400:
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            if kind == "float":
                return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())
            if kind != "str":
                raise ValueError
        except (ValueError, KeyError):
            self._refuse(f"'{text[:40]}' cannot be held as {kind}", line)
        return text

    def _text(self, node: yaml.ScalarNode, line: int) -> str:
        # JSON writes some characters as a pair of escapes; half a pair is none
        try:
            text: str = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._refuse("contains an unpaired surrogate, as in '\\ud800'", line)
        return text

    def _refuse(self, message: str, line: int) -> NoReturn:
        raise InvalidInput(Fault(message, None, self.document.file, line))


def read_written(path: Path) -> dict[str, Any]:
    """The mapping that `writing.written` wrote to a file; raises InvalidInput."""
    value = read(path).value
    if not isinstance(value, dict):
        raise InvalidInput(Fault("is not as optcli wrote it", file=str(path)))
    return value
