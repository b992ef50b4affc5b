"""Training: a cohort of replicas, moved step by step; a generator of events.

    for event in train_cohort(cohort):
        ...

One step, for all replicas at once:

    scores = forward(x)                 models
    loss, ∂loss/∂scores                 losses
    backward()                          models
    regularize, clip                    transforms
    x ← x − …                           optimizers
    look ahead, average                 wrappers

`train_cohort` knows nobody who listens; between two events it is suspended, and its
clock stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from optcli.arrays import Array, Workspace
from optcli.data.batches import Batch, Batches, Source
from optcli.data.preparation import Part, Prepared
from optcli.events import Ended, EpochEnded, Event, Outcome, Progress, Started
from optcli.losses.base import Loss
from optcli.metrics import TALLIED, Additive, Metric
from optcli.models import Architecture, Model, Network
from optcli.optimizers.base import Optimizer, Oracle, Stepper, scratch_size, state_size
from optcli.oracles import OfModel
from optcli.parameters import Layout, Parameters
from optcli.schedules import Schedule
from optcli.specs import EarlyStopping, Regularization, Training
from optcli.transforms import (
    AddNoise,
    Centralize,
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    Regularize,
    norm,
)
from optcli.wrappers import Average, Averaging, Decay, Lookahead, SharpnessAware

# Rows of one forward pass when nothing is learned. Fixed, so that a replica's
# scores have the same bits whatever the company.
EVALUATION_ROWS = 256
# Steps whose coefficients are computed in one go.
PLANNED_STEPS = 256
# Seconds between two Progress events.
PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class Replica:
    """One training trajectory: what may differ within a cohort."""

    optimizer: Optimizer
    data: Prepared
    seed: int


@dataclass(frozen=True)
class Cohort:
    """Replicas that train together, and what they have in common.

    All have the same numbers of features, outputs, training rows and
    validation rows.
    """

    replicas: Sequence[Replica]
    model: Model
    loss: Loss
    schedule: Schedule
    regularization: Regularization
    training: Training
    metrics: Sequence[Metric]
    dtype: np.dtype[Any]

    def architecture(self) -> Architecture:
        """The layers and the layout of the parameters."""
        data = self.replicas[0].data
        features = data.train.x.shape[1]
        outputs = self.loss.outputs(data.outputs)
        return Architecture(self.model, features, outputs, data.encoder.image)

    def memory(self) -> int:
        """Bytes that training will take, about; nothing is allocated to find out."""
        architecture, data = self.architecture(), self.replicas[0].data
        layout = architecture.layout
        rows, size = len(data.train.x), self.training.batch_size
        batch = rows if size == "full" else min(size, rows)
        # parameters, gradients, the best, those before the last step, one to write them
        numbers = 5 * layout.size
        spec = self.training
        wrapped = 2 * bool(spec.sam) + bool(spec.lookahead) + bool(spec.average)
        wrapped += (spec.accumulate > 1) + bool(spec.weight_decay)
        numbers += wrapped * layout.size
        # outputs and gradients of each layer, for training and for evaluation
        room = sum(step.layer.room(step.shape) for step in architecture.steps)
        seen = min(rows, TALLIED) if data.train.streamed else rows
        numbers += room * (batch + EVALUATION_ROWS) + 3 * seen * architecture.outputs
        return len(self.replicas) * numbers * self.dtype.itemsize + self.memory_of_optimizers()

    def memory_of_optimizers(self) -> int:
        """Bytes that the optimizers keep or work with, each as many as the greediest."""
        layout, rows = self.architecture().layout, len(self.replicas[0].data.train.x)
        size = self.training.batch_size
        batch = rows if size == "full" else min(size, rows)
        kept = max(optimizer_size(r.optimizer, layout, rows, batch) for r in self.replicas)
        return len(self.replicas) * kept * self.dtype.itemsize


def optimizer_size(optimizer: Optimizer, layout: Layout, rows: int, batch: int) -> int:
    """Numbers that an optimizer keeps or works with, for so many rows and rows of a batch."""
    size = state_size(optimizer, layout, rows) + scratch_size(optimizer, layout)
    if optimizer.asks:
        size += 2 * layout.size  # the oracle's own parameters and gradients
    if optimizer.of_models == "rows":
        size += 2 * batch * layout.size
    return size


class State:
    """All that changes while a cohort trains; what a checkpoint holds.

    parameters, gradients: (R, P). statistics: (R, S), what batch norm keeps without
    learning it. best, best_statistics: those of the best epoch. epoch: epochs ended.
    step: updates done. steps_in_epoch: those of the epoch begun.
    """

    def __init__(self, cohort: Cohort, batches: Batches) -> None:
        self.architecture = cohort.architecture()
        layout, replicas = self.architecture.layout, len(cohort.replicas)
        shape = (replicas, layout.size)
        self.parameters = Parameters(layout, np.zeros(shape, cohort.dtype))
        self.gradients = Parameters(layout, np.zeros(shape, cohort.dtype))
        for row, replica in zip(self.parameters.buffer, cohort.replicas, strict=True):
            self.architecture.initialize(row, replica.seed)
        kept = self.architecture.statistics
        self.statistics = Parameters(kept, np.zeros((replicas, kept.size), cohort.dtype))
        self.architecture.initialize_statistics(self.statistics.buffer)
        self.stepper = Stepper(
            [replica.optimizer for replica in cohort.replicas],
            self.parameters.buffer,
            self.gradients.buffer,
            layout=layout,
            seeds=[replica.seed for replica in cohort.replicas],
            samples=batches.total,
        )
        # what is validated and kept: the parameters, or what is made of them
        self.model, self.model_statistics = self.parameters, self.statistics
        if self.stepper.averages:
            self.model = Parameters(layout, self.parameters.buffer.copy())
        spec = cohort.training
        self.lookahead = spec.lookahead and Lookahead(spec.lookahead, self.parameters.buffer)
        if self.lookahead:
            self.model = Parameters(layout, self.lookahead.slow)
        self.average: Averaging | None = None
        if isinstance(spec.average, Average):
            steps = spec.steps or spec.epochs * batches.steps
            self.model = Parameters(layout, self.parameters.buffer.copy())
            self.model_statistics = Parameters(kept, self.statistics.buffer.copy())
            pairs = [
                (self.parameters.buffer, self.model.buffer),
                (self.statistics.buffer, self.model_statistics.buffer),
            ]
            self.average = Averaging(spec.average, steps, batches.steps, pairs)
        self.best: Array = self.parameters.buffer.copy()
        self.best_statistics: Array = self.statistics.buffer.copy()
        self.best_loss = np.full(replicas, np.inf)
        self.best_epoch = np.zeros(replicas, np.int64)
        self.epoch = 0
        self.step = 0
        self.steps_in_epoch = 0
        self.seconds = 0.0
        # of the epoch begun: the loss of each batch and its weight, the scores of each row
        self.losses = np.zeros((batches.steps, replicas), cohort.dtype)
        self.weights = np.full((batches.steps, replicas), batches.rows, cohort.dtype)
        self.weights[-1] = batches.total - (batches.steps - 1) * batches.rows
        # (of a streamed epoch only the latest rows, with the sums of those before)
        rows = batches.total if cohort.metrics and batches.windows is None else 0
        self.seen = np.zeros((replicas, rows, self.architecture.outputs), cohort.dtype)
        self.tallies = Tallies(cohort, batches) if batches.windows is not None else None
        # what the schedule keeps of how training goes
        self.schedule = cohort.schedule.memory(replicas)
        # early stopping: the best monitored value, and epochs since then
        self.monitored = np.full(replicas, np.inf)
        self.stale = np.zeros(replicas, np.int64)
        self.outcomes: list[Outcome | None] = [None] * replicas
        self.ended_epoch = np.zeros(replicas, np.int64)
        self.ended_step = np.zeros(replicas, np.int64)
        # where a replica diverged: the norms of gradient and parameters when it was found
        self.norms = np.full((replicas, 2), np.nan)

    def diverge(self, replica: int, step: int) -> None:
        """Note that the loss of `step` was not finite."""
        if self.outcomes[replica] is None:
            self.end(replica, "diverged")
            self.ended_step[replica] = step
            gradient, parameters = self.gradients.buffer[replica], self.parameters.buffer[replica]
            self.norms[replica] = norm(gradient[None])[0], norm(parameters[None])[0]

    def end(self, replica: int, outcome: Outcome) -> None:
        """Note how a replica ended; the first word counts."""
        if self.outcomes[replica] is None:
            self.outcomes[replica] = outcome
            self.ended_epoch[replica] = self.epoch + bool(self.steps_in_epoch)
            self.ended_step[replica] = self.step

    def regularized(self) -> list[tuple[Array, Array]]:
        """The weights that regularization reaches, each with its gradient."""
        return [
            (self.parameters.views[name], self.gradients.views[name])
            for name in self.architecture.weights()
        ]

    def arrays(self) -> dict[str, Array]:
        """All of it by name, as live views, for a checkpoint."""
        arrays = {
            "parameters": self.parameters.buffer,
            "statistics": self.statistics.buffer,
            "best": self.best,
            "best_statistics": self.best_statistics,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "losses": self.losses,
            "weights": self.weights,
            "seen": self.seen,
            "monitored": self.monitored,
            "stale": self.stale,
            "ended_epoch": self.ended_epoch,
            "ended_step": self.ended_step,
            "norms": self.norms,
            "position": np.array([self.epoch, self.step, self.steps_in_epoch]),
            "seconds": np.array(self.seconds),
            "outcomes": np.array([outcome or "" for outcome in self.outcomes], "U16"),
        }
        if self.lookahead:
            arrays["lookahead"] = self.lookahead.slow
        if self.average:
            arrays["average"] = self.model.buffer
            arrays["average_statistics"] = self.model_statistics.buffer
        if self.tallies is not None:
            arrays |= self.tallies.arrays()
        for group, slots in enumerate(self.stepper.slots):
            arrays |= {f"optimizer{group}.{name}": slot for name, slot in slots.items()}
        return arrays | {f"schedule.{name}": each for name, each in self.schedule.items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` gave; ValueError where it is of another cohort."""
        own = self.arrays()
        if own.keys() != arrays.keys():
            names = ", ".join(sorted(own.keys() ^ arrays.keys()))
            raise ValueError(f"what it holds is not what this config needs ({names})")
        for name, live in own.items():
            saved = arrays[name]
            if live.shape != saved.shape or live.dtype != saved.dtype:
                raise ValueError(f"{name} is {saved.dtype} {saved.shape}, not {live.shape}")
            np.copyto(live, saved)
        self.epoch, self.step, self.steps_in_epoch = map(int, own["position"])
        self.seconds = float(own["seconds"])
        self.outcomes = [str(outcome) or None for outcome in own["outcomes"]]  # type: ignore[misc]

    @property
    def over(self) -> bool:
        """Whether every replica has ended."""
        return all(outcome is not None for outcome in self.outcomes)


