"""A config as YAML, with paths as seen from its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from optcli.config.paths import portable
from optcli.config.settings import Config
from optcli.config.yaml_text import Dumper


def dump(config: Config, folder: Path) -> str:
    """The resolved config as YAML, its paths written so that they resolve from `folder`."""
    values = portable(config, folder)
    sections = []
    for section, value in values.items():
        # in one line where there is little to say, else a line for each key
        short = isinstance(value, Mapping | list) and section not in ("dataset", "training")
        text = yaml.dump(
            {section: listed(value)},
            Dumper=Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=88,
            default_flow_style=None if short else False,
        )
        sections.append(text)
    return "".join(sections)


class _OneLine(Dumper):
    """Writes numbers as one would, 1e-5 instead of 1.0e-05, and line breaks as escapes."""


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    if not math.isfinite(value) or "e" not in repr(value):
        return dumper.represent_float(value)
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(value).replace("e-0", "e-"))


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if value.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_OneLine.add_representer(float, _number)
_OneLine.add_representer(str, _string)


def flow(value: Any) -> str:
    """A plain value in one line of YAML: `[a, 'no']`, `{name: adam, lr: 0.001}`."""
    text: str = yaml.dump(
        [listed(value)],
        Dumper=_OneLine,
        sort_keys=False,
        allow_unicode=True,
        width=10**9,
        default_flow_style=True,
    )
    return text.strip()[1:-1]


def listed(value: Any) -> Any:
    """Tuples as the lists that YAML has."""
    if isinstance(value, Mapping):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def written(values: Mapping[str, Any]) -> str:
    """Plain values as YAML, in their order."""
    text: str = yaml.dump(
        dict(values), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
    return text
