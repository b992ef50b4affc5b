"""Inline specs: `adam:lr=0.01,beta1=0.8` on the command line."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from optcli.config.validation import Faults, dotted, registered
from optcli.config.yaml_text import parse
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry

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


def without_list(word: str, key: str) -> tuple[str, tuple[str, ...]]:
    """The word without `key=a|b|…`, and what that lists; all of it where it lists nothing."""
    name, _, rest = word.partition(":")
    parts = re.split(r",(?=[^,=]*=)", rest)
    for part in parts:
        found, _, text = part.partition("=")
        if found.strip() == key and "|" in text:
            others = ",".join(other for other in parts if other != part)
            return (f"{name}:{others}" if others else name), tuple(text.split("|"))
    return word, ()


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
