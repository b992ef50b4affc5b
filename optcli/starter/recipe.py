"""Recipe: models to try on a table, and how each is trained.

The numbers are those that did best in `tests/studies/against_sklearn.py`; docs/studies.md has its
results.
"""

from __future__ import annotations

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
SPEED = 4e9  # multiplications a second, of a slow machine
OVERHEAD = 1e-4  # seconds a step, whatever its size


def batch_size(rows: int) -> int:
    """Rows of a batch, by the number of rows in all."""
    return next((size for most, size in BATCHES if rows <= most), LARGEST_BATCH)


def epochs(rows: int, parameters: int) -> int:
    """How many epochs make STEPS steps or more, and end in about a minute."""
    steps = -(-rows // batch_size(rows))
    seconds = 6 * rows * parameters / SPEED + OVERHEAD * steps
    wanted = min(MOST, max(FEWEST, STEPS // steps))
    return max(5, min(wanted, round(SECONDS / seconds)))


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
        f"linear with l2 {l2:g}",
        {
            "model": {"name": "linear"},
            "optimizer": {"name": "adam", "lr": 0.03},
            "schedule": {"name": "cosine"},
            "regularization": {"l2": l2},
        },
    )


def mlp(hidden: int, l2: float, dropout: float = 0.0) -> Candidate:
    """A multilayer perceptron of two hidden layers."""
    model: dict[str, Any] = {"name": "mlp", "hidden": [hidden, hidden]}
    if dropout:
        model["dropout"] = dropout
    return Candidate(
        f"mlp of {hidden} and {hidden} units with l2 {l2:g}",
        {
            "model": model,
            "optimizer": {"name": "adam", "lr": 0.003},
            "schedule": {"name": "cosine"},
            "regularization": {"l2": l2},
        },
    )


def candidates(rows: int) -> list[Candidate]:
    """What to try, the simplest first."""
    lines = [linear(strength, rows) for strength in (100.0, 10.0, 1.0)]
    return [*lines, *(mlp(64, l2) for l2 in (0.1, 0.03, 0.003))]


def of_few(rows: int) -> Candidate:
    """What suits so few rows that none can be spared to stop by."""
    return linear(1.0, rows)


def untried(rows: int) -> Candidate:
    """What suits so many rows as a rule."""
    if rows <= MOST_TRIED:
        return mlp(64, 0.03 if rows < 3000 else 0.01)
    return mlp(128 if rows > 100_000 else 64, 1e-3)
