"""Config: from YAML, or a mapping, to checked specs.

    reading      text -> plain values, each with its line
    validation   values -> specs, every fault noted
    json_schema  the JSON Schema of it all, for editors

The specs' own annotations are the single source of keys, defaults and ranges.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from optcli.arrays import DTYPES
from optcli.config.reading import Document, Dumper, Key, parse, read
from optcli.config.validation import Faults, dotted, registered, said, spec, unknown
from optcli.data import split as splitting
from optcli.data.base import DATASETS, Dataset
from optcli.data.opening import at_home
from optcli.descent import Ground, Height, Point
from optcli.errors import Fault, InvalidInput
from optcli.losses.base import LOSSES, Loss
from optcli.metrics import METRICS, Metric, usual
from optcli.models import MODELS, Model
from optcli.objectives import OBJECTIVES, Objective
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.recording import named
from optcli.registry import Registry
from optcli.schedules import SCHEDULES, Schedule
from optcli.specs import Registered, Regularization, Split, Training, fields

__all__ = ["Config", "dump", "load", "portable", "schema"]

CHOSEN: dict[str, Registry[Any]] = {
    "dataset": DATASETS,
    "objective": OBJECTIVES,
    "model": MODELS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
PLAIN: dict[str, type[Any]] = {
    "split": Split,
    "regularization": Regularization,
    "training": Training,
}
SECTIONS = (
    "dataset",
    "objective",
    "split",
    "model",
    "loss",
    "optimizer",
    "schedule",
    "regularization",
    "training",
    "metrics",
    "seed",
    "dtype",
)
REQUIRED = ("dataset", "model", "loss", "optimizer")
# What an objective stands for, and what has no meaning beside one.
REPLACED = ("dataset", "model", "loss")
OF_ROWS = ("split", "regularization", "metrics")
OF_BATCHES = ("batch_size", "shuffle", "accumulate")
DEFAULTS: dict[str, Any] = {
    "split": {},
    "schedule": "constant",
    "regularization": {},
    "training": {},
    "metrics": None,
    "seed": 0,
    "dtype": "float32",
}


@dataclass(frozen=True)
class Config:
    """A checked config. metrics: None stands for the usual ones of the task.

    objective: where there is one, dataset, model and loss are made of it.
    """

    dataset: Dataset
    objective: Objective | None
    split: Split
    model: Model
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    regularization: Regularization
    training: Training
    metrics: tuple[Metric, ...] | None
    seed: int
    dtype: str
    document: Document = dataclasses.field(compare=False, repr=False)

    @property
    def title(self) -> str:
        """What the config is called: its file's name without the ending."""
        return Path(self.document.file).stem if self.document.file else "config"

    @property
    def default_batch(self) -> bool:
        """Whether the batch size is nobody's choice."""
        return "batch_size" not in (self.document.value.get("training") or {})

    def place(self, fault: Fault) -> Fault:
        """The same fault with file and line of its key, or of the nearest above it."""
        words = re.findall(r"[^.\[\]]+", fault.key or "")
        key = tuple(int(word) if word.isdecimal() else word for word in words)
        if fault.file is not None or not key or key[0] not in SECTIONS:
            return fault
        return _placed(self.document, key, fault.message)

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, defaults filled in, in the order of the sections."""
        values: dict[str, Any] = {}
        for section in SECTIONS:
            value = getattr(self, section)
            if section == "objective" and value is None:
                continue
            if self.objective is not None and section in (*REPLACED, *OF_ROWS):
                continue
            if section in CHOSEN:
                value = named(value)
            elif section in PLAIN:
                value = _keys(value)
                if value.get("steps") is not None:
                    del value["epochs"]  # they exclude each other
                if section == "training" and self.objective is not None:
                    value = {k: v for k, v in value.items() if k not in OF_BATCHES}
            elif section == "metrics" and value is not None:
                value = [named(metric) if fields(type(metric)) else metric.name for metric in value]
            if isinstance(self.dataset, Ground) and section == "objective":
                value["start"] = list(self.dataset.start)
            values[section] = value
        return values


def _keys(value: Any) -> dict[str, Any]:
    """The keys of a section, with all that they hold."""
    keys = dataclasses.asdict(value)
    chosen = {name: getattr(value, name) for name in keys}
    return keys | {k: named(each) for k, each in chosen.items() if isinstance(each, Registered)}


def load(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Read and check a config; raises InvalidInput with every fault, in file order.

    source: a YAML file's path, or a mapping. overrides: `KEY=VALUE`, the key
    dotted, the value YAML. A later one replaces an earlier one, and what excludes it, as
    `training.steps` and `training.epochs` do; null takes a key away, so that its default
    holds. A name alone, as in `optimizer=sgd`, replaces the whole section;
    `optimizer.name=sgd` changes the name and keeps the other keys, which must be keys of the
    new one, too. Paths are as seen from the config, or else from the current folder.
    """
    if not isinstance(source, Mapping | str | Path):
        raise InvalidInput(
            f"the config is {source!r:.60}; must be a YAML file's path, or a mapping"
        )
    if isinstance(overrides, str) or not all(isinstance(each, str) for each in overrides):
        raise InvalidInput(f"overrides: is {overrides!r:.60}; must be a list of KEY=VALUE texts")
    if isinstance(source, Mapping):
        document = Document(_plain(source))
        folder = Path()
    else:
        source = at_home(source)
        document = read(source)
        folder = source.parent
    _check_top(document)
    _override(document, overrides)
    faults = Faults()
    made = _build(document.value, faults)
    _check_unset(document, made, faults)
    _check_together(made, document.value, faults)
    if faults.found:
        found = sorted(faults.found, key=lambda fault: document.order(fault[0]))
        raise InvalidInput(*(_placed(document, key, message) for key, message in found))
    made["dataset"] = _resolved_path(made["dataset"], folder, document)
    made["split"] = _resolved_split(made["split"], folder, document)
    return Config(**made, document=document)


