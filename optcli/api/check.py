"""`check`: all of `train` but the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import DTYPES
from optcli.core.environment import environment
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import named
from optcli.data.checksum import checksum
from optcli.data.features import Feature
from optcli.data.preparation import Prepared
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import listed
from optcli.objectives.dataset import ObjectiveDataset
from optcli.objectives.model import unfit
from optcli.plugins import loading
from optcli.plugins.first_use import check_before_training
from optcli.training import Cohort, Replica
from optcli.training.checks import check as check_task
from optcli.training.model_file import Trained
from optcli.training.task import lengths, notes

if TYPE_CHECKING:
    from optcli.config import Config


@dataclass(frozen=True)
class Setup:
    """What a config comes to, once its data is read: all but the training."""

    config: Config
    cohort: Cohort
    data: Prepared

    @classmethod
    def of(cls, config: Config, rules: int = RULES) -> Setup:
        """Read and prepare the data, check that all fits; raises InvalidInput.

        rules: those by which the table is read.
        """
        with config.locating_faults():
            task = config.task()
            ground = config.dataset
            if isinstance(ground, ObjectiveDataset):
                if config.optimizer.needs_model:
                    raise InvalidInput(Fault(unfit(config.optimizer), "optimizer.name"))
                data = ground.prepared(DTYPES[config.dtype])
            else:
                data = task.prepare(task.table(rules))
            cohort = task.cohort([Replica(config.optimizer, data, config.seed)])
            check_task(cohort)
        check_before_training([config.optimizer])
        resolved = replace(config, training=cohort.training)
        if rules > 1:  # version 0.1 did not write down whether it streamed
            dataset = config.dataset.settled(streams=data.train.streamed)
            resolved = replace(resolved, dataset=dataset)
        if config.split.folds:  # which are over when this trains: nothing validates
            cohort = replace(cohort, training=replace(cohort.training, early_stopping=None))
        return cls(resolved, cohort, data)

    def ending(self, epochs: int) -> Setup:
        """The same, which ends after so many epochs."""
        training = replace(self.cohort.training, stop_after=epochs)
        return replace(self, cohort=replace(self.cohort, training=training))

    def describe(self) -> dict[str, dict[str, Any]]:
        """What would be trained, under a few headings."""
        if isinstance(self.config.dataset, ObjectiveDataset):
            return self._describe_descent(self.config.dataset)
        config, data, cohort = self.config, self.data, self.cohort
        architecture, encoder = cohort.architecture(), data.encoder
        steps, per_epoch = lengths(cohort)
        parts = {"training": data.train, "validation": data.validation, "test": data.test}
        columns = {feature.name: _becomes(feature, encoder.reading) for feature in encoder.features}
        if image := encoder.inputs.image:
            names = [feature.name for feature in encoder.features]
            pixels = "x".join(map(str, image))
            columns = {"image": f"{pixels}, from columns {names[0]} to {names[-1]}"}
        target: dict[str, Any] = {"columns": encoder.target.names, "kind": encoder.target.kind}
        if encoder.target.classes:
            classes = encoder.target.classes
            several = list(dict.fromkeys(classes))  # labels have the same two, as a rule
            same = len(several) == 1
            target["classes"] = classes[0] if same else [", ".join(c) for c in classes]
        layers = {
            step.name: f"{'x'.join(map(str, step.shape))} -> "
            f"{'x'.join(map(str, step.layer.output(step.shape)))}"
            for step in architecture.steps
        }
        facts: dict[str, dict[str, Any]] = {
            "rows": {name: len(part.x) for name, part in parts.items() if part is not None}
            | ({"dropped": data.dropped} if data.dropped else {}),
            "features": columns,
            "target": target,
            "model": layers | {"parameters": architecture.layout.size},
            "training": {
                "loss": config.loss.name,
                "optimizer": named(config.optimizer),
                "batch size": cohort.batch,
                "steps": f"{steps:,} ({per_epoch:,} per epoch)",
                "metrics": [metric.name for metric in cohort.metrics],
                "memory": f"{max(cohort.memory() / 1e6, 0.1):,.1f} MB",
            },
        }
        if said := notes(cohort):
            facts["notes"] = {str(n): text for n, text in enumerate(said, 1)}
        return facts

    def untrained(self) -> Trained:
        """The model, without parameters as yet."""
        config, nothing = self.config, np.empty(0, self.cohort.dtype)
        loss, encoder = self.cohort.loss, self.data.encoder
        return Trained(config.model, loss, encoder, config.dtype, nothing, nothing)

    def environment(self, title: str) -> dict[str, Any]:
        """What environment.json says; title: what the config is called."""
        threads = self.config.training.threads
        told = environment(threads, checksum(self.data))
        return {"config": title, **told, "plugins": loading.identity(self.config.resolved())}

    def _describe_descent(self, ground: ObjectiveDataset) -> dict[str, dict[str, Any]]:
        objective = ground.objective
        about = named(objective) | {"start": [f"{x:g}" for x in ground.start]}
        about["least value"] = f"{objective.lowest:g}"
        spec = {"optimizer": named(self.config.optimizer), "steps": lengths(self.cohort)[0]}
        return {"objective": about, "training": spec}


def _becomes(feature: Feature, reading: Reading) -> str:
    """What a column is to the model."""
    if feature.parts is not None:
        return f"date: {', '.join(part.name for part in feature.parts)}"
    if feature.categories is not None:
        return f"one of {len(feature.categories)}: {listed(feature.categories)}"
    written = reading.numeric.get(feature.name)
    return f"number, in {written.unit}" if written is not None and written.unit else "number"


def check(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, data: Any = None
) -> Setup:
    """All of `train` but the training; raises InvalidInput with all that is wrong.

    >>> import optcli
    >>> setup = optcli.check("configs/iris.yaml")
    >>> len(setup.data.train.x)
    90
    """
    from optcli import config as configs

    loaded = configs.load(config, overrides).with_data(data)
    require_trackers(loaded)
    return Setup.of(loaded)


def require_trackers(config: Config) -> None:
    """Raise InvalidInput for trackers of `training.log` whose package is not installed."""
    if config.training.log:
        from optcli.trackers import require

        with config.locating_faults():
            require(config.training.log)
