"""Results: rows of ratios, and RESULTS.md, which has a section for each table."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import re
import statistics
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.benchmarks.processes import Bench

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """\
| work | optcli | against | its | ratio (rounds) | wanted | note |
|---|--:|---|--:|--:|--:|---|"""
PEERS = (
    *("torch", "jax", "optax", "scikit-learn", "vowpalwabbit", "pandas", "polars", "numpy"),
    "matplotlib",
)
INTRODUCTION = """\
# optcli beside its peers

Ratios, measured in one run of `just bench`; the sides take turns, each in a process of its own.
**A ratio above 1 says that optcli is ahead**, by that factor. It is the median over the rounds;
the least and the largest stand in brackets. Where "wanted" has ≤, the ratio is optcli's number
over the other one. ✗ marks a ratio that misses what is wanted; what stands in the way is said below
the table, from "Missed" on. Seconds differ from machine to machine and from day to day; ratios
hardly do. One thread a side, float32, unless said.
"""


@dataclass(frozen=True)
class Row:
    """One comparison.

    ours, theirs: of each round. more: whether more is better, as rows/s. most: the ratio is of
    ours over theirs, and may be this at most.
    """

    work: str
    ours: Sequence[float]
    peer: str
    theirs: Sequence[float]
    unit: str = "s"
    wanted: float | None = None
    note: str = ""
    more: bool = False
    most: float | None = None

    @property
    def ratios(self) -> list[float]:
        """How far optcli is ahead, or how much more it takes, round by round."""
        pairs = zip(self.ours, self.theirs, strict=True)
        over = self.more or self.most is not None
        return [a / b if over else b / a for a, b in pairs]

    def line(self) -> str:
        """The row of a Markdown table."""
        ratio = statistics.median(self.ratios)
        wanted = ""
        if self.wanted is not None:
            wanted = f"{self.wanted:g}" + ("" if ratio >= self.wanted else " ✗")
        if self.most is not None:
            wanted = f"≤ {self.most:g}" + ("" if ratio <= self.most else " ✗")
        spread = f"{min(self.ratios):.2f}–{max(self.ratios):.2f}"
        ours, theirs = (number(statistics.median(side)) for side in (self.ours, self.theirs))
        cells = (
            self.work,
            f"{ours} {self.unit}",
            self.peer,
            f"{theirs} {self.unit}",
            f"{ratio:.2f} ({spread})",
            wanted,
            self.note,
        )
        return "| " + " | ".join(cells) + " |"


def number(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def agree(losses: Mapping[str, float], factor: float, small: float = 0.0) -> str:
    """The losses that the sides reached, for a note; raises where they did not do equal work.

    Losses below `small` are all as good.
    """
    least, most = min(losses.values()), max(losses.values())
    if not all(map(math.isfinite, losses.values())) or most > max(small, factor * least):
        raise SystemExit(f"the sides did not do equal work; they reached losses of {losses}")
    return "losses " + ", ".join(f"{name} {loss:.3g}" for name, loss in losses.items())


def write(name: str, about: str | None, rows: Sequence[Row], bench: Bench, seconds: float) -> None:
    """Put a table in its place; the other sections of RESULTS.md, and what is Missed, stay."""
    from tests.benchmarks.__main__ import TABLES

    old = RESULTS.read_text() if RESULTS.exists() else ""
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", old, re.DOTALL | re.MULTILINE))
    missed = re.search(r"^Missed.*", parts.get(name, ""), re.DOTALL | re.MULTILINE)
    text = textwrap.dedent(about or "").strip()
    made = f"Measured on {date.today():%Y-%m-%d} in {seconds:.0f} s, {bench.rounds} rounds."
    sections = [
        "",
        text,
        "",
        HEAD,
        *(row.line() for row in rows),
        "",
        made,
        f"On {machine(bench)}.",
    ]
    if missed:
        sections += ["", missed[0].rstrip()]
    parts[name] = "\n".join(sections) + "\n\n"
    listed = "".join(f"## {each}\n{parts[each]}" for each in TABLES if each in parts)
    RESULTS.write_text(f"{INTRODUCTION}\n{listed}".rstrip() + "\n")


def machine(bench: Bench) -> str:
    """The processor, the system and the versions."""
    names = {"optcli": importlib.metadata.version("optcli"), "Python": platform.python_version()}
    code = (
        "import importlib.metadata as m\n"
        f"for name in {PEERS!r}:\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: pass"
    )
    said = subprocess.run([bench.peers, "-c", code], capture_output=True, text=True, check=True)
    versions = ", ".join(f"{name} {version}" for name, version in names.items())
    peers = ", ".join(said.stdout.split("\n")).strip(", ")
    numpy = importlib.metadata.version("numpy")
    cores = len(os.sched_getaffinity(0))
    return f"{processor()}, {cores} cores; {versions}, NumPy {numpy}; the peers' Python has {peers}"


def processor() -> str:
    """Its name."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
