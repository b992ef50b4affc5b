"""Processes: each side of a benchmark runs in one of its own, and the sides take turns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parent.parent.parent
CONFIGS = ROOT / "configs"
THREADS = ("OMP", "OPENBLAS", "MKL", "POLARS_MAX", "RAYON")

# Starts a process from a small one: its peak would begin at that of the process it comes from.
LAUNCH = """
import json, os, sys, time
used, *argv = sys.argv[1:]
began = time.perf_counter()
child = os.posix_spawn(argv[0], argv, os.environ)
_, status, of_child = os.wait4(child, 0)
seconds = time.perf_counter() - began
with open(used, "w") as file:
    json.dump([seconds, of_child.ru_maxrss / 1024], file)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Ran:
    """What a process took. seconds: from start to end. peak: of its memory, MB. out: its output."""

    seconds: float
    peak: float
    out: str

    @property
    def said(self) -> Any:
        """The JSON in its last line."""
        return json.loads(self.out.strip().splitlines()[-1])


@dataclass(frozen=True)
class Bench:
    """What the tables share.

    peers: a Python that has them. rounds: how often the sides take turns. folder: for configs,
    tables and runs; it is gone at the end.
    """

    peers: str
    rounds: int
    folder: Path

    def optcli(self, *words: object, out: Path | None = None, threads: int = 1) -> Ran:
        """A command of optcli. out: the folder it makes; one that is there is removed before."""
        if out is not None:
            shutil.rmtree(out, ignore_errors=True)
            words = (*words, "--out", out)
        return run([sys.executable, "-m", "optcli", *words], pinned(threads))

    def peer(self, script: str, threads: int = 1, core: bool = False, **given: Any) -> Ran:
        """A peer's script. core: on one core, for peers that take all they get."""
        argv = [self.peers, PEERS / f"{script}.py", json.dumps(given, default=str)]
        return run(argv, pinned(threads), core)

    def config(self, name: str, text: str) -> Path:
        """A config file."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def turns(
        self, sides: Mapping[str, Callable[[], T]], rounds: int | None = None
    ) -> dict[str, list[T]]:
        """What each side found in each round."""
        found: dict[str, list[T]] = {name: [] for name in sides}
        for _ in range(rounds or self.rounds):
            for name, side in sides.items():
                found[name].append(side())
        return found


def pinned(threads: int) -> dict[str, str]:
    """The environment of a process that may use so many threads."""
    return {f"{name}_NUM_THREADS": str(threads) for name in THREADS[:3]} | {
        f"{THREADS[3]}_THREADS": str(threads),
        f"{THREADS[4]}_NUM_THREADS": str(threads),
    }


def run(argv: list[object], environment: Mapping[str, str], core: bool = False) -> Ran:
    """Run a process to its end; it must succeed."""
    own = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.NamedTemporaryFile("r") as used,
    ):
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-c", LAUNCH, used.name, *(str(word) for word in argv)],
            stdout=out,
            stderr=err,
            env=own,
            preexec_fn=(lambda: os.sched_setaffinity(0, {0})) if core else None,
        )
        out.seek(0)
        err.seek(0)
        if done.returncode:
            raise SystemExit(f"{argv} ended with {done.returncode}:\n{err.read()[-3000:]}")
        seconds, peak = json.loads(used.read())
        return Ran(seconds, peak, out.read())
