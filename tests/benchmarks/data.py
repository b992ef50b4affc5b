"""The tables that optcli and its peers read: as CSV, and for steady-state training as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def classes(folder: Path, rows: int, columns: int, kinds: int) -> tuple[Path, Path]:
    """Normal inputs whose class a random two-layer network decides: the CSV and the .npz."""
    table, arrays = (folder / f"classes-{rows}x{columns}.{end}" for end in ("csv", "npz"))
    if not arrays.exists():
        rng = np.random.default_rng(columns)
        x = rng.standard_normal((rows, columns)).round(4).astype(np.float32)
        hidden = np.maximum(x @ rng.standard_normal((columns, 32)) / columns**0.5, 0)
        scores = hidden @ rng.standard_normal((32, kinds))
        y = (scores - scores.mean(axis=0) + rng.gumbel(size=scores.shape) / 4).argmax(axis=1)
        y[:kinds] = np.arange(kinds)
        written(table, x, y)
        np.savez(arrays, x=x, y=y)
    return table, arrays


def two_classes(folder: Path, rows: int, columns: int) -> Path:
    """Normal inputs, and a class by a logistic model: the CSV."""
    table = folder / f"two-{rows}x{columns}.csv"
    if not table.exists():
        rng = np.random.default_rng(rows)
        x = rng.standard_normal((rows, columns), dtype=np.float32)
        slope = rng.standard_normal(columns) / columns**0.5
        written(table, x, (x @ slope + rng.logistic(size=rows) / 2 > 0).astype(int))
    return table


def written(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Columns x0, x1, … with four digits, and y."""
    import polars as pl

    columns = {f"x{j}": x[:, j] for j in range(x.shape[1])}
    pl.DataFrame({**columns, "y": y}).write_csv(path, float_precision=4)


def for_wabbit(table: Path) -> Path:
    """The table in Vowpal Wabbit's own format."""
    path = table.with_suffix(".vw")
    if not path.exists():
        with table.open() as lines, path.open("w") as out:
            next(lines)
            for line in lines:
                *x, y = line.rstrip().split(",")
                values = " ".join(f"{j}:{value}" for j, value in enumerate(x))
                out.write(f"{2 * int(y) - 1} | {values}\n")
    return path
