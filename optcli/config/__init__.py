"""Config: from YAML, or a mapping, to checked specs.

    yaml_text    text -> plain values, each with its line
    overrides    `KEY=VALUE` settings applied to them
    validation   values -> one spec, every fault noted
    building     values -> the specs of all sections
    settings     `Config`: what comes of it
    space        what a search varies: the section `tune`
    loading      all of these in order
    paths        where its files lie, as seen from the config and from a run's folder
    writing      a config as YAML
    editing      one value of a config file, all else as it was
    inline_spec  `adam:lr=0.01`: a spec in a word of the command line
    json_schema  the JSON Schema of it all, for editors

The specs' own annotations are the single source of keys, defaults and ranges.
"""

from optcli.config.loading import load
from optcli.config.paths import places, portable, without_paths
from optcli.config.settings import SECTIONS, Config
from optcli.config.writing import dump

__all__ = [
    "SECTIONS",
    "Config",
    "dump",
    "load",
    "places",
    "portable",
    "without_paths",
]
