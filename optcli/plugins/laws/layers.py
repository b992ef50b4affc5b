"""Laws of layers and activations, bound to made-up parameters and inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.layers.activations import Activation
from optcli.layers.base import Binding, Layer
from optcli.plugins.laws.base import FIELDS, Law, rounding, same

SEEDS: tuple[int, ...] = (3, 1, 3)
ROWS = 6


@dataclass(frozen=True)
class Fed:
    """A layer, and the shape of an input row that it takes."""

    layer: Layer
    shape: tuple[int, ...]


class Bench:
    """A layer bound to parameters of some replicas of three, ready for batches."""

    def __init__(
        self,
        fed: Fed,
        replicas: slice = slice(None),
        *,
        dtype: Any = np.float64,
        training: bool = True,
        learns: bool = True,
        rows: int = ROWS,
    ) -> None:
        random = np.random.default_rng(0)
        layer, shape = fed.layer, fed.shape
        sizes = layer.parameters(shape)
        self.seeds = SEEDS[replicas]
        count = len(self.seeds)

        def made(size: tuple[int, ...]) -> Array:
            return random.standard_normal((len(SEEDS), *size)).astype(dtype)[replicas]

        self.parameters = {name: made(size) for name, size in sizes.items()}
        self.x = made((ROWS, *shape))[:, :rows]
        self.statistics = {
            name: np.ones((count, *size), dtype) for name, size in layer.statistics(shape).items()
        }
        self.gradients = {n: np.full_like(v, np.nan) for n, v in self.parameters.items()}
        self.single = count == 1
        self.binding = Binding(
            self.parameters,
            self.gradients if learns else {},
            count,
            rows,
            shape,
            dtype,
            inputs_wanted=learns,
            training=training,
            statistics=self.statistics,
            seeds=list(self.seeds),
        )
        self.bound = layer.bind(self.binding)

    def empty(self, x: Array) -> Array:
        """A copy of (R, B, …), as a network hands it on."""
        found = self.binding.empty(*x.shape[2:])
        found[...] = x[0] if self.single else x
        return found

    def forward(self, x: Array | None = None) -> Array:
        """The output (R, B, …), a copy."""
        y = self.bound.forward(self.empty(self.x if x is None else x))
        return np.array(y[None] if self.single else y)

    def backward(self, dy: Array) -> Array:
        """The gradient by the input (R, B, …), a copy."""
        dx = self.bound.backward(self.empty(dy))
        return np.array(dx[None] if self.single else dx)


def slopes(y: Array) -> Array:
    """A gradient by the output."""
    random = np.random.default_rng(1)
    return np.asarray(random.standard_normal(y.shape).astype(y.dtype))


def but_activations(fault: Callable[[Fed], str]) -> Callable[[Fed], str]:
    """A law but for activations, which may write over their input and never come first."""

    @functools.wraps(fault)
    def looked(fed: Fed) -> str:
        return "" if isinstance(fed.layer, Activation) else fault(fed)

    return looked


def has_its_shapes(fed: Fed) -> str:
    """Whether output and gradients have the shapes, and are all written."""
    at = Bench(fed)
    y, out = at.forward(), fed.layer.output(fed.shape)
    if y.shape[2:] != tuple(out):
        return f"forward gives rows of shape {y.shape[2:]}, but output says {tuple(out)}"
    dx = at.backward(slopes(y))
    if dx.shape != at.x.shape:
        return f"backward gives {dx.shape}; must have the shape of the input, {at.x.shape}"
    for name, gradient in at.gradients.items():
        if np.isnan(gradient).any():
            return (
                f"backward leaves the gradient by '{name}' unwritten; it must be written in place, "
                "as in np.add.reduce(…, out=binding.gradients['…'])"
            )
    if not (np.isfinite(y).all() and np.isfinite(dx).all()):
        return "gives numbers that are not finite for ordinary inputs"
    return ""


def is_alone_in_company(fed: Fed) -> str:
    """Whether a replica in a cohort has the bits of that replica alone."""
    for dtype in (np.float64, np.float32):
        together = Bench(fed, dtype=dtype)
        y = together.forward()
        dx = together.backward(slopes(y))
        if y.dtype != dtype:
            return f"gives {y.dtype} for {np.dtype(dtype).name}; buffers come from binding.empty"
        for r in range(len(SEEDS)):
            own = slice(r, r + 1)
            alone = Bench(fed, own, dtype=dtype)
            pairs = [(alone.forward(), y[own])]
            pairs += [(alone.backward(slopes(y)[own]), dx[own])]
            for mine, ours in (
                (alone.gradients, together.gradients),
                (alone.statistics, together.statistics),
            ):
                pairs += [(mine[name], ours[name][own]) for name in mine]
            for one, other in pairs:
                if same(one, other):
                    continue
                if rounding(one, other):
                    return (
                        "a run trained alongside others differs from the same run trained alone"
                        " in the last digits: take "
                        "products with binding.product and sums over one replica's rows at a time"
                    )
                return (
                    "a run trained alongside others differs from the same run trained alone"
                    ": batches are (R, B, …), of a "
                    "single run (B, …); count axes from the end, and let replicas stay apart"
                )
    return ""


def forgets_the_last_batch(fed: Fed) -> str:
    """Whether an earlier batch leaves nothing behind."""
    at, fresh = Bench(fed, training=True), Bench(fed, training=True)
    y = fresh.forward()
    dy = slopes(y)
    expected = [y, fresh.backward(dy), *fresh.gradients.values()]
    at.forward(at.x[:, ::-1] * 3)
    at.backward(dy[:, ::-1] * 2)
    found = [at.forward(), at.backward(dy), *at.gradients.values()]
    if all(map(same, found, expected)):
        return ""
    return "an earlier batch changes the result: write gradients over, do not add to them"


@but_activations
def leaves_the_data(fed: Fed) -> str:
    """Whether the first layer's input, the data, is as it was."""
    at = Bench(fed)
    x = at.empty(at.x)
    before = x.copy()
    at.bound.forward(x)
    if same(x, before):
        return ""
    return "forward writes over its input, which may be the data; write into binding.empty(…)"


