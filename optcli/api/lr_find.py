"""`lr_find`: a learning-rate range test of a config, and the rate that it suggests.

found = optcli.lr_find("configs/iris.yaml")
found.suggestion.lr, found.reason, found.plot()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.api.check import Setup
from optcli.core.environment import blas_threads
from optcli.core.errors import Fault, InvalidInput
from optcli.core.html_table import html_table
from optcli.core.randomness import generator
from optcli.core.specs import fields
from optcli.schedules.constant import Constant
from optcli.storage import outputs
from optcli.training import Replica
from optcli.training.checks import check as check_cohort
from optcli.training.range_test import RangeTest, Rates, Suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.config import Config

SEEDS = 5
MOST_SEEDS, MOST_STEPS, LEAST_STEPS = 100, 10_000, 20


@dataclass(frozen=True, repr=False)
class LearningRateTest:
    """A finished range test.

    title: what the config is called. optimizer, lr: its own. rates: that were tested. test: what
    was measured. notes: sentences worth saying. written: the config file that `write` changed.
    """

    title: str
    optimizer: str
    lr: float
    rates: Rates
    test: RangeTest
    notes: tuple[str, ...]
    written: Path | None = None

    @property
    def suggestion(self) -> Suggestion | None:
        """The suggested rate `lr`, and the interval `low` to `high`; None where no loss fell."""
        return self.test.suggestion

    @property
    def reason(self) -> str:
        """Why that rate, in a sentence."""
        return self.test.reason

    def plot(self) -> Figure:
        """The median loss by learning rate with the band of all seeds, as a matplotlib figure."""
        from optcli.plots.range_test import range_test

        return range_test(self.test, self.title)

    def __repr__(self) -> str:
        found = self.suggestion
        return f"<LearningRateTest {self.title}: {found.lr if found else 'no suggestion'}>"

    def _repr_html_(self) -> str:
        """The suggestion as a table, for a notebook."""
        found = self.suggestion
        cells = [f"{x:.2g}" for x in (found.lr, found.low, found.high)] if found else ["-"] * 3
        headings = ["learning rate", "from", "to"]
        return html_table(self.title, headings, [cells], [self.reason, *self.notes])


def lr_find(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    min_lr: float = Rates.lowest,
    max_lr: float = Rates.highest,
    steps: int = Rates.steps,
    seeds: int = SEEDS,
    write: bool = False,
    data: Any = None,
    stop: Callable[[], bool] = lambda: False,
) -> LearningRateTest:
    """Train with a learning rate that grows from step to step, and suggest one.

    config, overrides, data: as for `train`. min_lr, max_lr: the first rate and the last; it grows
    geometrically over `steps` steps, for each of so many seeds. write: set `optimizer.lr` in the
    config file to the suggestion, where there is one; all else in the file stays. stop: called
    several times a second; true ends the test.

    Raises InvalidInput with all that is wrong: an optimizer without a learning rate among it.

        >>> import optcli
        >>> found = optcli.lr_find("configs/iris.yaml", seeds=3, steps=100)
        >>> found.suggestion.lr
        0.004
    """
    from optcli import config as configs

    rates = _rates(min_lr, max_lr, steps, seeds)
    loaded = configs.load(config, overrides).with_data(data)
    file = _file(loaded, overrides) if write else None
    _check_optimizer(loaded)
    setup = Setup.of(loaded)
    cohort = replace(setup.cohort, replicas=_replicas(setup, seeds))
    check_cohort(replace(cohort, schedule=Constant()))
    with blas_threads(loaded.training.threads):
        test = RangeTest.of(cohort, rates, stop)
    lr, name = loaded.optimizer.lr, loaded.optimizer.name
    found = LearningRateTest(loaded.title, name, lr, rates, test, _notes(setup, test))
    if file is None or test.suggestion is None:
        return found
    _write(file, test.suggestion.lr)
    return replace(found, written=file)


def _rates(low: float, high: float, steps: int, seeds: int) -> Rates:
    """The rates to test; raises InvalidInput for what cannot be."""
    faults = []
    if not 1e-12 <= low < 1e6:
        faults.append(Fault(f"is {low:g}; must be from 1e-12 to below 1e6", parameter="min_lr"))
    elif not 10 * low <= high <= 1e6:
        message = f"is {high:g}; must be at least 10 times {low:g}, and at most 1e6"
        faults.append(Fault(message, parameter="max_lr"))
    if not LEAST_STEPS <= steps <= MOST_STEPS:
        message = f"is {steps}; must be {LEAST_STEPS} to {MOST_STEPS:,}"
        faults.append(Fault(message, parameter="steps"))
    if not 1 <= seeds <= MOST_SEEDS:
        faults.append(Fault(f"is {seeds}; must be 1 to {MOST_SEEDS}", parameter="seeds"))
    if faults:
        raise InvalidInput(*faults)
    return Rates(low, high, steps)


def _check_optimizer(config: Config) -> None:
    """Raise InvalidInput for an optimizer whose lr is no learning rate."""
    optimizer = type(config.optimizer)
    if optimizer.lr_is_rate:
        return
    meaning = next(field.doc for field in fields(optimizer) if field.name == "lr")
    message = f"is {optimizer.name}, which has no learning rate to find: its lr is the {meaning}"
    raise InvalidInput(config.locate(Fault(message, "optimizer.name")))


def _replicas(setup: Setup, seeds: int) -> list[Replica]:
    """Replicas on the config's rows, each with an initialization and an order of its own."""
    own = setup.cohort.replicas[0]
    first = setup.config.seed
    numbers = [int(generator(first, "lr-find", i).integers(2**31)) for i in range(seeds)]
    return [replace(own, seed=number) for number in numbers]


