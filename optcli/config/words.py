"""Words: specs out of a command line's words, as in `adam:lr=0.01,beta1=0.8`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml

from optcli.config.reading import Dumper, parse
from optcli.config.validation import Faults, dotted, registered
from optcli.errors import Fault, InvalidInput
from optcli.registry import Registry

T = TypeVar("T")


def chosen(registry: Registry[T], word: str) -> T:
    """What `name` or `name:key=value,key=value` stands for; raises InvalidInput."""
    name, colon, rest = word.partition(":")
    values: dict[str, Any] = {"name": name}
    if colon:
        values |= _settings(word, rest)
    faults = Faults()
    made: T = registered(registry, values, (), faults)
    if faults.found:
        raise InvalidInput(
            *(
                Fault(f"{dotted(key)}: {message}" if key != ("name",) else message, word)
                for key, message in faults.found
            )
        )
    return made


def given(word: str) -> set[str]:
    """The keys that a word sets."""
    _, colon, rest = word.partition(":")
    return set(_settings(word, rest)) if colon else set()


def _settings(word: str, text: str) -> dict[str, Any]:
    """`key=value,key=value` as a mapping; values as in YAML."""
    found: dict[str, Any] = {}
    for part in re.split(r",(?=[^,=]*=)", text):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InvalidInput(Fault(f"holds '{part}'; after the colon must be key=value", word))
        if key.strip() in found:
            raise InvalidInput(Fault(f"sets '{key.strip()}' twice", word))
        try:
            found[key.strip()] = parse(value).value
        except InvalidInput as error:
            raise InvalidInput(Fault(f"{key.strip()}: {error.faults[0].message}", word)) from error
    return found


def written(values: Mapping[str, Any]) -> str:
    """Plain values as YAML, in their order."""
    text: str = yaml.dump(
        dict(values), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
    return text
