"""Load a config: from YAML, or a mapping, to a checked `Config`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optcli.config.building import build, check_together
from optcli.config.overrides import apply
from optcli.config.paths import with_paths
from optcli.config.settings import KEYS, REQUIRED, Config
from optcli.config.validation import Faults, located, said, unknown
from optcli.config.yaml_text import Document, read
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import fields
from optcli.data.opening import at_home


def load(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Read and check a config; raises InvalidInput with every fault, in file order.

    source: a YAML file's path, or a mapping. overrides: `KEY=VALUE`, the key
    dotted, the value YAML. A later one replaces an earlier one, and what excludes it, as
    `training.steps` and `training.epochs` do; null takes a key away, so that its default
    holds. A name alone, as in `optimizer=sgd`, replaces the whole section;
    `optimizer.name=sgd` changes the name and keeps the other keys, which must be keys of the
    new one, too. Paths are as seen from the config, or else from the current folder.
    """
    if not isinstance(source, Mapping | str | Path):
        raise InvalidInput(
            f"the config is {source!r:.60}; must be a YAML file's path, or a mapping"
        )
    if isinstance(overrides, str) or not all(isinstance(each, str) for each in overrides):
        raise InvalidInput(f"overrides: is {overrides!r:.60}; must be a list of KEY=VALUE texts")
    if isinstance(source, Mapping):
        document = Document(_plain(source))
        folder = Path()
    else:
        source = at_home(source)
        document = read(source)
        folder = source.parent
    _check_top(document)
    apply(document, overrides)
    faults = Faults()
    made = build(document.value, faults)
    _check_unset(document, made, faults)
    check_together(made, document.value, faults)
    made["space"] = None
    if document.value.get("tune") is not None and not faults.found:
        from optcli.config.space import space

        made["space"] = space(document, faults)
    if faults.found:
        found = sorted(faults.found, key=lambda fault: document.order(fault[0]))
        raise InvalidInput(*(located(document, key, message) for key, message in found))
    for section in ("dataset", "split"):
        made[section] = with_paths(section, made[section], folder, document)
    return Config(**made, document=document)


def _plain(value: Any) -> Any:
    """A mapping from Python, with lists for tuples and arrays, and text for paths."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _check_top(document: Document) -> None:
    value = document.value
    if isinstance(value, dict):
        return
    if value is None:
        message = "is empty; a config has the keys " + ", ".join(REQUIRED)
    else:
        what = "a list" if isinstance(value, list) else f"the text {said(value)}"
        message = f"is {what}, not a config; a config begins with keys such as 'dataset:'"
    raise InvalidInput(Fault(message, file=document.file, line=1 if document.file else None))


def _check_unset(document: Document, made: Mapping[str, Any], faults: Faults) -> None:
    """What was taken away must be a key that could be there."""
    for key in sorted(document.unset):
        at: Any = made
        for depth, part in enumerate(key):
            if depth == 1 and key[0] == "tune":
                break
            if depth == 0:
                known = list(KEYS)
            elif dataclasses.is_dataclass(at) and key != ("objective", "start"):
                known = ["name", *(field.name for field in fields(type(at)))]
            else:
                break  # nothing stood there, or what has no fields
            if part not in known:
                faults.add(key, unknown(str(part), known))
                break
            at = at.get(part) if depth == 0 else getattr(at, str(part), None)