def _notes(setup: Setup, test: RangeTest) -> tuple[str, ...]:
    """What of the config does not hold for the test."""
    config, found = setup.config, []
    if not isinstance(config.schedule, Constant) or config.schedule.warmup:
        found.append(
            f"the test replaces the schedule ({config.schedule.name}), "
            "which multiplies the suggested rate in training"
        )
    if config.training.average is not None:
        found.append("the test leaves the average of the parameters out")
    finite = np.where(np.isfinite(test.losses), test.losses, 0)
    if test.losses.shape[1] > 1 and (finite == finite[:, :1]).all():
        found.append("all seeds gave the same losses: nothing in this config is random")
    return tuple(found)


def _file(config: Config, overrides: Sequence[str]) -> Path:
    """The file to write the rate into; raises InvalidInput where that would mislead."""
    if config.document.file is None:
        message = "the config is a mapping, not a file; set its optimizer's lr"
        raise InvalidInput(Fault(message, parameter="write"))
    others = [text for text in overrides if text.partition("=")[0] not in ("seed", "dataset.cache")]
    if others:
        message = f"the file does not have {', '.join(others)}, for which the rate would be"
        raise InvalidInput(Fault(f"{message}; write that into it first", parameter="write"))
    path = Path(config.document.file)
    outputs.check(str(path))
    from optcli.config.editing import with_hyperparameter

    with_hyperparameter(path, "optimizer", "lr", config.optimizer.lr)  # that it can be done
    return path


def _write(path: Path, lr: float) -> None:
    from optcli.config.editing import with_hyperparameter

    outputs.write(str(path), with_hyperparameter(path, "optimizer", "lr", lr))


def summary(found: LearningRateTest) -> dict[str, Any]:
    """What it came to, as plain values."""
    suggestion = found.suggestion
    return {
        "config": found.title,
        "optimizer": found.optimizer,
        "lr": found.lr,
        "suggested": None if suggestion is None else suggestion.lr,
        "interval": None if suggestion is None else [suggestion.low, suggestion.high],
        "reason": found.reason,
        "rates": dataclasses.asdict(found.rates),
        "seeds": found.test.losses.shape[1],
        "diverged": list(found.test.diverged),
        "notes": list(found.notes),
        "written": None if found.written is None else str(found.written),
    }