def _plain(value: Any) -> Any:
    """A mapping from Python, with lists for tuples and arrays, and text for paths."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _check_top(document: Document) -> None:
    value = document.value
    if isinstance(value, dict):
        return
    if value is None:
        message = "is empty; a config has the keys " + ", ".join(REQUIRED)
    else:
        what = "a list" if isinstance(value, list) else f"the text {said(value)}"
        message = f"is {what}, not a config; it begins with keys such as 'dataset:'"
    raise InvalidInput(Fault(message, file=document.file, line=1 if document.file else None))


# ---- overrides -----------------------------------------------------------------------


def _override(document: Document, overrides: Sequence[str]) -> None:
    """Apply `KEY=VALUE` settings to the document's value."""
    for setting in overrides:
        name, equals, text = setting.partition("=")
        if not equals or not all(name.split(".")):
            raise InvalidInput(Fault(f"is {setting!r}; must be KEY=VALUE", "--set"))
        if not text.strip():
            raise InvalidInput(Fault("has no value; write null for none", f"--set {name}"))
        try:
            value = parse(text).value
        except InvalidInput as error:
            raise InvalidInput(Fault(error.faults[0].message, f"--set {name}")) from error
        _put(document, tuple(name.split(".")), value)


# What a setting takes the place of: of two that exclude each other the later one counts.
EXCLUDED: dict[Key, list[Key]] = {
    ("training", "steps"): [("training", "epochs")],
    ("training", "epochs"): [("training", "steps")],
    ("objective",): [
        *((section,) for section in (*REPLACED, *OF_ROWS)),
        *(("training", key) for key in OF_BATCHES),
    ],
    ("dataset",): [("objective",)],
    ("dataset", "name"): [("objective",)],
}
# Sections within a section that may be given by their name alone.
BY_NAME = [("training", "average")]
# The ways to choose rows, by their keys; one takes the place of another.
WAYS = ({"column"}, {"group", "fraction"}, {"last"})


