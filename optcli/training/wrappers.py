"""Wrappers of the update, for any optimizer.

    SharpnessAware   the gradient at the worst point nearby instead of that at x
    Decay            weight decay, coupled or decoupled
    Lookahead        slow weights, to which the optimizer's weights are reset
    Averaging        an average of the parameters as the model

x, g are parameters and gradients (R, P). State between steps is in arrays of `State`; a step
allocates nothing of that size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from optcli.core.arrays import Array
from optcli.core.durations import Length, Period, counted, in_steps, said
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import Doc, Ge, Lt, Registered
from optcli.training.settings import SAM
from optcli.training.settings import Lookahead as LookaheadSpec

# Elements updated at a time, so that they stay in the cache.
TILE = 65_536


class SharpnessAware:
    """Sharpness-aware minimization: the gradient at the worst point within ρ of x.

        e = ρ g / ‖g‖,  g = ∇L(x);  then the optimizer moves x by ∇L(x + e)

    of the same batch, the norm being that of the whole gradient; adaptive, with T = |x|
    and e = ρ T² g / ‖T g‖. L is the loss without regularization, which is taken at x.

    The same as D. Samuel's SAM for torch and optax.contrib.sam. Each step needs two passes;
    batch norm keeps the statistics of the first, dropout uses one mask for both.

    Reference: P. Foret and others, Sharpness-aware minimization for efficiently improving
    generalization, 2021, equation 2; adaptive: J. Kwon and others, ASAM, 2021.
    """

    def __init__(self, spec: SAM, x: Array, g: Array, statistics: Array) -> None:
        self.rho, self.adaptive = spec.rho, spec.adaptive
        self.x, self.g, self.statistics = x, g, statistics
        self.e, self.before = np.empty_like(x), x.copy()
        self.statistics_before = statistics.copy()

    def climb(self) -> None:
        """Move from x to x + e, given the gradient at x."""
        x, g, e = self.x, self.g, self.e
        np.copyto(self.before, x)
        np.copyto(self.statistics_before, self.statistics)
        if self.adaptive:
            np.multiply(x, g, e)
            scale = self.rho / (_norm(e) + 1e-12)
            np.multiply(x, e, e)
        else:
            scale = self.rho / (_norm(g) + 1e-12)
            np.copyto(e, g)
        np.multiply(e, scale[:, None], e)
        np.add(x, e, x)

    def descend(self) -> None:
        """Move back to x; the gradient is still that at x + e."""
        np.copyto(self.x, self.before)
        np.copyto(self.statistics, self.statistics_before)


class Decay:
    """Weight decay λ of every parameter, including biases, as in torch.

        coupled      g ← g + λ x before the optimizer's update
        decoupled    x ← x − lr λ x; the optimizer gets g unchanged

    Coupled decay is that of torch's SGD and Adam, decoupled that of AdamW, where lr is the
    scheduled one. It is applied after clipping, just before the update.

    Reference: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019.
    """

    def __init__(self, rate: float, *, decoupled: bool, x: Array, g: Array) -> None:
        self.rate, self.decoupled, self.x, self.g = rate, decoupled, x, g
        self.table: Array = np.empty(0)
        self.work = np.empty(0 if decoupled else x.shape, x.dtype)

    def plan(self, lr: Array, factor: Array | float = 1.0) -> None:
        """Prepare steps at the learning rates lr (K, R), and factors on λ (K, 1)."""
        decay = np.broadcast_to(self.rate * np.asarray(factor), lr.shape)
        self.table = (1 - lr * decay if self.decoupled else decay).astype(self.x.dtype)

    def __call__(self, k: int) -> None:
        """Decay in the k-th of the planned steps, from 0."""
        number = self.table[k][:, None]
        if self.decoupled:
            np.multiply(self.x, number, self.x)
        else:
            np.multiply(self.x, number, self.work)
            np.add(self.g, self.work, self.g)


class Lookahead:
    """Slow weights φ that follow the optimizer's fast weights x every k steps, and reset them.

        φ ← φ + α (x − φ),  x ← φ

    The model is φ. The optimizer's state is kept. The same as optax.lookahead (sync_period =
    k, slow_step_size = α).

    slow: φ (R, P).

    Reference: M. Zhang and others, Lookahead optimizer: k steps forward, 1 step back, 2019,
    algorithm 1.
    """

    def __init__(self, spec: LookaheadSpec, x: Array) -> None:
        self.every, self.alpha, self.x = spec.every, spec.alpha, x
        self.slow = x.copy()
        self.work = np.empty(min(TILE, x.size), x.dtype)

    def __call__(self, t: int) -> None:
        """After step t, from 1."""
        if t % self.every == 0:
            follow(self.slow, self.x, self.alpha, self.work)
            np.copyto(self.x, self.slow)


@dataclass(frozen=True)
class Average(Registered, ABC):
    """An average m of the parameters as the model, which is validated and saved.

    Lengths are as in schedules. m is updated after the steps start + every, start + 2·every,
    …, first to m = x; until then the model is x. Running statistics of batch norm are
    averaged, too (torch's use_buffers). The optimizer does not use m.
    """

    start: Annotated[Length, Doc("length before averaging starts")] = 0.0
    every: Annotated[Period, Doc("length between averaged points")] = 1

    @abstractmethod
    def share(self, n: int) -> float:
        """The factor on x − m in the n-th update, n from 2."""

    def span(self, steps: int, epoch: int) -> tuple[int, int]:
        """`start` and `every` in steps."""
        every = max(1, round(in_steps(self.every, steps, epoch)))
        return round(in_steps(self.start, steps, epoch)), every

    def check(self, steps: int, epoch: int) -> None:
        """Raise InvalidInput if a run of this many steps is too short for it."""
        start, every = self.span(steps, epoch)
        if start + every > steps:
            begins = f"begins after {said(self.start, steps, epoch)}"
            message = (
                f"{begins} and averages every {said(self.every, steps, epoch)}, "
                f"which never comes in the run's {counted(steps)}"
            )
            raise InvalidInput(Fault(message, "training.average"))


AVERAGES: Registry[Average] = Registry("average", "averages", "optcli.training.wrappers", Average)


@AVERAGES.register("ema")
@dataclass(frozen=True)
class EMA(Average):
    """Exponential moving average of the parameters.

        m ← m + (1 − β) (x − m)

    with β = `decay`, and first m = x, so that no bias correction is needed.

    The same as torch's AveragedModel with get_ema_multi_avg_fn(decay). optax's ema starts
    at 0 and divides by 1 − βᵗ.

    Use it when steps are noisy and the current model should be steadier. Avoid a `decay` whose
    memory, 1/(1 − decay) steps, is a large part of the run.

    Reference: B. T. Polyak and A. B. Juditsky, Acceleration of stochastic approximation by
    averaging, 1992; A. Tarvainen and H. Valpola, Mean teachers are better role models, 2017.

    Example: `training: {average: {name: ema, decay: 0.99}}`
    """

    decay: Annotated[float, Ge(0), Lt(1), Doc("decay rate β of the average")] = 0.999

    def share(self, n: int) -> float:
        return 1 - self.decay


@AVERAGES.register("swa")
@dataclass(frozen=True)
class SWA(Average):
    """Stochastic weight averaging: the mean of the parameters late in training.

        m ← m + (x − m)/n   for the n-th point

    With `start: 0, every: 1` it is the Polyak-Ruppert average of all iterates.

    The same as torch's AveragedModel with use_buffers; batch norm's statistics are not
    recomputed (torch's update_bn). Use a `schedule` that stays high, such as `constant` or
    `cyclic`.

    Use it when the rate stays constant or cycles late in the run. Avoid it with a rate that
    decays to 0: there is nothing left to average.

    Reference: P. Izmailov and others, Averaging weights leads to wider optima and better
    generalization, 2018, algorithm 1.

    Example: `training: {average: {name: swa, start: 0.75}}`
    """

    start: Annotated[Length, Doc("length before averaging starts")] = 0.75
    every: Annotated[Period, Doc("length between averaged points")] = "1 epoch"

    def share(self, n: int) -> float:
        return 1 / n


class Averaging:
    """An average bound to its arrays.

    pairs: arrays and their averages (x, m), each (R, …).
    """

    def __init__(
        self, spec: Average, steps: int, epoch: int, pairs: list[tuple[Array, Array]]
    ) -> None:
        self.spec, self.pairs = spec, pairs
        self.start, self.every = spec.span(steps, epoch)
        most = max(x.size for x, _ in pairs)
        self.work = np.empty(min(TILE, most), pairs[0][0].dtype)

    def __call__(self, t: int) -> None:
        """After step t, from 1."""
        n, rest = divmod(t - self.start, self.every)
        if n < 1 or rest:
            return
        if n == 1:
            self.stand_in()
            return
        for x, m in self.pairs:
            follow(m, x, self.spec.share(n), self.work)

    def measure(self, t: int) -> None:
        """Write the model after step t into m: x, if nothing was averaged yet."""
        if t < self.start + self.every:
            self.stand_in()

    def stand_in(self) -> None:
        """Set m to x."""
        for x, m in self.pairs:
            np.copyto(m, x)


def follow(m: Array, x: Array, share: float, work: Array) -> None:
    """Update m ← m + share·(x − m); x and m are contiguous and of one shape."""
    m, x = m.reshape(-1, copy=False), x.reshape(-1, copy=False)
    for part in _tiles(m.size, len(work)):
        way = work[: part.stop - part.start]
        np.subtract(x[part], m[part], way)
        np.multiply(way, share, way)
        np.add(m[part], way, m[part])


def _tiles(size: int, tile: int = TILE) -> Iterator[slice]:
    for start in range(0, size, tile):
        yield slice(start, min(start + tile, size))


def _norm(rows: Array) -> Array:
    length: Array = np.sqrt(np.vecdot(rows, rows))
    return length
