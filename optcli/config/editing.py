"""Change one value in a config's text; all else stays, comments and spaces included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from optcli.config.writing import flow
from optcli.config.yaml_text import Loader, parse, read
from optcli.core.errors import Fault, InvalidInput

MARK = "\ufeff"  # of the byte order; a file may begin with it


def with_hyperparameter(path: Path, section: str, name: str, value: Any) -> bytes:
    """A config file with a hyperparameter of a named section, such as `optimizer`, set.

    Nothing else of it changes. Raises InvalidInput where that cannot be done in the text: the
    section is an alias or shared by one, or it is not there.
    """
    before = read(path).value
    raw = path.read_bytes().decode("utf-8")
    begun = MARK if raw.startswith(MARK) else ""
    text = raw.removeprefix(MARK)
    edited = _edited(text, section, name, flow(value))
    if edited is None or not _as_meant(before, edited, section, name, value):
        message = f"cannot be edited safely; set {section}.{name}: {flow(value)} by hand"
        raise InvalidInput(Fault(message, section, str(path)))
    return (begun + edited).encode("utf-8")


def _as_meant(before: Any, edited: str, section: str, name: str, value: Any) -> bool:
    """Whether the edited text says the same as before but for the one value."""
    meant = dict(before)
    own = meant[section]
    meant[section] = {**({"name": own} if isinstance(own, str) else own), name: value}
    try:
        after = parse(edited).value
    except InvalidInput:
        return False
    return bool(after == meant)


def _edited(text: str, section: str, name: str, value: str) -> str | None:
    """The text with the value in its place; None where it has none."""
    try:
        root = yaml.compose(text, Loader)
    except yaml.YAMLError:  # JSON with tabs
        return None
    key, own = _pair(root, section)
    if key is None or own is None or _shared(root, own):
        return None
    begin, end = own.start_mark.index, own.end_mark.index
    quote = '"' if text[key.start_mark.index] == '"' else ""  # as JSON has it
    added = f"{quote}{name}{quote}: {value}"
    if isinstance(own, yaml.ScalarNode):
        return f"{text[:begin]}{{{quote}name{quote}: {text[begin:end]}, {added}}}{text[end:]}"
    _, old = _pair(own, name)
    if old is not None:
        if not isinstance(old, yaml.ScalarNode) or _shared(root, old):
            return None
        return text[: old.start_mark.index] + value + text[old.end_mark.index :]
    if not isinstance(own, yaml.MappingNode) or not own.value:
        return None
    if own.flow_style:
        end = own.value[-1][1].end_mark.index
        return f"{text[:end]}, {added}{text[end:]}"
    # a line of its own, below the first key's
    first, of_first = own.value[0]
    newline = "\r\n" if "\r\n" in text else "\n"
    at = text.find("\n", of_first.end_mark.index)
    line = f"{' ' * first.start_mark.column}{added}"
    if at < 0:
        return f"{text}{newline}{line}{newline}"
    return f"{text[: at + 1]}{line}{newline}{text[at + 1 :]}"


def _pair(node: yaml.Node | None, name: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """A key of a mapping with its value, or neither."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = ((key, value) for key, value in pairs if key.value == name)
    return next(found, (None, None))


def _shared(root: yaml.Node | None, node: yaml.Node) -> bool:
    """Whether aliases show a node more than once."""
    return sum(each is node for each in _nodes(root)) > 1


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """The node and all below it, as often as they are shown."""
    if node is None:
        return
    yield node
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for each in pair:
                yield from _nodes(each)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _nodes(each)
