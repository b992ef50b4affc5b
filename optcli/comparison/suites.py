"""Suites: sets of problems that differ in what makes optimization hard.

A suite is a folder of configs: one that optcli has, by name, or a user's. The comment at the top of
a config says why it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.core.schema_file import LINE

HERE = Path(__file__).parent.parent / "suites"
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Suite:
    """Configs, in order. few: the titles of those on which costly optimizers take part; () for all.

    summary: a line on it.
    """

    name: str
    summary: str
    configs: tuple[Path, ...]
    few: tuple[str, ...] = ()


# Of few parameters, for which second-order methods were made.
FEW = ("ill-conditioned", "noisy-gradients", "saddles", "separable")
SUITES = {
    "small": ("a dozen small problems, each hard in another way", ("small",)),
    "full": ("those of small and larger ones, for many optimizers", ("small", "full")),
}


def named() -> list[Suite]:
    """The suites that optcli has."""
    return [
        Suite(
            name,
            summary,
            tuple(path for folder in folders for path in _configs(HERE / folder)),
            FEW,
        )
        for name, (summary, folders) in SUITES.items()
    ]


def find(name: str) -> Suite:
    """The suite of a name, or of a folder; raises InvalidInput."""
    for suite in named():
        if suite.name == name:
            return suite
    folder = Path(name).expanduser()
    if not folder.is_dir():
        known = suggestion(name, SUITES) or f"; must be one of {', '.join(SUITES)}, or a folder"
        message = f"unknown suite '{name}'{known} (optcli list suites)"
        raise InvalidInput(Fault(message, parameter="suite"))
    configs = tuple(_configs(folder))
    if len(configs) < 2:
        many = "no config" if not configs else "only one config"
        message = f"'{name}' has {many}; a suite is a folder of two or more ({', '.join(SUFFIXES)})"
        raise InvalidInput(Fault(message, parameter="suite"))
    return Suite(folder.name, "", configs)


def _configs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def reason(config: Path) -> str:
    """The comment at the top of a config, without its full stop: why it is in the suite."""
    lines = []
    for line in config.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(LINE):
            lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).rstrip(".")


@dataclass(frozen=True)
class Listed:
    """A line of `optcli list suites`."""

    kind: str
    name: str
    summary: str
    aliases: tuple[str, ...] = ()


def listed() -> list[Listed]:
    """The suites, then the problems of each that the ones before it do not have."""
    suites = named()
    found = [Listed("suites", suite.name, suite.summary) for suite in suites]
    seen: set[Path] = set()
    for suite in suites:
        new = [path for path in suite.configs if path not in seen]
        kind = f"problems of {suite.name}" if not seen else f"more problems of {suite.name}"
        found += [Listed(kind, path.stem, reason(path)) for path in new]
        seen.update(new)
    return found
