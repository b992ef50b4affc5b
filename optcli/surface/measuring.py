"""Measuring: the loss of one run's model on its rows, on a plane through what runs have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import named
from optcli.data.preparation import Prepared
from optcli.objectives.base import Objective
from optcli.optimizers.base import Optimizer
from optcli.surface.again import Retrained, retrained
from optcli.surface.curvature import Sharpness, sharpness
from optcli.surface.heights import Heights
from optcli.surface.plane import Plane, coordinate_plane, random_plane, through, variances
from optcli.surface.result import Cut, Landscape, Solution, Walk
from optcli.training.cohort import Cohort

CUT_POINTS = 101
MARGIN = 0.15  # around the points that a map shows, of their range


@dataclass
class Subject:
    """A run whose surroundings are wanted.

    objective: what it minimizes, of a run without data. model: the parameters (P,) and statistics
    (S,) that its model.npz has, None before it is trained again. path: of a run that was trained
    again.
    """

    label: str
    cohort: Cohort
    data: Prepared
    optimizer: Optimizer
    objective: Objective | None
    outcome: str = ""
    model: tuple[Array, Array] | None = None
    path: Retrained | None = None

    @property
    def found(self) -> tuple[Array, Array]:
        """The model, which must be there."""
        assert self.model is not None
        return self.model


class Surface:
    """The loss of the first run's model on its rows, and what is measured of it."""

    def __init__(self, solutions: list[Subject], rows: int, note: Callable[[str], object]) -> None:
        self.solutions, self.note = solutions, note
        first = solutions[0]
        self.cohort = first.cohort
        self.architecture = self.cohort.architecture()
        self.ground = first.objective
        data = first.data
        parts = {"train": data.train, "validation": data.validation}
        self.parts = {name: part.sampled(rows) for name, part in parts.items() if part is not None}
        for name, part in self.parts.items():
            whole = len(parts[name].x)  # type: ignore[union-attr]
            if len(part.x) < whole:
                said = {"train": "training"}.get(name, name)
                note(f"measured on {len(part.x):,} of {whole:,} {said} rows, from all over them")
        self.heights = {name: Heights(self.cohort, part) for name, part in self.parts.items()}
        self._say_what_differs()

    def _say_what_differs(self) -> None:
        first = self.solutions[0]
        spec = self.cohort.regularization
        if spec.l1 or spec.l2:
            self.note("the loss is shown without the penalty of regularization")
        for each in self.solutions[1:]:
            if each.cohort.loss != self.cohort.loss:
                names = each.cohort.loss.name, self.cohort.loss.name
                self.note(f"{each.label} was trained on {names[0]}; the map is of {names[1]}")
            ours, theirs = first.data.train, each.data.train
            if theirs is not ours and not _same_rows(ours, theirs):
                self.note(
                    f"{each.label} was trained on other rows than {first.label}, "
                    "on whose rows the loss is shown"
                )

    def train_where_needed(self, plane: str, say: Callable[[str], object]) -> None:
        """Train again what has to be: for its path, or as a comparison keeps no model."""
        for each in self.solutions:
            if plane == "random" and each.model is not None:
                continue
            say(f"training {each.label} again to record its path")
            each.path = retrained(each.cohort)
            each.outcome = each.outcome or each.path.outcome
            ended = each.path.best, each.path.best_statistics
            if each.model is None:
                each.model = ended
            elif any(a.tobytes() != b.tobytes() for a, b in zip(each.found, ended, strict=True)):
                apart = float(np.linalg.norm(each.found[0] - ended[0]))
                self.note(
                    f"{each.label} ended elsewhere when it was trained again ({apart:.3g} away); "
                    "another machine or version may be why: see optcli runs verify"
                )

    # ---- the plane ---------------------------------------------------------------------

    def plane(self, kind: str, seed: int) -> tuple[Plane, tuple[str, str]]:
        """The plane, and what its axes are called."""
        x, statistics = (
            np.stack([each.found[k] for each in self.solutions]).astype(np.float64) for k in (0, 1)
        )
        which = variances(self.architecture)
        if kind == "whole":
            return coordinate_plane(np.zeros(2)), ("x1", "x2")
        if kind == "random":
            layout = self.architecture.layout
            made = random_plane(x[0], statistics[0], which, layout, seed)
            return made, ("random direction 1", "random direction 2")
        paths = [each.path for each in self.solutions if each.path is not None]
        origin = 0 if len(self.solutions) == 1 else None
        if kind == "path":
            points = np.concatenate([x, *(path.points for path in paths)])
            own = np.concatenate([statistics, *(path.statistics for path in paths)])
            # each run counts the same, however many points its path has
            weights = np.concatenate(
                [np.full(len(x), 1e-9), *(np.full(len(p.points), 1 / len(p.points)) for p in paths)]
            )
        else:
            points, own = x, statistics
            if len(x) == 2:  # and where they came from
                points = np.concatenate([x, _mean(p.points[0] for p in paths)])
                own = np.concatenate([own, _mean(p.statistics[0] for p in paths)])
            weights = np.ones(len(points))
        made = through(points, own, which, origin, weights)
        assert made.shares is not None
        if not made.axes[0].any():
            raise InvalidInput(Fault("all points are the same; nothing moved", parameter="plane"))
        if not made.axes[1].any():
            random = random_plane(x[0], statistics[0], which, self.architecture.layout, seed)
            rest = random.axes[1] - (random.axes[1] @ made.axes[0]) * made.axes[0]
            axes = np.stack([made.axes[0], rest / np.linalg.norm(rest)])
            self.note("the points lie on a line; the second direction is random")
            made = replace(made, axes=axes)
        names = [f"principal component {k + 1}" for k in range(2)]
        if kind == "ends" and len(points) == 3:
            names = ["direction 1", "direction 2"]
        return made, (names[0], names[1])

    # ---- what is measured ----------------------------------------------------------------

    def measured(
        self,
        title: str,
        kind: str,
        radius: float | None,
        points: int,
        seed: int,
        probes: int | None,
    ) -> Landscape:
        """All of it."""
        plane, axes = self.plane(kind, seed)
        walks = [self._walk(plane, each) for each in self.solutions]
        x = np.stack([each.found[0] for each in self.solutions]).astype(np.float64)
        at, squares = plane.locate(x)
        across, up = self._ranges(kind, radius, at, walks, points)
        grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        maps = {name: self._on(plane, grid, name).reshape(points, points) for name in self.parts}
        losses = {name: self._of_solutions(name) for name in self.parts}
        sharp = [
            None if probes is None else self._sharpness(s, seed, probes) for s in self.solutions
        ]
        validation = losses.get("validation")
        solutions = tuple(
            Solution(
                each.label,
                each.optimizer.name,
                {k: v for k, v in named(each.optimizer).items() if k != "name"},
                each.outcome,
                float(losses["train"][i]),
                None if validation is None else float(validation[i]),
                (float(at[i, 0]), float(at[i, 1])),
                float(np.sqrt(squares[i])),
                sharp[i],
                walks[i],
            )
            for i, each in enumerate(self.solutions)
        )
        cuts = tuple(self._cuts(kind, plane, axes, across, up, at[0], sharp[0], maps["train"]))
        shares = plane.shares
        return Landscape(
            title,
            kind,
            axes,
            None if shares is None else (float(shares[0]), float(shares[1])),
            across,
            up,
            maps["train"],
            maps.get("validation"),
            cuts,
            solutions,
            {name: len(part.x) for name, part in self.parts.items()},
        )

    def _on(self, plane: Plane, coordinates: Array, part: str) -> Array:
        """The losses (M,) at coordinates (M, 2)."""

        def fill(rows: slice, parameters: Array, statistics: Array) -> None:
            plane.fill(coordinates[rows], parameters, statistics)

        return self.heights[part](len(coordinates), fill)

    def _at(self, points: Array, statistics: Array, part: str) -> Array:
        """The losses (K,) at points (K, P)."""

        def fill(rows: slice, parameters: Array, own: Array) -> None:
            parameters[:], own[:] = points[rows], statistics[rows]

        return self.heights[part](len(points), fill)

    def _of_solutions(self, part: str) -> Array:
        x, statistics = (np.stack([each.found[k] for each in self.solutions]) for k in (0, 1))
        return self._at(x, statistics, part)

    def _walk(self, plane: Plane, each: Subject) -> Walk | None:
        path = each.path
        if path is None:
            return None
        at, squares = plane.locate(path.points)
        losses = self._at(path.points, path.statistics, "train")
        off = plane.share_off(path.points)
        return Walk(path.epochs, path.steps, at, np.sqrt(squares), losses, off)

    def _ranges(
        self,
        kind: str,
        radius: float | None,
        at: Array,
        walks: Sequence[Walk | None],
        points: int,
    ) -> tuple[Array, Array]:
        """The coordinates (G,) of the grid along each axis."""
        if kind == "random":
            reach = 1.0 if radius is None else radius
            return np.linspace(-reach, reach, points), np.linspace(-reach, reach, points)
        seen, margin = (
            np.concatenate([at, *(walk.at for walk in walks if walk is not None)]),
            MARGIN,
        )
        if self.ground is not None and kind == "whole":
            # a path that diverges would leave nothing to see
            low, high = (np.array(side, float) for side in zip(*self.ground.domain, strict=True))
            near = np.abs(seen - (low + high) / 2) <= 1.5 * (high - low)
            seen, margin = np.concatenate([seen[near.all(axis=1)], [low, high]]), 0.0
        low, high = seen.min(axis=0), seen.max(axis=0)
        size = np.maximum(high - low, 0.05 * max(float((high - low).max()), 1e-12))
        middle = (low + high) / 2
        reach = (0.5 + margin) * size * (1.0 if radius is None else radius)
        across, up = np.linspace(middle - reach, middle + reach, points).T
        return across, up

    def _sharpness(self, each: Subject, seed: int, probes: int) -> Sharpness:
        found = sharpness(self.cohort, self.parts["train"], *each.found, seed=seed, probes=probes)
        if not np.isfinite(found.largest.value):
            self.note(f"the curvature at {each.label} is not finite")
        return found

    def _cuts(
        self,
        kind: str,
        plane: Plane,
        axes: tuple[str, str],
        across: Array,
        up: Array,
        at: Array,
        sharp: Sharpness | None,
        heights: Array,
    ) -> Iterator[Cut]:
        """Cuts through the first solution: to the others or along the axes; and the sharpest."""
        if len(self.solutions) > 1:
            t = np.linspace(-0.25, 1.25, CUT_POINTS + 50)
            for other in self.solutions[1:]:
                yield self._cut(
                    f"{self.solutions[0].label} to {other.label}",
                    t,
                    *(
                        b.astype(np.float64) - a
                        for a, b in zip(self.solutions[0].found, other.found, strict=True)
                    ),
                )
        else:
            nothing = np.zeros(len(plane.statistics))
            for k, side in enumerate((across, up)):
                t = np.linspace(side[0], side[-1], CUT_POINTS) - at[k]
                yield self._cut(axes[k], t, plane.axes[k], nothing)
        if sharp is not None and sharp.largest.value > 0:
            # how far the map's losses usually are from the solution's, which need not be the lowest
            rise = float(np.median(abs(heights[np.isfinite(heights)] - sharp.loss)))
            reach = np.sqrt(2 * max(rise, 1e-12) / sharp.largest.value)
            t = np.linspace(-reach, reach, CUT_POINTS)
            nothing = np.zeros(len(plane.statistics))
            cut = self._cut("sharpest direction", t, sharp.largest.vector, nothing)
            yield replace(cut, curvature=sharp.largest.value)

    def _cut(self, name: str, t: Array, direction: Array, statistics: Array) -> Cut:
        first = self.solutions[0].found
        keep = variances(self.architecture)
        points = first[0].astype(np.float64) + t[:, None] * direction
        own = first[1].astype(np.float64) + t[:, None] * statistics
        own[:, keep] = np.maximum(own[:, keep], 0)
        losses = {part: self._at(points, own, part) for part in self.parts}
        return Cut(name, t, losses["train"], losses.get("validation"))


def _same_rows(a: Any, b: Any) -> bool:
    """Whether two parts hold the same rows."""
    if a.streamed or b.streamed:
        return len(a.x) == len(b.x)
    return np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


def _mean(points: Iterator[Array]) -> Array:
    """The mean of points, as (1, P)."""
    found: Array = np.mean(list(points), axis=0)[None]
    return found
