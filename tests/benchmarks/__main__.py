"""The command line: python -m tests.benchmarks [TABLE …] [--peers PYTHON] [--rounds N]."""

from __future__ import annotations

import argparse
import compileall
import importlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

import optcli
from tests.benchmarks import results
from tests.benchmarks.processes import Bench

# In the order in which RESULTS.md has them.
TABLES = (
    *("training", "large_step", "whole_runs", "time_to_loss", "reading", "predicting"),
    *("many_runs", "gradients", "optimizer_step", "memory", "start"),
)


def main() -> None:
    """Measure the tables and write each into RESULTS.md as soon as it is done."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each table (default: 5)")
    asked = parser.parse_args()
    if unknown := set(asked.tables) - set(TABLES):
        parser.error(f"no table is called {', '.join(unknown)}; there are {', '.join(TABLES)}")
    peers = shutil.which(asked.peers)
    if peers is None:
        parser.error(f"--peers: there is no {asked.peers}")
    compileall.compile_dir(Path(optcli.__file__).parent, quiet=2)
    with tempfile.TemporaryDirectory(prefix="optcli-bench-") as folder:
        bench = Bench(peers, asked.rounds, Path(folder))
        for name in asked.tables or TABLES:
            module = importlib.import_module(f"tests.benchmarks.{name}")
            print(f"\n{name}", flush=True)
            began = time.monotonic()
            rows = []
            for row in module.rows(bench):
                rows.append(row)
                print(row.line(), flush=True)
            results.write(name, module.__doc__, rows, bench, time.monotonic() - began)


if __name__ == "__main__":
    main()
