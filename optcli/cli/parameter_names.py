"""The command line's words for the parameters of the library: its options and arguments."""

from __future__ import annotations

from optcli.core.errors import ParameterNames

# All others are options of the same name: `tune_seeds` is `--tune-seeds`.
OTHERS = {
    "entries": "ENTRY",
    "file": "FILE|NAME",
    "kind": "KIND",
    "name": "NAME",
    "names": "NAME",
    "objective": "OBJECTIVE",
    "optimizers": "OPTIMIZER",
    "overrides": "--set",
    "shards": "SHARD",
}


class CommandLine(ParameterNames):
    """A fault that is told to who typed the command."""

    def place(self, parameter: str, key: str | None) -> str:
        """`--seeds`, or `--set optimizer.lr`."""
        return option(parameter) if key is None else f"{option(parameter)} {key}"

    def setting(self, parameter: str, value: str) -> str:
        """`--overwrite`, or `--set dataset.path=FILE`."""
        return f"{option(parameter)} {value}".rstrip()


def option(parameter: str) -> str:
    """The option or argument that gives a parameter."""
    return OTHERS.get(parameter) or f"--{parameter.replace('_', '-')}"
