"""Where the files of a config lie: its tables, and the folders for copies of them.

Fields say by a mark, `InputFile` or `CacheFolder`, that a text in them is a path.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from optcli.config.yaml_text import Document, Key
from optcli.core.errors import InvalidInput
from optcli.core.specs import CacheFolder, InputFile, marked, with_texts
from optcli.data.base import DATASETS
from optcli.data.opening import at_home
from optcli.data.split import Split
from optcli.storage.paths import relative

if TYPE_CHECKING:
    from optcli.config.settings import Config

S = TypeVar("S")


def places(values: Mapping[str, Any], *marks: type) -> list[tuple[str, str]]:
    """The keys of a config that may name a file or folder, as `("dataset", "path")`.

    values: its sections, resolved. marks: of the fields, by default both. These keys may
    change when a run goes on, as long as the rows are the same.
    """
    found: list[tuple[str, str]] = []
    dataset = values.get("dataset")
    if isinstance(dataset, Mapping):
        with contextlib.suppress(InvalidInput):  # of a plug-in that is not there
            kind = DATASETS.find(str(dataset.get("name")))
            found += [("dataset", name) for name in marked(kind, *marks or MARKS)]
    return found + [("split", name) for name in marked(Split, *marks or MARKS)]


MARKS = (InputFile, CacheFolder)


def without_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a config, without the places of tables: their content is held by checksum."""
    found = dict(values)
    for section, name in places(values, InputFile):
        inside = found.get(section)
        if isinstance(inside, Mapping) and name in inside:
            found[section] = {**inside, name: with_texts(inside[name], lambda _: "a table")}
    for section, name in places(values, CacheFolder):
        found[section] = {key: value for key, value in found[section].items() if key != name}
    return found


def resolved_path(key: Key, path: str, folder: Path, document: Document) -> str:
    """A path as seen from the config's folder; one of a setting also from the current one."""
    home = at_home(path)
    inside, here = folder / home, home
    if key in document.settings or key[:1] in document.settings:
        for there in (inside, here, inside.parent, here.parent):
            with contextlib.suppress(OSError):  # of a name that is too long
                if there.exists():
                    return str(here if there in (here, here.parent) else inside)
    return str(inside)


def with_paths(section: str, spec: S, folder: Path, document: Document) -> S:
    """A section's spec with its paths as seen from here; `folder` is the config's."""
    changed = {}
    for name in marked(type(spec), *MARKS):
        key: Key = (section, name)

        def resolve(path: str, key: Key = key) -> str:
            return resolved_path(key, path, folder, document)

        changed[name] = with_texts(getattr(spec, name), resolve)
    return dataclasses.replace(spec, **changed) if changed else spec  # type: ignore[type-var]


def portable(config: Config, folder: Path) -> dict[str, Any]:
    """The resolved config, its paths written so that they resolve from `folder`."""
    values = config.resolved()
    for section, name in places(values):
        if name in values.get(section, ()):
            path = with_texts(values[section][name], lambda path: relative(path, folder))
            values[section] = values[section] | {name: path}
    return values
