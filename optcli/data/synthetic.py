"""Synthetic data sets: the same seed gives the same table.

Features are called x1, x2, …; the target `class`, `y` (y1, y2, … where there are
several) or label1, label2, …. The geometry is scikit-learn's where it has the set.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator
from optcli.core.specs import Doc, Ge, Gt, Lt
from optcli.data.base import DATASETS, Dataset, Roles
from optcli.data.columns import Numbers
from optcli.data.reading_rules import RULES
from optcli.data.table import Table

Samples = Annotated[int, Ge(2), Doc("number of rows")]
Noise = Annotated[float, Ge(0), Doc("standard deviation of the noise")]


class Made(NamedTuple):
    """Features x (N, D), the target (N, names), and what was drawn once for all rows."""

    x: Array
    y: Array
    drawn: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Synthetic(Dataset):
    """A table that is made by rule from a seed."""

    synthetic: ClassVar[bool] = True

    samples: Samples = 500
    noise: Noise = 0.1
    seed: Annotated[int | None, Ge(0), Doc("seed of the table; by default the run's seed")] = None

    @abstractmethod
    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        """The rows. drawn: the centers or weights of another table; if empty, new ones."""

    def targets(self) -> tuple[str, ...]:
        """The names of the target columns."""
        return ("class",)

    def table(self, seed: int, rules: int = RULES) -> Table:
        rng = generator(seed if self.seed is None else self.seed, "dataset")
        return self._shuffled(self.make(rng), rng)

    def fresh(self, rows: int, seed: int, number: int) -> Table:
        own = seed if self.seed is None else self.seed
        drawn = self.make(generator(own, "dataset")).drawn
        rng, more = generator(own, "fresh rows", number), replace(self, samples=rows)
        return more._shuffled(more.make(rng, drawn), rng)

    def _shuffled(self, made: Made, rng: np.random.Generator) -> Table:
        """The rows as a table, in random order."""
        x, y = made.x, made.y.reshape(self.samples, -1)
        order = rng.permutation(self.samples)
        features = {f"x{i + 1}": Numbers(column[order]) for i, column in enumerate(x.T)}
        target = {
            name: Numbers(column[order].astype(np.float64))
            for name, column in zip(self.targets(), y.T, strict=True)
        }
        return Table({**features, **target}, source=f"dataset {self.name}")

    def roles(self) -> Roles:
        return Roles(self.targets())

    def cells(self) -> int:
        return self.samples * (self.inputs() + len(self.targets()))

    def inputs(self) -> int:
        """How many features `make` gives, about: what memory it needs is told before."""
        return 2


def numbered(stem: str, count: int) -> tuple[str, ...]:
    """`y` alone, or y1, y2, …."""
    return (stem,) if count == 1 else tuple(f"{stem}{i + 1}" for i in range(count))


def class_indices(samples: int, classes: int) -> Array:
    """0 … classes - 1 in turn, so that no class has two rows more than another."""
    return np.arange(samples) % classes


@DATASETS.register("blobs")
@dataclass(frozen=True)
class Blobs(Synthetic):
    """Normal clouds around centers that lie anywhere in [-10, 10]; see make_blobs."""

    noise: Noise = 1.0
    classes: Annotated[int, Ge(2), Doc("number of clouds")] = 3
    features: Annotated[int, Ge(1), Doc("number of dimensions")] = 2

    def inputs(self) -> int:
        return self.features

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        (centers,) = drawn or (rng.uniform(-10, 10, (self.classes, self.features)),)
        y = class_indices(self.samples, self.classes)
        x = centers[y] + self.noise * rng.normal(size=(self.samples, self.features))
        return Made(x, y, (centers,))


@DATASETS.register("imbalanced")
@dataclass(frozen=True)
class Imbalanced(Synthetic):
    """Two overlapping normal clouds, two deviations apart; the positive one is rare."""

    noise: Noise = 1.0
    share: Annotated[float, Gt(0), Lt(1), Doc("fraction of rows in the positive class")] = 0.1
    features: Annotated[int, Ge(1), Doc("number of dimensions")] = 2

    def inputs(self) -> int:
        return self.features

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        y = (np.arange(self.samples) < max(1, round(self.share * self.samples))).astype(np.intp)
        center = 2 / np.sqrt(self.features)
        x = rng.normal(size=(self.samples, self.features))
        return Made(center * y[:, None] + self.noise * x, y)


@DATASETS.register("moons")
@dataclass(frozen=True)
class Moons(Synthetic):
    """Two half circles that reach into each other; see make_moons."""

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        upper = np.linspace(0, np.pi, (self.samples + 1) // 2)
        lower = np.linspace(0, np.pi, self.samples // 2)
        x = np.concatenate(
            [
                np.stack([np.cos(upper), np.sin(upper)], axis=1),
                np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
            ]
        )
        y = np.repeat([0, 1], [len(upper), len(lower)])
        return Made(x + self.noise * rng.normal(size=x.shape), y)


@DATASETS.register("circles")
@dataclass(frozen=True)
class Circles(Synthetic):
    """A circle of radius 1 (class 0) around a smaller one (class 1); see make_circles."""

    factor: Annotated[
        float, Gt(0), Lt(1), Doc("radius of the inner circle, relative to the outer")
    ] = 0.5

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        counts = [(self.samples + 1) // 2, self.samples // 2]
        angle = np.concatenate([2 * np.pi * np.arange(count) / count for count in counts])
        y = np.repeat([0, 1], counts)
        radius = np.where(y == 0, 1.0, self.factor)
        x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return Made(x + self.noise * rng.normal(size=x.shape), y)


@DATASETS.register("spirals")
@dataclass(frozen=True)
class Spirals(Synthetic):
    """Arms that wind around the origin, each a class; the radius grows from 0 to 1."""

    noise: Noise = 0.02
    arms: Annotated[int, Ge(2), Doc("number of spirals")] = 2
    turns: Annotated[float, Gt(0), Doc("turns of each arm")] = 1.0

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        y = class_indices(self.samples, self.arms)
        radius = rng.uniform(size=self.samples)
        angle = 2 * np.pi * (self.turns * radius + y / self.arms)
        x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return Made(x + self.noise * rng.normal(size=x.shape), y)


@DATASETS.register("xor")
@dataclass(frozen=True)
class Xor(Synthetic):
    """A square in four quarters: class 1 where x1 and x2 differ in sign."""

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        x = rng.uniform(-1, 1, (self.samples, 2))
        y = (x[:, 0] * x[:, 1] < 0).astype(np.intp)
        return Made(x + self.noise * rng.normal(size=x.shape), y)


@DATASETS.register("linear")
@dataclass(frozen=True)
class Linear(Synthetic):
    """y = x·W + b + noise, with x, W and b standard normal.

    With a condition κ above 1 the j-th feature is scaled down, in even ratios from 1 to
    1/√κ, and its row of W up as much: the least squares problem of x has a Hessian of
    condition number κ (about, for few samples), unless `standardize` scales it back.
    """

    features: Annotated[int, Ge(1), Doc("number of inputs")] = 4
    outputs: Annotated[int, Ge(1), Doc("number of values to predict")] = 1
    condition: Annotated[float, Ge(1), Doc("condition number of the least-squares problem")] = 1.0

    def inputs(self) -> int:
        return self.features

    def targets(self) -> tuple[str, ...]:
        return numbered("y", self.outputs)

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        x = rng.normal(size=(self.samples, self.features))
        w, b = drawn or (
            rng.normal(size=(self.features, self.outputs)),
            rng.normal(size=self.outputs),
        )
        y = x @ w + b + self.noise * rng.normal(size=(self.samples, self.outputs))
        return Made(x * self.condition ** np.linspace(0, -0.5, self.features), y, (w, b))


@DATASETS.register("friedman")
@dataclass(frozen=True)
class Friedman(Synthetic):
    """Friedman 1991: 10·sin(π·x1·x2) + 20·(x3 − ½)² + 10·x4 + 5·x5 + noise.

    x is uniform in [0, 1]; further features mean nothing. See make_friedman1.
    """

    noise: Noise = 1.0
    features: Annotated[int, Ge(5), Doc("number of inputs; only five matter")] = 10

    def inputs(self) -> int:
        return self.features

    def targets(self) -> tuple[str, ...]:
        return ("y",)

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        x = rng.uniform(size=(self.samples, self.features))
        y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
        y += 10 * x[:, 3] + 5 * x[:, 4]
        return Made(x, y + self.noise * rng.normal(size=self.samples))


@DATASETS.register("sine")
@dataclass(frozen=True)
class Sine(Synthetic):
    """y = sin(x) + noise, x uniform in [-π, π]."""

    def targets(self) -> tuple[str, ...]:
        return ("y",)

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        x = rng.uniform(-np.pi, np.pi, (self.samples, 1))
        return Made(x, np.sin(x) + self.noise * rng.normal(size=x.shape))


@DATASETS.register("multilabel")
@dataclass(frozen=True)
class Multilabel(Synthetic):
    """Labels that are each 1 on one side of a plane of its own through the origin."""

    features: Annotated[int, Ge(1), Doc("number of inputs")] = 4
    labels: Annotated[int, Ge(1), Doc("number of labels")] = 3

    def inputs(self) -> int:
        return self.features

    def targets(self) -> tuple[str, ...]:
        return tuple(f"label{i + 1}" for i in range(self.labels))

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        x = rng.normal(size=(self.samples, self.features))
        (w,) = drawn or (rng.normal(size=(self.features, self.labels)),)
        noise = self.noise * rng.normal(size=(self.samples, self.labels))
        return Made(x, (x @ w + noise > 0).astype(np.intp), (w,))


@DATASETS.register("sparse")
@dataclass(frozen=True)
class Sparse(Synthetic):
    """Rows of few non-zero features, some of them rare, as words in texts; two classes.

    The j-th feature is 1 in a row with the chance 2/(j + 3), else 0. The class is the side of
    a plane on which the row lies, but for the noise.
    """

    noise: Noise = 0.5
    features: Annotated[int, Ge(2), Doc("number of features; the later, the rarer")] = 50

    def inputs(self) -> int:
        return self.features

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        (w,) = drawn or (rng.normal(size=self.features),)
        chance = 2 / (np.arange(self.features) + 4)
        x = (rng.uniform(size=(self.samples, self.features)) < chance).astype(np.float64)
        score = (x - chance) @ w + self.noise * rng.normal(size=self.samples)
        return Made(x, (score > 0).astype(np.intp), (w,))


@DATASETS.register("heavy_tailed")
@dataclass(frozen=True)
class HeavyTailed(Synthetic):
    """y = x·w + b + noise, where the noise has heavy tails: Student's t.

    Rows far off dominate the gradient of the squared error. `noise` is the scale of the noise;
    with two degrees of freedom or fewer its variance is infinite.
    """

    features: Annotated[int, Ge(1), Doc("number of inputs")] = 4
    degrees: Annotated[float, Gt(0), Doc("degrees of freedom; fewer have heavier tails")] = 2.0

    def inputs(self) -> int:
        return self.features

    def targets(self) -> tuple[str, ...]:
        return ("y",)

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        w, b = drawn or (rng.normal(size=self.features), rng.normal(size=1))
        x = rng.normal(size=(self.samples, self.features))
        far = rng.standard_t(self.degrees, size=self.samples)
        return Made(x, x @ w + b + self.noise * far, (w, b))


@DATASETS.register("shapes")
@dataclass(frozen=True)
class Shapes(Synthetic):
    """Small grey images of a circle, a square, a triangle or a cross, by class from 0 to 3.

    Each has a place and a size of its own. Pixels are about 1 inside the shape and 0 outside; the
    noise is added to them. Features are the pixels line by line, and the image is declared.

    Example: `dataset: {name: shapes, samples: 400, size: 8}` with `model: cnn`
    """

    size: Annotated[int, Ge(6), Doc("height and width in pixels")] = 8

    def inputs(self) -> int:
        return self.size**2

    def roles(self) -> Roles:
        return Roles(self.targets(), image=(1, self.size, self.size))

    def make(self, rng: np.random.Generator, drawn: tuple[Array, ...] = ()) -> Made:
        y = class_indices(self.samples, 4)
        radius = self.size * rng.uniform(0.28, 0.4, self.samples)[:, None, None]
        margin = self.size / 2 - radius
        shift = rng.uniform(-1, 1, (2, self.samples, 1, 1)) * margin
        middle = np.arange(self.size) - (self.size - 1) / 2
        # down and right of the centre, in units of the radius
        v, u = (middle[:, None] - shift[0]) / radius, (middle - shift[1]) / radius
        aside = np.abs(u)
        outside = np.stack(  # how far outside each shape a pixel lies
            [
                np.hypot(u, v) - 1,
                np.maximum(aside, np.abs(v)) - 0.85,
                np.maximum(v - 0.8, 0.87 * aside - 0.5 * v - 0.5),
                np.minimum(
                    np.maximum(aside - 0.3, np.abs(v) - 1), np.maximum(aside - 1, np.abs(v) - 0.3)
                ),
            ]
        )
        x = np.clip(0.5 - outside[y, np.arange(self.samples)] * radius, 0, 1)
        x = x.reshape(self.samples, -1)
        return Made(x + self.noise * rng.normal(size=x.shape), y)
