"""Stepper: runs the update rules of a cohort; owns their hyperparameters, state and tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from optcli.core.arrays import Array
from optcli.core.parameters import Layout
from optcli.core.randomness import Stream
from optcli.optimizers.base import Optimizer, Oracle, Shaped, filled
from optcli.optimizers.binding import Kernel, kernel, starting

# Elements of a tile: few enough for its arrays (parameters, gradient, state, scratch) to stay
# in the second-level cache, and enough for the overhead of NumPy's calls to be small.
TILE = 65_536


def stack(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One instance with columns (R, 1) of float64 for the numbers of R of the same kind."""
    first = optimizers[0]
    columns = {
        name: np.array([[getattr(each, name)] for each in optimizers], np.float64)
        for name in columns_of(first)
    }
    return replace(first, **columns)  # type: ignore[arg-type]


def kind(optimizer: Optimizer) -> tuple[Any, ...]:
    """What optimizers must have in common to be stacked in one group."""
    switches = tuple(
        value
        for field in fields(optimizer)
        if not _is_column(optimizer, field.name, value := getattr(optimizer, field.name))
    )
    return type(optimizer), tuple(optimizer.state_shapes((1,))), _decays(optimizer), switches


def columns_of(optimizer: Optimizer) -> list[str]:
    """The hyperparameters that may differ within a stack: numbers not in `structure`."""
    return [
        field.name
        for field in fields(optimizer)
        if _is_column(optimizer, field.name, getattr(optimizer, field.name))
    ]


def _is_column(optimizer: Optimizer, name: str, value: Any) -> bool:
    number = isinstance(value, (float, int)) and not isinstance(value, bool)
    return number and name not in optimizer.structure


def coefficients_of(rule: Optimizer, t: Array, products: Mapping[str, Array]) -> Any:
    """The coefficients of a rule at steps t (K, 1, 1), by name."""
    found: Any = rule.coefficients(t, **products)
    if not isinstance(found, dict):
        from optcli.optimizers.positional import named

        found = named(rule, found)
    return found


def _decays(optimizer: Optimizer) -> bool:
    """Whether the Stepper has to apply weight decay."""
    return optimizer.decay != "own" and getattr(optimizer, "weight_decay", 0) != 0


