"""Asked: what a comparison or search was asked for, so that its shards merge without its files.

The folder of a shard keeps it in environment.json: entries, configs as they were given, settings.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.comparison.settings import ComparisonSettings
from optcli.core.specs import with_texts

if TYPE_CHECKING:
    from optcli.config import Config

# The settings that are asked for; the others say where and how runs are done.
SETTINGS = (
    *("tune", "budget", "tune_seeds", "finalists", "seeds", "metric", "at", "target"),
    *("fixed_split", "fail_unless", "fail_if", "x"),
)


def told(
    words: Sequence[str],
    configs: Sequence[Config],
    settings: ComparisonSettings,
    *,
    title: str = "",
    whole: bool = False,
    few: Sequence[str] = (),
    suite: bool = False,
) -> dict[str, Any]:
    """What environment.json keeps. title: of a config that has no file."""
    values = asdict(replace(settings, executor=None))
    found = kept(words, configs, {name: values[name] for name in SETTINGS}, title=title)
    return {**found, "whole": whole, "few": list(few), "suite": suite}


def kept(
    words: Sequence[str], configs: Sequence[Config], settings: Mapping[str, Any], *, title: str
) -> dict[str, Any]:
    """Entries, configs and settings; what comparisons and searches have in common."""
    return {
        "entries": list(words),
        "configs": [_embedded(config, title) for config in configs],
        "settings": dict(settings),
    }


def _embedded(config: Config, title: str) -> dict[str, Any]:
    """A config as it was given, with its settings applied and its paths absolute."""
    from optcli.config import places
    from optcli.config.writing import written

    values, resolved = copy.deepcopy(config.document.value), config.resolved()
    for section, name in places(values):
        if isinstance(values.get(section), dict) and name in values[section]:
            found = resolved[section][name]
            values[section][name] = with_texts(found, lambda path: str(Path(path).absolute()))
    return {"file": config.document.file or title, "values": written(values)}


def configs(asked: Mapping[str, Any], overrides: Sequence[str]) -> list[Config]:
    """The configs again; raises InvalidInput. overrides: `KEY=VALUE`, for tables that moved."""
    from optcli.config import load
    from optcli.config.yaml_text import parse

    found = []
    for each in asked["configs"]:
        found.append(load(parse(each["values"]).value, overrides))
        found[-1].document.file = each["file"]
    return found


def settings(asked: Mapping[str, Any]) -> ComparisonSettings:
    """The settings again."""
    known: dict[str, Any] = dict(asked["settings"])
    for name in ("fail_unless", "fail_if"):
        known[name] = tuple(known[name])
    return ComparisonSettings(**known)


def differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two shards were asked for other things: `seeds is 10, there 12`; nothing if not."""
    found = []
    for name in ("entries", "few"):
        there, here = first.get(name, []), other.get(name, [])
        if there != here:
            found.append(f"{name} is {', '.join(here)}, there {', '.join(there)}")
    ours, theirs = _contents(first), _contents(other)
    if len(ours) != len(theirs):
        found.append(f"has {len(theirs)} configs, there {len(ours)}")
    for (title, values), (other_title, other_values) in zip(ours, theirs, strict=False):
        if title != other_title:
            found.append(f"config is {other_title}, there {title}")
        elif values != other_values:
            both = {**values, **other_values}
            keys = [key for key in both if values.get(key) != other_values.get(key)]
            found.append(f"config {title} differs in {', '.join(keys)}")
    for name in {**first["settings"], **other["settings"]}:
        a, b = first["settings"].get(name), other["settings"].get(name)
        if a != b:
            found.append(f"{name} is {b}, there {a}")
    return "; ".join(found[:3])


def _contents(asked: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Titles and values of the configs, but for where tables lie."""
    from optcli.config import without_paths
    from optcli.config.yaml_text import parse

    return [
        (Path(each["file"]).stem, without_paths(parse(each["values"]).value))
        for each in asked["configs"]
    ]
