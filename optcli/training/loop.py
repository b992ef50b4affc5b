"""Training loop: runs epochs and steps, and yields events."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.events import Ended, EpochEnded, Outcome, Paused, Progress, Started, TrainingEvent
from optcli.data.batches import Batch, Batches, Source
from optcli.models import Network
from optcli.objectives.model import ObjectiveModel
from optcli.optimizers.base import Oracle
from optcli.training.cohort import Cohort
from optcli.training.evaluation import Evaluation, measure, monitored, weighted_mean
from optcli.training.oracles import OfModel
from optcli.training.settings import EarlyStopping
from optcli.training.state import State
from optcli.training.transforms import (
    AddNoise,
    Centralize,
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    Regularize,
    norm,
)
from optcli.training.wrappers import Decay, SharpnessAware

# Steps whose coefficients are computed in one go.
PLANNED_STEPS = 256
# Seconds between two Progress events.
PROGRESS_SECONDS = 0.1


def train_cohort(
    cohort: Cohort,
    *,
    resume: Mapping[str, Array] | None = None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
    every: float | None = None,
    measure: bool = True,
    pauses: Collection[int] = (),
) -> Iterator[TrainingEvent]:
    """Train a cohort; yields Started, Progress and EpochEnded as they come, and Ended.

    resume: arrays from `State.arrays` to continue from; ValueError if they do not fit. stop:
    called several times a second; true ends training after the step, as `interrupted`.
    clock: returns the time in seconds. every: seconds between two Progress events. measure:
    whether epochs are measured; false yields Progress at their ends instead of EpochEnded, and
    leaves `state.best` as it was. Early stopping and schedules that watch need measured epochs.
    pauses: steps within each epoch, from 1, after which comes a Paused event.

    A replica whose loss is not finite has diverged. That is an outcome, not an error, and
    does not affect other replicas.
    """
    with np.errstate(all="ignore"):
        yield from Trainer(cohort, resume, stop, clock, every, measure, pauses).run()


class Trainer:
    """The training of one cohort, during one call of `train_cohort`."""

    def __init__(
        self,
        cohort: Cohort,
        resume: Mapping[str, Array] | None = None,
        stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.perf_counter,
        every: float | None = None,
        measure: bool = True,
        pauses: Collection[int] = (),
    ) -> None:
        spec = cohort.training
        self.pauses = sorted(pauses)
        self.cohort, self.spec, self.stop = cohort, spec, stop
        self.clock, self.every = clock, PROGRESS_SECONDS if every is None else every
        replicas = cohort.replicas
        sources = [Source(replica.data.train, replica.seed) for replica in replicas]
        self.batches = Batches(sources, cohort.batch * spec.accumulate, shuffle=spec.shuffle)
        self.piece = cohort.batch
        self.state = State(cohort, self.batches)
        if resume is not None:
            self.state.restore(resume)
        self.steps = spec.steps or spec.epochs * self.batches.steps
        self.end = spec.last_step(self.steps, self.batches.steps)
        self.work = Workspace()
        self.networks: dict[int, Network] = {}
        self.oracles: list[OfModel] = []
        self.state.stepper.attach_oracles(lambda rows: self._oracle(rows, sources[rows]))
        for oracle in self.oracles:
            so_far = self.state.oracle_evaluations[self.state.steps_in_epoch]
            oracle.evaluations[:] = so_far[oracle.replicas]
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
        self.measures = measure
        assert measure or not (self.monitor or self.watched), "what is watched must be measured"

        # what the last step of an epoch leaves behind
        self.gradient_norm: Array = np.full(len(replicas), np.nan)
        self.update_norm: Array = np.full(len(replicas), np.nan)
        # the norm of the gradient that its update took, whose buffer then holds the update
        self.taken_norm: Array | None = None

        x, g = self.state.parameters.buffer, self.state.gradients.buffer
        self.sum = np.empty_like(g) if spec.accumulate > 1 else g
        self.sam = spec.sam and SharpnessAware(spec.sam, x, g, self.state.statistics.buffer)
        self.decay: Decay | None = None
        if spec.weight_decay:
            self.decay = Decay(spec.weight_decay, decoupled=spec.decoupled_weight_decay, x=x, g=g)
        # parameters before the last step, where not the optimizer alone moves them
        moved = spec.lookahead or (spec.weight_decay and spec.decoupled_weight_decay)
        self.before = np.empty_like(x) if moved else None
        self.regularize: Regularize | None = None
        if cohort.regularization.l2 or cohort.regularization.l1:
            self.regularize = Regularize(cohort.regularization, self.state.regularized())
        self.clips = list(self._clips())
        self.planned = range(0)  # steps, from 0, whose coefficients are computed

    def run(self) -> Iterator[TrainingEvent]:
        """Run the training from the present state."""
        state = self.state
        yield Started(
            state=state,
            epochs=-(-self.end // self.batches.steps),
            steps=self.end,
            steps_per_epoch=self.batches.steps,
            rows=self.batches.total,
            parameters=state.architecture.layout.size,
            metrics=tuple(metric.name for metric in self.cohort.metrics),
            validates=self.validate is not None,
            unit="step" if isinstance(self.cohort.model, ObjectiveModel) else "epoch",
        )
        while state.step < self.end and not self._over() and not self._halted():
            yield from self._epoch()
        early: Outcome = "timed_out" if self._timed_out() else "interrupted"
        for replica in range(len(self.cohort.replicas)):
            state.end(replica, early if state.step < self.end else "completed")
        rows = state.epoch * self.batches.total + state.steps_in_epoch * self.batches.rows
        yield Ended(
            state=state,
            outcomes=tuple(outcome or "completed" for outcome in state.outcomes),
            epochs=state.ended_epoch.copy(),
            steps=state.ended_step.copy(),
            best_epoch=state.best_epoch.copy(),
            seconds=state.seconds,
            samples_per_second=rows * len(self.cohort.replicas) / max(state.seconds, 1e-9),
            gradient_evaluations=state.gradient_evaluations,
        )

    def _epoch(self) -> Iterator[TrainingEvent]:
        """Run one epoch: its steps, then its measurement."""
        state = self.state
        last = min(self.batches.steps, state.steps_in_epoch + self.end - state.step)
        batches = self.batches.epoch(state.epoch + 1, state.steps_in_epoch)
        self.gradient_norm.fill(np.nan)
        self.update_norm.fill(np.nan)
        self.taken_norm = None
        spoken = state.seconds
        while True:
            first = state.steps_in_epoch
            began = self.clock()
            k = self._plan(last - first)
            # up to a multiple of them: there alone, and at the end of the epoch, divergence is
            # looked for, so that no clock decides when it is found
            ahead = min(last - first, PLANNED_STEPS - first % PLANNED_STEPS)
            ahead = min([ahead, *(pause - first for pause in self.pauses if pause > first)])
            self._steps(batches, k, min(ahead, len(self.planned) - k), last)
            state.seconds += self.clock() - began
            at = state.steps_in_epoch
            due = at == last or at % PLANNED_STEPS == 0
            if due:
                self._look_for_divergence((at - 1) // PLANNED_STEPS * PLANNED_STEPS)
            if at == last or (due and self._over()):
                if self.measures:
                    yield self._measure(state.stepper.lr[k + at - first - 1])
                else:
                    self._end_epoch()
                    yield Progress(state, state.step, state.seconds)
                return
            if self._halted():
                return
            if at in self.pauses:
                self._refresh_model()
                yield Paused(state, state.step)
            if state.seconds - spoken > self.every:
                spoken = state.seconds
                yield Progress(state, state.step, state.seconds)

    def _look_for_divergence(self, first: int) -> None:
        """Note which losses of the epoch, from its step `first` on, are not finite."""
        state = self.state
        at = state.steps_in_epoch
        lost = ~np.isfinite(state.losses[first:at])
        if lost.any():
            for replica in np.flatnonzero(lost.any(axis=0) & state.running):
                step = state.step - at + first + int(lost[:, replica].argmax()) + 1
                self._diverge(int(replica), step)

    def _diverge(self, replica: int, step: int) -> None:
        """Note that the loss of `step` was not finite, or what that step made."""
        if self.taken_norm is not None:
            length = self.taken_norm[replica]
        else:
            length = norm(self.state.gradients.buffer[replica])
        self.state.diverge(replica, step, float(length))

    def _over(self) -> bool:
        """Whether no replica is left to train."""
        going: tuple[Outcome | None, ...] = (None,)
        if self.spec.on_divergence == "continue":
            going = (None, "diverged")
        return not any(outcome in going for outcome in self.state.outcomes)

    def _halted(self) -> bool:
        return self._timed_out() or self.stop()

    def _timed_out(self) -> bool:
        return self.spec.time_limit is not None and self.state.seconds > self.spec.time_limit

    def _plan(self, left: int) -> int:
        """The next step's place in the plan, which is made anew at its end.

        left: steps left of the epoch. A schedule that watches is planned no further than
        that: what it will see there is not known yet.
        """
        done, stepper, kept = self.state.step, self.state.stepper, self.state.schedule
        if done not in self.planned:
            count = min(left if self.watched else self.steps - done, PLANNED_STEPS)
            t = np.arange(done + 1, done + 1 + count, dtype=np.float64)
            factors = self.cohort.schedule.factors(
                t, self.steps, self.batches.steps, kept, stepper.hyperparameter
            )
            stepper.plan(done + 1, count, factors)
            if self.decay:
                self.decay.plan(stepper.lr, factors.get("weight_decay", 1.0))
            self.planned = range(done, done + count)
        return done - self.planned.start

    def _steps(self, batches: Iterator[Batch], first: int, count: int, last: int) -> None:
        """Gradient and update, for `count` of the planned steps, or until time is up.

        first: the place of the first of them in the plan. last: of the steps of the epoch,
        which leaves its norms behind.
        """
        state, losses = self.state, self.state.losses
        transforms = self.regularize or self.clips
        gradient = self._gradient if self.spec.accumulate == 1 else self._accumulated
        deadline = self.clock() + self.every
        for k, batch in zip(range(first, first + count), batches, strict=False):
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
            if state.step == 0:
                state.begin(losses[at])
            if at + 1 == last and self.measures:
                self._last_step(k)
            else:
                if transforms:
                    self._transform()
                self._update(k)
            for oracle in self.oracles:
                state.oracle_evaluations[at + 1, oracle.replicas] = oracle.evaluations
            state.step += 1
            state.steps_in_epoch = at + 1
            if self.clock() > deadline:
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

    def _clips(self) -> Iterator[Callable[[], None]]:
        """What is done to the gradient once it is regularized, in this order."""
        spec, state = self.spec, self.state
        g = state.gradients.buffer
        if spec.centralize:
            yield Centralize(state.gradients.views.values())
        if spec.clip_value:
            yield ClipValue(spec.clip_value, g)
        if spec.clip_adaptive:
            views = (state.parameters.views, state.gradients.views)
            pairs = zip(*(each.values() for each in views), strict=True)
            yield ClipAdaptive(spec.clip_adaptive, pairs)
        if spec.clip_norm:
            yield ClipNorm(spec.clip_norm, g)
        if spec.gradient_noise:
            seeds = [replica.seed for replica in self.cohort.replicas]
            yield AddNoise(spec.gradient_noise, g, seeds, lambda: state.step)

    def _transform(self) -> None:
        """Regularize and clip the gradient."""
        if self.regularize:
            self.regularize()
        for clip in self.clips:
            clip()

    def _last_step(self, k: int) -> None:
        """The update of an epoch's last step, measured; the gradient's buffer then holds it."""
        x, g = self.state.parameters.buffer, self.state.gradients.buffer
        if self.regularize:
            self.regularize()
        self.gradient_norm = norm(g)
        for clip in self.clips:
            clip()
        if self.before is not None:
            np.copyto(self.before, x)
        self._update(k, measured=True)
        if self.before is not None:
            np.subtract(x, self.before, g)
        self.update_norm = norm(g)

    def _oracle(self, rows: slice, sources: list[Source]) -> Oracle:
        """The oracle for the optimizers of these replicas."""
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

    def _update(self, k: int, measured: bool = False) -> None:
        """Update the parameters, and the averages that follow them.

        measured: whether the optimizer's update is to be left in the gradient's buffer.
        """
        state = self.state
        if self.decay:
            self.decay(k)
        step = state.stepper.step
        if measured:
            self.taken_norm, step = norm(state.gradients.buffer), state.stepper.measured_step
        step(k, state.losses[state.steps_in_epoch])
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
        """End the epoch: losses and metrics, the best so far, early stopping."""
        state = self.state
        train_loss, train_metrics = self._as_seen()
        self._end_epoch()
        validation_loss, validation_metrics = self.validate() if self.validate else (None, {})

        finite = np.isfinite(train_loss) & np.isfinite(self.update_norm)
        if validation_loss is not None:
            finite &= np.isfinite(validation_loss)
        # without validation the last finite state is the model
        best = state.running & finite
        for replica in np.flatnonzero(best != state.running):
            self._diverge(int(replica), state.step)
        if validation_loss is not None:
            best &= validation_loss < state.best_loss
            state.best_loss[best] = validation_loss[best]
        rows = slice(None) if best.all() else best
        state.best[rows] = state.model.buffer[rows]
        state.best_statistics[rows] = state.model_statistics.buffer[rows]
        state.best_epoch[rows] = state.epoch

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
            validation=self.validate,
        )
        if self.watched:
            self.cohort.schedule.watch(state.schedule, self.watched(event))
        if self.monitor and self.spec.early_stopping:
            self._stop_early(self.monitor(event), self.spec.early_stopping)
        return event

    def _end_epoch(self) -> None:
        """Bring the model up to the last step, and count the epoch."""
        state = self.state
        self._refresh_model()
        state.oracle_evaluations[:1] = state.oracle_evaluations[state.steps_in_epoch :][:1]
        state.epoch += 1
        state.steps_in_epoch = 0

    def _refresh_model(self) -> None:
        """Bring `state.model` up to date, where it is not the parameters themselves."""
        state = self.state
        if state.stepper.averages:
            state.stepper.model(state.model.buffer)
        if state.average:
            state.average.measure(state.step)

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
