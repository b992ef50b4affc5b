"""Where the tables of a config lie."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.config.reading import Document, Key
from optcli.data.base import Dataset
from optcli.data.opening import at_home
from optcli.data.split import Split

if TYPE_CHECKING:
    from optcli.config.settings import Config

# Where tables lie: these may change when a run goes on, as long as the rows are the same.
PLACES = (
    ("dataset", "path"),
    ("dataset", "cache"),
    ("split", "validation"),
    ("split", "test"),
)


def placeless(values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a config, without the places of tables: their content is held by checksum."""
    found = dict(values)
    for section, name in PLACES:
        inside = found.get(section)
        if isinstance(inside, Mapping) and isinstance(inside.get(name), str):
            found[section] = {**inside, name: "a table"}
    if isinstance(inside := found.get("dataset"), Mapping):
        found["dataset"] = {name: value for name, value in inside.items() if name != "cache"}
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


def with_paths_of_dataset(dataset: Dataset, folder: Path, document: Document) -> Dataset:
    """The data set with its paths as seen from here."""
    paths = {
        name: resolved_path(("dataset", name), path, folder, document)
        for name in ("path", "cache")
        if (path := getattr(dataset, name, None)) is not None
    }
    return replace(dataset, **paths) if paths else dataset  # type: ignore[arg-type]


def with_paths_of_split(split: Split, folder: Path, document: Document) -> Split:
    """The split with its paths as seen from here."""
    parts = {
        name: resolved_path(("split", name), part, folder, document)
        for name in ("validation", "test")
        if isinstance(part := getattr(split, name), str)
    }
    return replace(split, **parts) if parts else split  # type: ignore[arg-type]


def portable(config: Config, folder: Path) -> dict[str, Any]:
    """The resolved config, its paths written so that they resolve from `folder`."""
    values = config.resolved()
    if config.objective is None:
        values["dataset"] = relative(values["dataset"], ["path", "cache"], folder)
        values["split"] = relative(values["split"], ["validation", "test"], folder)
    return values


def relative(section: dict[str, Any], names: list[str], folder: Path) -> dict[str, Any]:
    """A section with the paths of these names as seen from `folder`."""
    paths = {
        name: os.path.relpath(section[name], folder)
        for name in names
        if isinstance(section.get(name), str)
    }
    return section | paths
