"""A config as YAML, with paths as seen from its folder."""

from __future__ import annotations

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