@but_activations
def lets_its_output_be_written_over(fed: Fed) -> str:
    """Whether what comes after may write over the output, as activations do."""
    at = Bench(fed)
    dy = slopes(at.forward())
    expected = at.backward(dy), {n: g.copy() for n, g in at.gradients.items()}
    at.bound.forward(at.empty(at.x)).fill(np.nan)
    if same(at.backward(dy), expected[0]) and all(
        same(at.gradients[name], expected[1][name]) for name in at.gradients
    ):
        return ""
    return "backward reads its output, which the next layer may have written over; keep a copy"


@but_activations
def may_be_first(fed: Fed) -> str:
    """Whether one batch may serve all replicas, as at the first layer."""
    at = Bench(fed)
    x = np.ascontiguousarray(at.x[:1])
    shared = np.array(at.bound.forward(x))
    copies = np.array(at.bound.forward(np.repeat(x, len(SEEDS), axis=0)))
    if len(shared) in (1, len(SEEDS)) and same(np.broadcast_to(shared, copies.shape), copies):
        return ""
    return "a batch (1, B, …) that all replicas share gives other values than copies: broadcast it"


def goes_forward_alone(fed: Fed) -> str:
    """Whether it works without gradients and in evaluation, where rows do not meet."""
    if not same(Bench(fed).forward(), Bench(fed, learns=False).forward()):
        return "forward gives other values where binding.gradients is empty, as for predictions"
    whole = Bench(fed, learns=False, training=False)
    part = Bench(fed, learns=False, training=False, rows=2)
    part.x = whole.x[:, :2]
    if not rounding(part.forward(), whole.forward()[:, :2]):
        return (
            "rows influence each other in evaluation (binding.training is False): a prediction "
            "must not depend on the other rows; keep means in `statistics`, as batch_norm does"
        )
    return ""


def starts_from_its_seed(fed: Fed) -> str:
    """Whether what a run starts from is finite, and the same for the same generator."""
    sizes = fed.layer.parameters(fed.shape)
    starts: list[Mapping[str, Array]] = []
    for _ in range(2):
        own = {name: np.zeros(size) for name, size in sizes.items()}
        fed.layer.initialize(own, fed.shape, np.random.default_rng(5))
        starts.append(own)
    for name in sizes:
        if not np.isfinite(starts[0][name]).all():
            return f"initialize leaves '{name}' not finite"
        if not same(starts[0][name], starts[1][name]):
            return f"initialize draws '{name}' from elsewhere than `random`; runs would not repeat"
    return ""


def _of_its_class(fed: Fed) -> str:
    return FIELDS.fault(type(fed.layer))


LAWS: tuple[Law[Fed], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("outputs and gradients have their shapes, and are written", has_its_shapes),
    Law(
        "a run trained alongside others matches the same run trained alone, bit for bit",
        is_alone_in_company,
    ),
    Law("an earlier batch leaves nothing behind", forgets_the_last_batch),
    Law("the data are left as they are", leaves_the_data),
    Law("the next layer may write over the output", lets_its_output_be_written_over),
    Law("it may be the first layer", may_be_first),
    Law("predictions do not depend on the other rows", goes_forward_alone),
    Law("a run starts from its seed", starts_from_its_seed),
)