def train_cohort(
    cohort: Cohort,
    *,
    resume: Mapping[str, Array] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train a cohort; yields Started, Progress and EpochEnded as they come, and Ended.

    resume: what `State.arrays` gave, to go on from there; ValueError where it does not fit.
    stop: asked several times a second whether to end after the step, as `interrupted`.

    A replica whose loss is not finite has diverged: that is an outcome, not an
    error, and does no harm to the others.
    """
    with np.errstate(all="ignore"):
        yield from _Trainer(cohort, resume, stop).run()


class _Trainer:
    """A cohort at work; lives as long as one call of `train_cohort`."""

    def __init__(
        self,
        cohort: Cohort,
        resume: Mapping[str, Array] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        spec = cohort.training
        self.cohort, self.spec, self.stop = cohort, spec, stop
        replicas = cohort.replicas
        total = len(replicas[0].data.train.x)
        rows = total if spec.batch_size == "full" else spec.batch_size
        sources = [Source(replica.data.train, replica.seed) for replica in replicas]
        self.batches = Batches(sources, rows * spec.accumulate, shuffle=spec.shuffle)
        self.piece = min(rows, total)
        self.state = State(cohort, self.batches)
        if resume is not None:
            self.state.restore(resume)
        self.steps = spec.steps or spec.epochs * self.batches.steps
        self.rates = np.array([[replica.optimizer.lr for replica in replicas]])
        self.work = Workspace()
        self.networks: dict[int, Network] = {}
        self.oracles: list[OfModel] = []
        self.state.stepper.ask(lambda rows: self._oracle(rows, sources[rows]))
        parts = [r.data.validation for r in replicas if r.data.validation is not None]
        self.validate: Evaluation | None = None
        if parts:
            state = self.state
            self.validate = Evaluation(
                cohort, state.architecture, state.model, parts, state.model_statistics
            )
        self.monitor = spec.early_stopping and monitored(spec.early_stopping.monitor, cohort)
        usual = "validation_loss" if self.validate else "train_loss"
        watched = cohort.schedule.watches(usual)
        self.watched = watched and monitored(watched, cohort)

        # what the last step of an epoch leaves behind
        self.gradient_norm: Array = np.full(len(replicas), np.nan)
        self.update_norm: Array = np.full(len(replicas), np.nan)
        self.before = np.empty_like(self.state.parameters.buffer)

        x, g = self.state.parameters.buffer, self.state.gradients.buffer
        self.sum = np.empty_like(g) if spec.accumulate > 1 else g
        self.sam = spec.sam and SharpnessAware(spec.sam, x, g, self.state.statistics.buffer)
        self.decay: Decay | None = None
        if spec.weight_decay:
            self.decay = Decay(spec.weight_decay, decoupled=spec.decoupled_weight_decay, x=x, g=g)
        self.regularize: Regularize | None = None
        if cohort.regularization.l2 or cohort.regularization.l1:
            self.regularize = Regularize(cohort.regularization, self.state.regularized())
        self.clips: list[Callable[[], None]] = []
        if spec.centralize:
            self.clips.append(Centralize(self.state.gradients.views.values()))
        if spec.clip_value:
            self.clips.append(ClipValue(spec.clip_value, g))
        if spec.clip_adaptive:
            views = (self.state.parameters.views, self.state.gradients.views)
            pairs = zip(*(each.values() for each in views), strict=True)
            self.clips.append(ClipAdaptive(spec.clip_adaptive, pairs))
        if spec.clip_norm:
            self.clips.append(ClipNorm(spec.clip_norm, g))
        if spec.gradient_noise:
            seeds, state = [replica.seed for replica in replicas], self.state
            self.clips.append(AddNoise(spec.gradient_noise, g, seeds, lambda: state.step))

    def run(self) -> Iterator[Event]:
        state = self.state
        yield Started(
            state=state,
            epochs=-(-self.steps // self.batches.steps),
            steps=self.steps,
            steps_per_epoch=self.batches.steps,
            rows=self.batches.total,
            parameters=state.architecture.layout.size,
            metrics=tuple(metric.name for metric in self.cohort.metrics),
            validates=self.validate is not None,
        )
        while state.step < self.steps and not self._over() and not self._halted():
            yield from self._epoch()
        early: Outcome = "timed_out" if self._timed_out() else "interrupted"
        for replica in range(len(self.cohort.replicas)):
            state.end(replica, early if state.step < self.steps else "completed")
        rows = state.epoch * self.batches.total + state.steps_in_epoch * self.batches.rows
        yield Ended(
            state=state,
            outcomes=tuple(outcome or "completed" for outcome in state.outcomes),
            epochs=state.ended_epoch.copy(),
            steps=state.ended_step.copy(),
            best_epoch=state.best_epoch.copy(),
            seconds=state.seconds,
            samples_per_second=rows * len(self.cohort.replicas) / max(state.seconds, 1e-9),
        )

    def _epoch(self) -> Iterator[Event]:
        """One epoch: its steps, then its measurement."""
        state, replicas = self.state, range(len(self.cohort.replicas))
        last = min(self.batches.steps, state.steps_in_epoch + self.steps - state.step)
        batches = self.batches.epoch(state.epoch + 1, state.steps_in_epoch)
        self.gradient_norm.fill(np.nan)
        self.update_norm.fill(np.nan)
        spoken = state.seconds
        while True:
            first = state.steps_in_epoch
            clock = time.perf_counter()
            # up to a multiple of them: there, divergence is looked for
            lr = self._plan(min(last - first, PLANNED_STEPS - first % PLANNED_STEPS))
            self._steps(batches, len(lr), last)
            state.seconds += time.perf_counter() - clock
            at = state.steps_in_epoch
            for replica in replicas:
                lost = ~np.isfinite(state.losses[first:at, replica])
                if lost.any():
                    state.diverge(replica, state.step - at + first + int(lost.argmax()) + 1)
            if at == last or (self._over() and at % PLANNED_STEPS == 0):
                yield self._measure(lr[at - first - 1])
                return
            if self._halted():
                return
            if state.seconds - spoken > PROGRESS_SECONDS:
                spoken = state.seconds
                yield Progress(state, state.step, state.seconds)

    def _over(self) -> bool:
        """Whether nobody is left to train."""
        going: tuple[Outcome | None, ...] = (None,)
        if self.spec.on_divergence == "continue":
            going = (None, "diverged")
        return not any(outcome in going for outcome in self.state.outcomes)

    def _halted(self) -> bool:
        return self._timed_out() or self.stop()

    def _timed_out(self) -> bool:
        return self.spec.time_limit is not None and self.state.seconds > self.spec.time_limit

    def _plan(self, count: int) -> Array:
        """The learning rates of the next `count` steps (K, R), handed to the optimizers."""
        t = np.arange(self.state.step + 1, self.state.step + 1 + count, dtype=np.float64)
        schedule = self.cohort.schedule
        factor: Array = schedule.factor(t, self.steps, self.batches.steps)[:, None]
        factor = factor * schedule.scale(self.state.schedule)
        lr: Array = (factor if "lr" in schedule.of else np.ones_like(factor)) * self.rates
        others = {name: factor for name in schedule.of if name != "lr"}
        if schedule.moves_momentum:
            momentum = schedule.momentum(t, self.steps, self.batches.steps)
            own = [getattr(each.optimizer, "momentum", 1.0) for each in self.cohort.replicas]
            others["momentum"] = momentum[:, None] / np.array([own])  # as factors on it
        self.state.stepper.plan(self.state.step + 1, lr, others)
        if self.decay:
            self.decay.plan(lr, others.get("weight_decay", 1.0))
        return lr

    def _steps(self, batches: Iterator[Batch], count: int, last: int) -> None:
        """Gradient and update, for each of the planned steps, or until time is up.

        last: of the steps of the epoch, which leaves its norms behind.
        """
        state, losses = self.state, self.state.losses
        transforms = self.regularize or self.clips
        gradient = self._gradient if self.spec.accumulate == 1 else self._accumulated
        deadline = time.perf_counter() + PROGRESS_SECONDS
        for k, batch in zip(range(count), batches, strict=False):
            at = state.steps_in_epoch
            losses[at], counts = gradient(batch, state.step)
            if counts is not None:
                state.weights[at] = counts
            for oracle in self.oracles:
                oracle.see(state.epoch + 1, state.step, batch)
            if self.sam:
                self.sam.climb()
                gradient(batch, state.step, seen=False)
                self.sam.descend()
            if at + 1 == last:
                self._last_step(k)
            else:
                if transforms:
                    self._transform()
                self._update(k)
            state.step += 1
            state.steps_in_epoch = at + 1
            if time.perf_counter() > deadline:
                return

    def _gradient(self, batch: Batch, chance: int, seen: bool = True) -> tuple[Array, Array | None]:
        """Forward and backward: the loss (R,), what it counts for (R,), and the gradient.

        chance: what dropout depends on. seen: whether the scores are to be remembered.
        """
        start, stop, x, y, weight = batch
        network = self.networks.get(stop - start) or self._network(stop - start)
        scores = network.forward(x, chance)
        loss = self.cohort.loss.value_and_gradient(scores, y, network.gradient, weight, self.work)
        counts = self.cohort.loss.counts(y, weight, self.work)
        if seen and self.state.tallies is not None:
            self.state.tallies.add(start, scores, y, weight)
        elif seen and self.cohort.metrics:
            self.state.seen[:, start:stop] = scores
        network.backward()
        return loss, None if counts is None else counts.sum(axis=1)

    def _accumulated(
        self, batch: Batch, step: int, seen: bool = True
    ) -> tuple[Array, Array | None]:
        """The same, of a batch in pieces, one after the other; each counts for its rows."""
        g = self.state.gradients.buffer
        self.sum.fill(0)
        loss, whole = np.zeros(len(g), g.dtype), np.zeros(len(g), g.dtype)
        for index, piece in enumerate(batch.pieces(self.piece)):
            chance = step * self.spec.accumulate + index
            of_piece, counts = self._gradient(piece, chance, seen)
            share = np.full(len(g), piece.stop - piece.start if counts is None else counts, g.dtype)
            np.multiply(g, share[:, None], g)
            np.add(self.sum, g, self.sum)
            loss += of_piece * share
            whole += share
        scale = 1 / np.maximum(whole, np.finfo(g.dtype).tiny)
        np.multiply(self.sum, scale[:, None], g)
        return loss * scale, whole

    def _transform(self) -> None:
        """Regularize and clip the gradient."""
        if self.regularize:
            self.regularize()
        for clip in self.clips:
            clip()

    def _last_step(self, k: int) -> None:
        """The update of an epoch's last step, measured."""
        parameters = self.state.parameters.buffer
        if self.regularize:
            self.regularize()
        self.gradient_norm = norm(self.state.gradients.buffer)
        for clip in self.clips:
            clip()
        np.copyto(self.before, parameters)
        self._update(k)
        np.subtract(parameters, self.before, self.before)
        self.update_norm = norm(self.before)

    def _oracle(self, rows: slice, sources: list[Source]) -> Oracle:
        """Who answers what the optimizers of these replicas ask."""
        cohort = self.cohort
        self.oracles.append(
            OfModel(
                self.state.architecture,
                cohort.loss,
                cohort.regularization,
                sources,
                rows,
                self.batches,
                cohort.dtype,
            )
        )
        return self.oracles[-1]

    def _update(self, k: int) -> None:
        """Move the parameters, and all that follows them."""
        state = self.state
        if self.decay:
            self.decay(k)
        state.stepper.step(k, state.losses[state.steps_in_epoch])
        if state.lookahead:
            state.lookahead(state.step + 1)
        if state.average:
            state.average(state.step + 1)

    def _network(self, rows: int) -> Network:
        state = self.state
        network = Network(
            state.architecture,
            state.parameters,
            state.gradients,
            rows,
            training=True,
            statistics=state.statistics,
            seeds=[replica.seed for replica in self.cohort.replicas],
        )
        return self.networks.setdefault(rows, network)

    def _measure(self, lr: Array) -> EpochEnded:
        """Close the epoch: its losses and metrics, the best so far, who stops."""
        state = self.state
        train_loss, train_metrics = self._as_seen()
        if state.stepper.averages:
            state.stepper.model(state.model.buffer)
        if state.average:
            state.average.measure(state.step)
        validation_loss, validation_metrics = self.validate() if self.validate else (None, {})
        state.epoch += 1
        state.steps_in_epoch = 0

        running = np.array([outcome is None for outcome in state.outcomes])
        finite = np.isfinite(train_loss) & np.isfinite(self.update_norm)
        if validation_loss is not None:
            finite &= np.isfinite(validation_loss)
        for replica in np.flatnonzero(~finite):
            state.diverge(int(replica), state.step)
        # without validation the last finite state is the model
        best = running & finite
        if validation_loss is not None:
            best &= validation_loss < state.best_loss
            state.best_loss[best] = validation_loss[best]
        state.best[best] = state.model.buffer[best]
        state.best_statistics[best] = state.model_statistics.buffer[best]
        state.best_epoch[best] = state.epoch

        event = EpochEnded(
            state=state,
            epoch=state.epoch,
            step=state.step,
            lr=lr,
            train_loss=train_loss,
            train_metrics=train_metrics,
            validation_loss=validation_loss,
            validation_metrics=validation_metrics,
            gradient_norm=self.gradient_norm.astype(np.float64),
            update_norm=self.update_norm.astype(np.float64),
            best=best,
            seconds=state.seconds,
        )
        if self.watched:
            self.cohort.schedule.watch(state.schedule, self.watched(event))
        if self.monitor and self.spec.early_stopping:
            self._stop_early(self.monitor(event), self.spec.early_stopping)
        return event

    def _as_seen(self) -> tuple[Array, dict[str, Array]]:
        """Training loss and metrics of the epoch, from its scores before each update."""
        state, steps = self.state, self.state.steps_in_epoch
        loss = weighted_mean(state.losses[:steps], state.weights[:steps])
        if not self.cohort.metrics:
            return loss, {}
        if state.tallies is not None:
            return loss, state.tallies.result()
        rows = min(steps * self.batches.rows, self.batches.total)
        y, weight = self.batches.targets(state.epoch + 1)
        weight = None if weight is None else weight[:, :rows]
        return loss, measure(self.cohort, state.seen[:, :rows], y[:, :rows], weight)

    def _stop_early(self, value: Array, rule: EarlyStopping) -> None:
        """End the replicas whose monitored value (the lower the better) has stalled."""
        state = self.state
        improved = value < state.monitored - rule.min_delta
        state.monitored[improved] = value[improved]
        state.stale[improved] = 0
        state.stale[~improved] += 1
        for replica in np.flatnonzero(state.stale >= rule.patience):
            state.end(int(replica), "stopped_early")


class Evaluation:
    """Measures a cohort on one part of the data for each replica.

    Losses are in training units, metrics in those of the data. Nothing is
    learned, and dropout is off.
    """

    def __init__(
        self,
        cohort: Cohort,
        architecture: Architecture,
        parameters: Parameters,
        parts: Sequence[Part],
        statistics: Parameters | None = None,
    ) -> None:
        self.cohort, self.architecture, self.parameters = cohort, architecture, parameters
        self.statistics = statistics
        sources = [Source(part, 0) for part in parts]
        self.batches = Batches(sources, EVALUATION_ROWS, shuffle=False)
        self.networks: dict[int, Network] = {}
        self.work = Workspace()
        self.losses = np.empty((self.batches.steps, len(parts)), cohort.dtype)
        self.weights = np.empty_like(self.losses)
        streamed = self.batches.windows is not None
        self.tallies = Tallies(cohort, self.batches) if streamed else None
        rows = 0 if streamed else self.batches.total
        self.scores = np.empty((len(parts), rows, architecture.outputs), cohort.dtype)

    def __call__(self) -> tuple[Array, dict[str, Array]]:
        """The mean loss (R,) and the metrics (R,), by the parameters as they are."""
        for step, batch in enumerate(self.batches.epoch(1)):
            rows = batch.stop - batch.start
            scores = (self.networks.get(rows) or self._network(rows)).forward(batch.x)
            if self.tallies is not None:
                self.tallies.add(batch.start, scores, batch.y, batch.weight)
            else:
                self.scores[:, batch.start : batch.stop] = scores
            loss = self.cohort.loss
            self.losses[step] = loss.value(scores, batch.y, batch.weight, self.work)
            counts = loss.counts(batch.y, batch.weight, self.work)
            self.weights[step] = rows if counts is None else counts.sum(axis=1)
        mean = weighted_mean(self.losses, self.weights)
        if self.tallies is not None:
            return mean, self.tallies.result()
        return mean, measure(self.cohort, self.scores, *self.batches.targets(1))

    def _network(self, rows: int) -> Network:
        network = Network(
            self.architecture,
            self.parameters,
            None,
            rows,
            training=False,
            statistics=self.statistics,
        )
        return self.networks.setdefault(rows, network)


class Tallies:
    """The metrics of a pass over streamed rows: sums, taken over as many rows as `metrics` takes.

    What `measure` would give for all rows at once, to the bit, with room for a few.
    """

    def __init__(self, cohort: Cohort, batches: Batches) -> None:
        self.cohort = cohort
        self.metrics = [metric for metric in cohort.metrics if isinstance(metric, Additive)]
        replicas = len(cohort.replicas)
        architecture, part = cohort.architecture(), batches.sources[0].part
        rows = min(TALLIED, batches.total) if self.metrics else 0
        self.scores = np.zeros((replicas, rows, architecture.outputs), cohort.dtype)
        self.y = np.zeros((batches.count, rows, *part.y.shape[1:]), part.y.dtype)
        self.weight: Array | None = None
        if part.weight is not None:
            self.weight = np.zeros((batches.count, rows), part.weight.dtype)
        # a tally of nothing tells how much room each takes
        nothing = self._tallied(1) if rows else {}
        self.sums = {name: np.zeros_like(tally) for name, tally in nothing.items()}
        self.place = np.zeros(2, np.int64)  # rows not yet in the sums, and blocks in them

    def add(self, start: int, scores: Array, y: Array, weight: Array | None) -> None:
        """Take down a batch whose first row is the `start`-th of the pass; 0 begins anew."""
        if not self.metrics:
            return
        if start == 0:
            self.place[:] = 0
        done, rows, room = 0, y.shape[1], self.scores.shape[1]
        while done < rows:
            filled = self.place[0]
            more = min(rows - done, room - filled)
            to, source = slice(filled, filled + more), slice(done, done + more)
            self.scores[:, to], self.y[:, to] = scores[:, source], y[:, source]
            if self.weight is not None and weight is not None:
                self.weight[:, to] = weight[:, source]
            done += more
            self.place[0] += more
            if self.place[0] == room:
                for name, tally in self._summed().items():
                    self.sums[name][:] = tally
                self.place[:] = 0, self.place[1] + 1

    def result(self) -> dict[str, Array]:
        """The metrics (R,) of the rows so far."""
        sums = self._summed() if self.place[0] else self.sums
        return {metric.name: metric.of(sums[metric.name]) for metric in self.metrics}

    def arrays(self) -> dict[str, Array]:
        """All of it by name, as live views, for a checkpoint within an epoch."""
        kept = {"scores": self.scores, "y": self.y, "weight": self.weight, "place": self.place}
        kept |= {f"sums.{name}": sums for name, sums in self.sums.items()}
        return {f"tallies.{name}": each for name, each in kept.items() if each is not None}

    def _tallied(self, rows: int) -> dict[str, Array]:
        """What the latest rows add."""
        weight = None if self.weight is None else self.weight[:, :rows]
        scores, y = in_data_units(self.cohort, self.scores[:, :rows], self.y[:, :rows])
        return {metric.name: metric.tally(scores, y, weight) for metric in self.metrics}

    def _summed(self) -> dict[str, Array]:
        """The sums with the latest rows."""
        found = self._tallied(int(self.place[0]))
        if not self.place[1]:
            return found
        return {m.name: m.merge(self.sums[m.name], found[m.name]) for m in self.metrics}


def measure(cohort: Cohort, scores: Array, y: Array, weight: Array | None) -> dict[str, Array]:
    """The metrics (R,) of scores (R, N, C), in the data's own units."""
    if not cohort.metrics:
        return {}
    scores, y = in_data_units(cohort, scores, y)
    return {metric.name: metric.measure(scores, y, weight) for metric in cohort.metrics}


def in_data_units(cohort: Cohort, scores: Array, y: Array) -> tuple[Array, Array]:
    """What metrics are of: responses (R, N, C) and targets in the data's own units."""
    scores = cohort.loss.respond(scores)
    if cohort.loss.target == "values":
        scale, mean = (
            np.stack([getattr(replica.data, name) for replica in cohort.replicas])[:, None]
            for name in ("target_scale", "target_mean")
        )
        scores, y = scores * scale + mean, y * scale + mean
    return scores, y


def weighted_mean(values: Array, weights: Array) -> Array:
    """The mean (R,) of values (K, R) by weights (K, R), in float64."""
    # row by row, so that a replica's sum has the same bits in any company
    rows = np.ascontiguousarray(values.T, np.float64)
    shares = np.ascontiguousarray(weights.T, np.float64)
    mean: Array = np.vecdot(rows, shares) / shares.sum(axis=1)
    return mean


def monitored(column: str, cohort: Cohort) -> Callable[[EpochEnded], Array]:
    """How to read a column of the history off an event, turned so that less is better."""
    if column in ("train_loss", "validation_loss"):
        return lambda event: cast("Array", getattr(event, column))
    part, _, name = column.partition("_")
    metric = next(metric for metric in cohort.metrics if metric.name == name)
    sign = -1 if metric.higher_is_better else 1
    return lambda event: sign * cast("Array", getattr(event, f"{part}_metrics")[name])