class Stepper:
    """Updates the parameters of a cohort, each row by its own optimizer.

    x, g: parameters and gradients (R, P). Adjacent rows of one kind form a group and share
    calls. `state` is one dictionary per group, of arrays whose first axis is the
    group's rows. layout: the arrays that make up a row, for Shaped rules. seeds: of each
    row's noise. samples: the number of training rows.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        x: Array,
        g: Array,
        tile: int = TILE,
        layout: Layout | None = None,
        seeds: Sequence[int] | None = None,
        samples: int = 1,
    ) -> None:
        self.x, self.optimizers = x, list(optimizers)
        self.groups: list[Group] = []
        layout = layout or Layout({"": (x.shape[1],)})
        seeds = seeds or [0] * len(x)
        row = 0
        for _, members in itertools.groupby(optimizers, key=kind):
            group = list(members)
            rows = slice(row, row + len(group))
            made = Group(group, rows, x[rows], g[rows], tile, layout, seeds[rows], samples)
            self.groups.append(made)
            row += len(group)
        # whether some row's model is not the point x at which its gradient is taken
        self.averages = any(group.optimizer.model for group in self.groups)
        self._values: dict[str, Array] = {}
        # the learning rates (K, R) of the planned steps
        self.lr = np.empty((0, len(x)))

    @property
    def state(self) -> list[dict[str, Array]]:
        """The state of each group by name: the arrays themselves, and the present products."""
        for group in self.groups:
            group.settle()
        return [group.state | group.products for group in self.groups]

    def hyperparameter(self, name: str) -> Array:
        """A hyperparameter of each row (R,), without any factor; 1 where a row has none."""
        if name not in self._values:
            has = [name in each.__dataclass_fields__ for each in self.optimizers]
            pairs = zip(self.optimizers, has, strict=True)
            own = [getattr(each, name) if there else 1.0 for each, there in pairs]
            self._values[name] = np.array(own, np.float64)
        return self._values[name]

    def attach_oracles(self, oracle: Callable[[slice], Oracle]) -> None:
        """Pass each rule that needs an oracle the one for its rows."""
        for group in self.groups:
            if group.optimizer.needs_oracle:
                group.bind(oracle(group.rows))

    def plan(self, first: int, count: int, factors: Mapping[str, Array] | None = None) -> None:
        """Prepare `count` steps from `first` on, counted from 1.

        factors: on hyperparameters by name, each (K, R) or (K, 1), where a row has them.
        """
        every = dict(factors or {})
        if "lr" not in every:
            every["lr"] = np.ones((count, 1))
        self.lr = every["lr"] * self.hyperparameter("lr")
        for group in self.groups:
            own = {
                name: (factor if factor.shape[1] == 1 else factor[:, group.rows])[..., None]
                for name, factor in every.items()
            }
            group.plan(first, count, own)

    def step(self, k: int, loss: Array | None = None) -> None:
        """Take the k-th of the planned steps, from 0; loss (R,) is that at x."""
        for group in self.groups:
            group.step(k, loss)

    def measured_step(self, k: int, loss: Array | None = None) -> None:
        """The same step; it leaves the change of x in g."""
        for group in self.groups:
            group.measured_step(k, loss)

    def model(self, out: Array) -> None:
        """Write the model of each row into out (R, P): x, or the state array that holds it."""
        np.copyto(out, self.x)
        for group in self.groups:
            if group.optimizer.model:
                np.copyto(out[group.rows], group.state[group.optimizer.model])


class Block(NamedTuple):
    """What one call of an update may take: for a tile, or for an array of a Shaped rule.

    arrays: the point, the gradient, noise and state by name. scratch, numbers: by name.
    decayed: buffer of the gradient plus weight decay. decay: coupled, the coefficient λ;
    decoupled, the factor 1 − lr·λ.
    """

    kernel: Kernel
    arrays: dict[str, Array]
    state: tuple[str, ...]
    scratch: dict[str, Array]
    numbers: dict[str, Array]
    decayed: Array
    decay: Array


class Call(NamedTuple):
    """One call of an update, and the arrays for the weight decay before it."""

    update: Callable[..., None]
    arguments: tuple[Any, ...]
    x: Array
    g: Array
    decayed: Array
    decay: Array


class Group:
    """Adjacent rows with optimizers of one kind."""

    def __init__(
        self,
        optimizers: list[Optimizer],
        rows: slice,
        x: Array,
        g: Array,
        tile: int,
        layout: Layout,
        seeds: Sequence[int],
        samples: int,
    ) -> None:
        self.rows, self.x, self.g = rows, x, g
        self.stacked = stack(optimizers)
        self.columns = set(columns_of(optimizers[0]))
        self.optimizer = optimizers[0]
        self.decays = _decays(self.optimizer)
        self.coupled = self.optimizer.decay == "coupled"
        self.products = {name: np.ones((len(x), 1)) for name in self.optimizer.products}
        self.after: dict[str, Array] = {}
        self.taken = -1  # the step of the plan that the products have yet to follow
        found, _ = self._coefficients(1, 1, {"lr": np.ones((1, len(x), 1))})
        self.names = tuple(name for name in found if name not in self.products)

        self.first = 1
        # of the planned steps, and of the step at hand: the decay, coefficients, the loss
        self.table = np.zeros((1, 1 + len(self.names), len(x), 1), x.dtype)
        self.current = np.empty((2 + len(self.names), len(x), 1), x.dtype)
        self.planned = self.current[:-1]

        rule = self.optimizer
        layout = rule.seen(layout) if isinstance(rule, Shaped) else Layout({"": (x.shape[1],)})
        self.kernels = {shape: kernel(rule, shape, self.names) for shape in layout.shapes.values()}
        kernels = self.kernels.values()
        self.sees_loss = any(each.takes("loss") for each in kernels)
        self.streams: list[Stream] = []
        self.noise: dict[str, Array] = {}
        if any(each.takes("noise") for each in kernels):
            self.streams = [Stream(seed, "optimizer") for seed in seeds]
            self.noise = {"noise": np.empty_like(x)}
        # `array.name` of a rule that looks at arrays, `name` for all in one
        self.state = {
            f"{name}.{own}" if name else own: np.zeros((len(x), *filled(space, samples)), x.dtype)
            for name, shape in layout.shapes.items()
            for own, space in rule.state_shapes(shape).items()
        }
        if isinstance(rule, Shaped):
            self.blocks = list(self._arrays(rule, layout))
        else:
            self.blocks = list(self._tiles(tile))
        self.calls: list[Call] = []
        self.bind(None)

    def bind(self, oracle: Oracle | None) -> None:
        """Look up the arguments of each call of an update."""
        self.calls = []
        for block in self.blocks:
            offered = {**block.arrays, **block.scratch, **block.numbers, "oracle": oracle}
            if self.decays and self.coupled:
                offered["g"] = block.decayed
            update, arguments = block.kernel.bind(offered)
            x, g = block.arrays[self.optimizer.point], block.arrays["g"]
            self.calls.append(Call(update, arguments, x, g, block.decayed, block.decay))

    def _coefficients(
        self, first: int, count: int, factors: Mapping[str, Array]
    ) -> tuple[dict[str, Any], Array | float]:
        """The optimizer's coefficients by name, and the factor or coefficient of weight decay."""
        values: dict[str, Any] = {
            name: getattr(self.stacked, name) * factor
            for name, factor in factors.items()
            if name in self.columns
        }
        at = replace(self.stacked, **values)
        t = np.arange(first, first + count, dtype=np.float64)[:, None, None]
        found = coefficients_of(at, t, self.products)
        if not self.decays:
            return found, 0.0
        decay: Array = at.weight_decay  # type: ignore[attr-defined]
        return found, decay if self.coupled else 1 - at.lr * decay

    def _numbers(self, numbers: Sequence[Array]) -> dict[str, Array]:
        """Views of coefficients and loss by name."""
        return dict(zip((*self.names, "loss"), numbers[1:], strict=True))

    def _tiles(self, tile: int) -> Iterator[Block]:
        """The arguments for each tile, as views."""
        x, g = self.x, self.g
        rows, size = x.shape
        (own,) = self.kernels.values()
        names = tuple(self.optimizer.scratch_shapes((size,)))
        state = tuple(self.state)
        work = np.empty(
            (len(names) + 1, min(max(tile, size if size < tile else 1), x.size)), x.dtype
        )
        whole = {self.optimizer.point: x, "g": g, **self.state, **self.noise}
        if size > tile or rows == 1:
            for row, start in itertools.product(range(rows), range(0, size, tile)):
                columns = slice(start, min(start + tile, size))
                arrays = {name: array[row, columns] for name, array in whole.items()}
                decayed, *scratch = (each[: columns.stop - start] for each in work)
                # NumPy is fastest with numbers as arrays without axes
                numbers = [each[row].reshape(()) for each in self.current]
                named = dict(zip(names, scratch, strict=True))
                given = self._numbers(numbers)
                yield Block(own, arrays, state, named, given, decayed, numbers[0])
        else:
            height = tile // size
            for row in range(0, rows, height):
                span = slice(row, min(row + height, rows))
                arrays = {name: array[span] for name, array in whole.items()}
                n = span.stop - row
                decayed, *scratch = (each[: n * size].reshape(n, size) for each in work)
                numbers = [each[span] for each in self.current]
                named = dict(zip(names, scratch, strict=True))
                given = self._numbers(numbers)
                yield Block(own, arrays, state, named, given, decayed, numbers[0])

    def _arrays(self, rule: Shaped, layout: Layout) -> Iterator[Block]:
        """The arguments for each array of the layout, for a Shaped rule."""
        x, g = self.x, self.g
        at, slope = layout.views(x), layout.views(g)
        noise = {name: layout.views(array) for name, array in self.noise.items()}
        for name, shape in layout.shapes.items():
            state = tuple(rule.state_shapes(shape))
            arrays = {rule.point: at[name], "g": slope[name]}
            arrays |= {own: self.state[f"{name}.{own}" if name else own] for own in state}
            arrays |= {own: views[name] for own, views in noise.items()}
            scratch = {
                own: np.empty((len(x), *space), x.dtype)
                for own, space in rule.scratch_shapes(shape).items()
            }
            decayed = np.empty((len(x), *shape), x.dtype)
            numbers = [each.reshape(-1, *(1,) * len(shape)) for each in self.current]
            given = self._numbers(numbers)
            yield Block(self.kernels[shape], arrays, state, scratch, given, decayed, numbers[0])

    def settle(self) -> None:
        """Bring the products up to the last step; steps postpone it for speed."""
        if self.taken >= 0:
            for name, product in self.products.items():
                np.copyto(product, self.after[name][self.taken])
        self.taken = -1

    def plan(self, first: int, count: int, factors: Mapping[str, Array]) -> None:
        """Compute the coefficients of `count` steps; factors (K, R, 1) or (K, 1, 1)."""
        self.settle()
        self.first = first
        if first == 1:
            self._start()
        found, decay = self._coefficients(first, count, factors)
        self.after = {name: found[name] for name in self.products}
        shape = (count, *self.table.shape[1:])
        if self.table.shape != shape:
            self.table = np.zeros(shape, self.table.dtype)
        if self.decays:
            self.table[:, 0] = decay
        for index, name in enumerate(self.names, 1):
            self.table[:, index] = found[name]

    def _start(self) -> None:
        """Initialize the state."""
        for array in self.state.values():
            array.fill(0)
        for product in self.products.values():
            product.fill(1)
        if not isinstance(self.optimizer, Shaped):
            starting(self.stacked, {self.optimizer.point: self.x, **self.state})
            return
        for block in self.blocks:
            names = (self.optimizer.point, *block.state)
            starting(self.stacked, {name: block.arrays[name] for name in names})

    def step(self, k: int, loss: Array | None = None) -> None:
        """Take the k-th of the planned steps."""
        self._begin(k, loss)
        if not self.decays:
            for update, arguments, _, _, _, _ in self.calls:
                update(*arguments)
        elif self.coupled:
            for update, arguments, x, g, decayed, decay in self.calls:
                np.multiply(x, decay, decayed)
                np.add(decayed, g, decayed)
                update(*arguments)
        else:
            for update, arguments, x, _, _, decay in self.calls:
                np.multiply(x, decay, x)
                update(*arguments)

    def measured_step(self, k: int, loss: Array | None = None) -> None:
        """The same step; it leaves the change of x in g, tile by tile, without a copy of x."""
        self._begin(k, loss)
        for update, arguments, x, g, decayed, decay in self.calls:
            before = decayed
            if self.decays and self.coupled:
                np.multiply(x, decay, decayed)
                np.add(decayed, g, decayed)
                before = g  # the update takes `decayed` in its place
            np.copyto(before, x)
            if self.decays and not self.coupled:
                np.multiply(x, decay, x)
            update(*arguments)
            np.subtract(x, before, g)

    def _begin(self, k: int, loss: Array | None) -> None:
        """Look up what the k-th of the planned steps takes besides x, g and state."""
        np.copyto(self.planned, self.table[k])
        self.taken = k
        if self.sees_loss:
            assert loss is not None, f"{self.optimizer.name} needs the loss"
            np.copyto(self.current[-1, :, 0], loss[self.rows])
        if self.streams:
            for stream, row in zip(self.streams, self.noise["noise"], strict=True):
                stream.at(self.first + k).standard_normal(dtype=row.dtype, out=row)