def _put(document: Document, key: Key, value: Any) -> None:
    """Set a key; null takes it away, so that its default holds."""
    at = document.value
    for depth, part in enumerate(key[:-1], 1):
        inner = at.get(part)
        if isinstance(inner, str) and (part in CHOSEN or key[:depth] in BY_NAME):
            inner = {"name": inner}
        if key[:depth] in (("split", "validation"), ("split", "test")):
            inner = _way(inner, str(key[-1]))
        if inner is None and value is None:
            break  # there is nothing to take away
        if inner is None:
            inner = {}
        if not isinstance(inner, dict):
            message = f"'{part}' is {said(inner)}, which has no keys"
            raise InvalidInput(Fault(message, f"--set {dotted(key)}"))
        at[part] = inner
        at = inner
    else:
        if value is None:
            at.pop(key[-1], None)
        else:
            at[key[-1]] = value
    document.settings.add(key)
    document.unset.discard(key)
    if value is None:
        document.unset.add(key)
        return
    for other in EXCLUDED.get(key if key[0] != "objective" else key[:1], ()):
        *above, last = other
        holder = document.value.get(above[0]) if above else document.value
        if isinstance(holder, dict):
            holder.pop(last, None)
        document.settings -= {each for each in document.settings if each[: len(other)] == other}


def _way(inner: Any, name: str) -> Any:
    """How the rows of a part are chosen, without the keys of another way than that of `name`."""
    own: set[str] = next((way for way in WAYS if name in way), set())
    if not own:
        return inner
    if isinstance(inner, dict):
        return {key: value for key, value in inner.items() if key in own}
    share = isinstance(inner, int | float) and not isinstance(inner, bool)
    return {"fraction": inner} if share and name == "group" else {}


def _check_unset(document: Document, made: Mapping[str, Any], faults: Faults) -> None:
    """What was taken away must be a key that could be there."""
    for key in sorted(document.unset):
        at: Any = made
        for depth, part in enumerate(key):
            if depth == 0:
                known = list(SECTIONS)
            elif dataclasses.is_dataclass(at) and key != ("objective", "start"):
                known = ["name", *(field.name for field in fields(type(at)))]
            else:
                break  # nothing stood there, or what has no fields
            if part not in known:
                faults.add(key, unknown(str(part), known))
                break
            at = at.get(part) if depth == 0 else getattr(at, str(part), None)


def _placed(document: Document, key: Key, message: str) -> Fault:
    """A fault with the setting it comes from, or with its file and line."""
    above = [key[:length] for length in range(len(key), 0, -1)]
    section = key[:-1]
    renamed = (*section, "name") in document.settings and key not in document.settings
    if renamed and message.startswith("unknown key"):
        message += f"; --set {dotted(section)}=NAME drops the keys of the former"
    if any(part in document.settings for part in above):
        return Fault(message, f"--set {dotted(key)}")
    for setting in sorted(document.settings):
        if setting[: len(key)] == key:
            return Fault(message, f"--set {dotted(setting)}")
    line = next((document.lines[part] for part in above if part in document.lines), None)
    if line is None and document.file:
        line = document.lines.get((), 1)
    return Fault(message, dotted(key), document.file, line)


# ---- checks --------------------------------------------------------------------------


