"""Processes: each side of a benchmark runs in one of its own, and the sides take turns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parent.parent.parent
CONFIGS = ROOT / "configs"
THREADS = ("OMP", "OPENBLAS", "MKL", "POLARS_MAX", "RAYON")

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
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdout=out,
            stderr=err,
            env=own,
            preexec_fn=(lambda: os.sched_setaffinity(0, {0})) if core else None,
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            raise SystemExit(f"{argv} ended with {child.returncode}:\n{err.read()[-3000:]}")
        return Ran(seconds, used.ru_maxrss / 1024, out.read())
