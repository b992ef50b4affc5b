"""Recipe: models to try on a table, and how each is trained.

The numbers are those that did best in `tests/studies/against_sklearn.py`; docs/studies.md has its
results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcli.starter.trial import Candidate

# Rows up to which a batch has so many; larger batches make fewer, dearer steps.
BATCHES = ((5_000, 32), (20_000, 64), (100_000, 256), (1_000_000, 1024))
LARGEST_BATCH = 4096
FEWEST_TRIED = 40  # rows from which a trial says something
MOST_TRIED = 20_000  # rows up to which candidates are tried
FEWEST, MOST, STEPS = 80, 240, 1200  # epochs, which make so many steps where rows are few
PATIENCE = 0.2  # of the epochs
SECONDS = 60.0  # that training may take, roughly
SECONDS_OF_TRIAL = 120.0  # that trying networks may take, by the same estimate
SPEED = 4e9  # multiplications a second, of a slow machine
OVERHEAD = 1e-4  # seconds a step, whatever its size


def batch_size(rows: int) -> int:
    """Rows of a batch, by the number of rows in all."""
    return next((size for most, size in BATCHES if rows <= most), LARGEST_BATCH)


def epochs(rows: int, parameters: int) -> int:
    """How many epochs make STEPS steps or more, and end in about a minute."""
    steps = -(-rows // batch_size(rows))
    wanted = min(MOST, max(FEWEST, STEPS // steps))
    return max(5, min(wanted, round(SECONDS / _epoch(rows, parameters))))


def seconds(rows: int, parameters: int) -> float:
    """How long training may take."""
    return epochs(rows, parameters) * _epoch(rows, parameters)


def _epoch(rows: int, parameters: int) -> float:
    steps = -(-rows // batch_size(rows))
    return 6 * rows * parameters / SPEED + OVERHEAD * steps


def training(rows: int, parameters: int, *, stops: bool) -> dict[str, Any]:
    """The section `training`."""
    count = epochs(rows, parameters)
    section: dict[str, Any] = {"epochs": count, "batch_size": min(batch_size(rows), rows)}
    if stops:
        section["early_stopping"] = {"patience": max(3, round(PATIENCE * count))}
    return section


def linear(strength: float, rows: int) -> Candidate:
    """A linear model. strength: of L2 regularization, in units of one row: 1 is scikit-learn's."""
    l2 = float(f"{strength / rows:.1g}")
    return Candidate(
        f"linear, l2 {l2:g}",
        {
            "model": {"name": "linear"},
            "optimizer": {"name": "adam", "lr": 0.03},
            "schedule": {"name": "cosine"},
            "regularization": {"l2": l2},
        },
    )


def mlp(hidden: Sequence[int], l2: float, lr: float = 0.003, *, stops: bool = False) -> Candidate:
    """A multilayer perceptron. hidden: units of its hidden layers."""
    return Candidate(
        f"mlp {list(hidden)}, l2 {l2:g}, lr {lr:g}",
        {
            "model": {"name": "mlp", "hidden": list(hidden)},
            "optimizer": {"name": "adam", "lr": lr},
            "schedule": {"name": "cosine"},
            "regularization": {"l2": l2},
        },
        stops,
    )


def candidates(rows: int) -> list[Candidate]:
    """What to try, the simplest first.

    Networks are not stopped early: with a decaying learning rate, and L2 regularization chosen by
    cross-validation, rows to learn from are worth more than rows to stop by.
    """
    lines = [linear(strength, rows) for strength in (100.0, 10.0, 1.0)]
    slow = mlp([100], 0.001, lr=0.001)  # stays nearer to its start
    return [*lines, slow, *(mlp([100], l2) for l2 in (0.03, 0.01, 0.003)), mlp([64, 64], 0.003)]


def untried(rows: int) -> Candidate:
    """What suits so many rows as a rule."""
    if rows < FEWEST_TRIED:
        return linear(1.0, rows)
    if rows <= MOST_TRIED:
        return mlp([100], 0.03 if rows < 3000 else 0.01)
    hidden = 128 if rows > 100_000 else 64
    return mlp([hidden, hidden], 1e-3, stops=True)