def _build(value: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The specs of all sections; None where faults were noted."""
    on_objective = value.get("objective") is not None
    for section in REQUIRED:
        if on_objective and section in REPLACED:
            continue
        if value.get(section) is None:
            registry = CHOSEN[section]
            faults.add((section,), f"is missing (optcli list {registry.plural})")
    made: dict[str, Any] = {}
    for section in SECTIONS:
        given = value.get(section)
        if given is None:
            given = DEFAULTS.get(section)
        if on_objective and section in (*REPLACED, *OF_ROWS):
            made.setdefault(section)
            if value.get(section) is not None:
                faults.add((section,), _beside(section))
        elif given is None:
            made[section] = None
        elif section == "objective":
            made[section] = _objective(given, made, faults)
        elif section in CHOSEN:
            if section == "schedule" and isinstance(given, Mapping) and len(given) > 0:
                # a warm-up by itself is that of a constant rate
                given = given if given.keys() - {"warmup", "of"} else {"name": "constant", **given}
            made[section] = registered(CHOSEN[section], given, (section,), faults)
        elif section in PLAIN:
            made[section] = spec(PLAIN[section], given, (section,), faults)
        elif section == "metrics":
            made[section] = _metrics(given, faults)
        elif section == "seed":
            made[section] = _seed(given, faults)
        else:
            made[section] = _dtype(given, faults)
    elsewhere = {"lr": "optimizer.lr", "hidden": "model.hidden", "target": "dataset.target"} | {
        field.name: f"{section}.{field.name}"
        for section in reversed((*CHOSEN, *PLAIN))  # an optimizer's own key before all
        if made[section] is not None
        for field in fields(type(made[section]))
    }
    for key in value:
        if key not in SECTIONS:
            faults.add((key,), unknown(key, list(SECTIONS), elsewhere))
    if on_objective:
        _without_rows(made, value.get("training"), faults)
    return made


def _beside(section: str) -> str:
    """What to say of a section that has no place beside an objective."""
    if section in REPLACED:
        return "stands beside objective, which replaces it; give one of the two"
    return "does not go with objective, which has no rows"


def _objective(given: Any, made: dict[str, Any], faults: Faults) -> Any:
    """The objective; and the ground it makes, in the place of the data set."""
    start = None
    if isinstance(given, Mapping):
        start = given.get("start")
        given = {key: item for key, item in given.items() if key != "start"}
    objective = registered(OBJECTIVES, given, ("objective",), faults)
    if objective is None:
        return None
    if start is not None:
        numbers = isinstance(start, list) and all(
            isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)
            for x in start
        )
        if not numbers or len(start) != objective.size:
            message = f"is {said(start)}; must be a list of {objective.size} numbers"
            faults.add(("objective", "start"), message)
            return None
    begin = tuple(map(float, start or objective.start))
    made["dataset"] = Ground(objective=objective, start=begin)
    return objective


def _without_rows(made: dict[str, Any], training: Any, faults: Faults) -> None:
    """All that stands for data, where there is an objective instead."""
    for key in OF_BATCHES:
        if isinstance(training, Mapping) and key in training:
            faults.add(("training", key), _beside(key))
    ground = made["dataset"]
    if not isinstance(ground, Ground) or made["training"] is None:
        return
    made["split"], made["regularization"] = Split(validation=0.0), Regularization()
    made["model"] = Point(ground.objective, ground.start)
    made["loss"], made["metrics"] = Height(ground.objective), ground.metrics()
    made["training"] = replace(made["training"], batch_size="full", accumulate=1)


def _metrics(value: Any, faults: Faults) -> tuple[Any, ...] | None:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        faults.add(("metrics",), f"is {said(value)}; must be a list of names")
        return None
    metrics = tuple(
        registered(METRICS, item, ("metrics", i), faults) for i, item in enumerate(value)
    )
    names = [None if metric is None else metric.name for metric in metrics]
    for i, name in enumerate(names):
        if name is not None and name in names[:i]:
            faults.add(("metrics", i), f"'{name}' is named twice")
    return metrics


def _seed(value: Any, faults: Faults) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        faults.add(("seed",), f"is {said(value)}; must be a whole number in [0, 2^63)")
    return value  # type: ignore[no-any-return]


def _dtype(value: Any, faults: Faults) -> str:
    if not isinstance(value, str) or value not in DTYPES:
        faults.add(("dtype",), f"is {said(value)}; must be one of {', '.join(DTYPES)}")
    return value  # type: ignore[no-any-return]


def _check_together(made: dict[str, Any], value: dict[str, Any], faults: Faults) -> None:
    """What no section can know by itself, as far as the sections are right."""
    split, training = made["split"], made["training"]
    if split is not None:
        try:
            splitting.check(split)
        except InvalidInput as error:
            faults.take((), error)
    watched = made["schedule"] and made["schedule"].watches("train_loss")
    if watched:
        _check_monitor(watched, ("schedule", "monitor"), made, faults)
    if training is None:
        return
    given = value.get("training") or {}
    if training.steps is not None and "epochs" in given:
        faults.add(("training", "steps"), "stands beside epochs; give one of the two")
    if training.early_stopping is not None:
        key = ("training", "early_stopping", "monitor")
        _check_monitor(training.early_stopping.monitor, key, made, faults)


def _check_monitor(monitor: str, key: Key, made: dict[str, Any], faults: Faults) -> None:
    """Early stopping and schedules can only watch what is measured."""
    split, loss, metrics = made["split"], made["loss"], made["metrics"]
    if split is None or loss is None or None in (metrics or ()):
        return
    names = usual(loss.target, 1) if metrics is None else [metric.name for metric in metrics]
    parts = ("train",) if split.validation == 0 else ("train", "validation")
    known = [f"{part}_{name}" for part in parts for name in ("loss", *names)]
    if monitor not in known:
        message = f"is '{monitor}', which is not measured; must be one of {', '.join(known)}"
        faults.add(key, message)


# ---- paths ---------------------------------------------------------------------------


def _place(key: Key, path: str, folder: Path, document: Document) -> str:
    """A path as seen from the config's folder; one of a setting also from the current one."""
    home = at_home(path)
    inside, here = folder / home, home
    if key in document.settings or key[:1] in document.settings:
        for there in (inside, here, inside.parent, here.parent):
            with contextlib.suppress(OSError):  # of a name that is too long
                if there.exists():
                    return str(here if there in (here, here.parent) else inside)
    return str(inside)


def _resolved_path(dataset: Dataset, folder: Path, document: Document) -> Dataset:
    paths = {
        name: _place(("dataset", name), path, folder, document)
        for name in ("path", "cache")
        if (path := getattr(dataset, name, None)) is not None
    }
    return replace(dataset, **paths) if paths else dataset  # type: ignore[arg-type]


def _resolved_split(split: Split, folder: Path, document: Document) -> Split:
    parts = {
        name: _place(("split", name), part, folder, document)
        for name in ("validation", "test")
        if isinstance(part := getattr(split, name), str)
    }
    return replace(split, **parts) if parts else split  # type: ignore[arg-type]


def portable(config: Config, folder: Path) -> dict[str, Any]:
    """The resolved config, its paths written so that they resolve from `folder`."""
    values = config.resolved()
    if config.objective is None:
        values["dataset"] = _relative(values["dataset"], ["path", "cache"], folder)
        values["split"] = _relative(values["split"], ["validation", "test"], folder)
    return values


def dump(config: Config, folder: Path) -> str:
    """The resolved config as YAML, its paths written so that they resolve from `folder`."""
    values = portable(config, folder)
    sections = []
    for section, value in values.items():
        # in one line where there is little to say, else a line for each key
        short = isinstance(value, Mapping | list) and section not in ("dataset", "training")
        text = yaml.dump(
            {section: _listed(value)},
            Dumper=Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=88,
            default_flow_style=None if short else False,
        )
        sections.append(text)
    return "".join(sections)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a config, for editors."""
    from optcli.config.json_schema import of_config

    return of_config(SECTIONS, CHOSEN, PLAIN, REQUIRED, REPLACED, (*REPLACED, *OF_ROWS))


def _relative(section: dict[str, Any], names: list[str], folder: Path) -> dict[str, Any]:
    paths = {
        name: os.path.relpath(section[name], folder)
        for name in names
        if isinstance(section.get(name), str)
    }
    return section | paths


def _listed(value: Any) -> Any:
    """Tuples as the lists that YAML has."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
