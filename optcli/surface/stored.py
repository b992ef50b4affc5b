"""Stored: a landscape as summary.json and tables, and read back."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optcli.core.errors import Fault, InvalidInput
from optcli.storage import results
from optcli.surface.curvature import Eigenvalue, Sharpness
from optcli.surface.result import Cut, Landscape, Solution, Walk

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]  # header and rows


def solutions(found: Landscape) -> list[dict[str, Any]]:
    """What there is to say of each solution, for summary.json and the terminal."""
    return [
        {
            "label": each.label,
            "optimizer": each.optimizer,
            "hyperparameters": dict(each.hyperparameters),
            "outcome": each.outcome,
            "train_loss": each.train,
            "validation_loss": each.validation,
            "at": list(each.at),
            "distance_from_plane": each.distance,
            "off_plane": None if each.walk is None else each.walk.off,
            "sharpness": None if each.sharpness is None else _numbers(each.sharpness),
        }
        for each in found.solutions
    ]


def _numbers(sharp: Sharpness) -> dict[str, Any]:
    return {
        "largest_eigenvalue": sharp.largest.value,
        "largest_eigenvalue_error": sharp.largest.error,
        "smallest_eigenvalue": sharp.smallest.value,
        "smallest_eigenvalue_error": sharp.smallest.error,
        "trace": sharp.trace,
        "trace_error": sharp.trace_error,
        "lanczos_steps": sharp.steps,
        "probes": sharp.probes,
        "gradient_norm": sharp.gradient,
        "loss": sharp.loss,
    }


def summary(found: Landscape) -> dict[str, Any]:
    """What summary.json says."""
    return {
        "title": found.title,
        "plane": found.plane,
        "axes": list(found.axes),
        "shares": None if found.shares is None else list(found.shares),
        "rows": dict(found.rows),
        "solutions": solutions(found),
        "notes": list(found.notes),
    }


def tables(found: Landscape) -> dict[str, Table]:
    """The tables by file name: header and rows, in full precision."""
    parts = ["train_loss", *(["validation_loss"] if found.validation is not None else [])]
    a, b = np.meshgrid(found.x, found.y)
    maps = [found.train, *([found.validation] if found.validation is not None else [])]
    grid = np.stack([a, b, *maps], axis=-1).reshape(-1, 2 + len(maps)).tolist()
    cuts = [
        (cut.name, *row)
        for cut in found.cuts
        for row in np.stack(
            [cut.at, cut.train, *([cut.validation] if cut.validation is not None else [])], axis=1
        ).tolist()
    ]
    walks = [
        (each.label, int(steps), *row)
        for each in found.solutions
        if (walk := each.walk) is not None
        for steps, row in zip(
            walk.steps,
            np.column_stack([walk.epochs, walk.at, walk.distance, walk.train]).tolist(),
            strict=True,
        )
    ]
    written: dict[str, Table] = {
        "grid.csv": (("a", "b", *parts), grid),
        "cuts.csv": (("cut", "at", *parts), cuts),
    }
    if walks:
        head = ("run", "step", "epoch", "a", "b", "distance_from_plane", "train_loss")
        written["walks.csv"] = (head, walks)
    return written


def read(folder: Path) -> Landscape:
    """The landscape that lies in a folder; raises InvalidInput where it is damaged.

    The vectors of its eigenvalues are not kept: they are empty.
    """
    summed = results.summary(folder)
    try:
        grid, cuts = (_read(folder / name) for name in ("grid.csv", "cuts.csv"))
        walks = _read(folder / "walks.csv") if (folder / "walks.csv").exists() else []
        x, y = (np.unique([float(row[name]) for row in grid]) for name in "ab")
        maps = {
            name: np.array([float(row[name]) for row in grid]).reshape(len(y), len(x))
            for name in ("train_loss", "validation_loss")
            if name in grid[0]
        }
        found = tuple(_solution(row, walks) for row in summed["solutions"])
        return Landscape(
            summed["title"],
            summed["plane"],
            tuple(summed["axes"]),
            None if summed["shares"] is None else tuple(summed["shares"]),
            x,
            y,
            maps["train_loss"],
            maps.get("validation_loss"),
            tuple(_stored_cuts(cuts, found[0].sharpness)),
            found,
            summed["rows"],
            tuple(summed["notes"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError) as error:
        message = f"is damaged: it does not describe a landscape ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder))) from error


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _solution(row: Mapping[str, Any], walks: Sequence[Mapping[str, str]]) -> Solution:
    own = [walk for walk in walks if walk["run"] == row["label"]]
    walk = None
    if own:
        names = ("epoch", "step", "a", "b", "distance_from_plane", "train_loss")
        epochs, steps, a, b, distance, train = (
            np.array([float(each[name]) for each in own]) for name in names
        )
        walk = Walk(epochs, steps, np.stack([a, b], axis=1), distance, train, row["off_plane"])
    sharp = None
    if row["sharpness"] is not None:
        of = {k: np.nan if v is None else v for k, v in row["sharpness"].items()}
        largest, smallest = (
            Eigenvalue(of[f"{which}_eigenvalue"], of[f"{which}_eigenvalue_error"], np.empty(0))
            for which in ("largest", "smallest")
        )
        counts = int(of["lanczos_steps"]), int(of["probes"])
        trace = of["trace"], of["trace_error"]
        sharp = Sharpness(largest, smallest, *trace, *counts, of["gradient_norm"], of["loss"])
    validation = row["validation_loss"]
    return Solution(
        row["label"],
        row["optimizer"],
        row["hyperparameters"],
        row["outcome"],
        np.nan if row["train_loss"] is None else row["train_loss"],
        validation,
        tuple(row["at"]),
        row["distance_from_plane"],
        sharp,
        walk,
    )


def _stored_cuts(rows: Sequence[Mapping[str, str]], sharp: Sharpness | None) -> Iterator[Cut]:
    for name in dict.fromkeys(row["cut"] for row in rows):
        own = [row for row in rows if row["cut"] == name]
        at, train = (np.array([float(row[key]) for row in own]) for key in ("at", "train_loss"))
        validation = None
        if "validation_loss" in own[0]:
            validation = np.array([float(row["validation_loss"]) for row in own])
        curved = sharp is not None and name == "sharpest direction"
        value = sharp.largest.value if curved and sharp is not None else None
        yield Cut(name, at, train, validation, value)
