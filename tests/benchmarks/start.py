"""Start-up: whole processes, beside the import of numpy, and of torch."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.processes import CONFIGS, Bench, pinned, run
from tests.benchmarks.results import Row

COMMANDS = {"explain adam": 2.5, "list": 2.0, "schema": 4.0}


def rows(bench: Bench) -> Iterator[Row]:
    import sys

    out = bench.folder / "start"

    def imported(python: str, name: str) -> float:
        return run([python, "-c", f"import {name}"], pinned(1)).seconds

    found = bench.turns(
        {
            **{
                words: (lambda words=words: bench.optcli(*words.split()).seconds)
                for words in COMMANDS
            },
            "iris": lambda: bench.optcli("train", CONFIGS / "iris.yaml", "-q", out=out).seconds,
            "numpy": lambda: imported(sys.executable, "numpy"),
            "torch": lambda: imported(bench.peers, "torch"),
        },
        3 * bench.rounds,
    )
    for words, most in COMMANDS.items():
        yield Row(f"optcli {words}", found[words], "import numpy", found["numpy"], most=most)
    work = "optcli train configs/iris.yaml, with plots"
    yield Row(work, found["iris"], "import torch", found["torch"], most=0.75)
