"""Problem: the entries of a comparison, what they train, and what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from optcli.comparison.held_out import Rows, rows_for
from optcli.comparison.trials import Measure, prepared
from optcli.comparison.tuning import Competitor
from optcli.core.errors import Fault, InvalidInput
from optcli.core.specs import fields
from optcli.metrics import METRICS
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.plugins.first_use import check_before_training
from optcli.training import Replica
from optcli.training.checks import check
from optcli.training.task import Task

if TYPE_CHECKING:
    from optcli.config import Config

# Least squares with features of very different scales: what is known is that no model is
# below the noise's variance, 0.01, but by chance; that SGD takes about as many steps as the
# condition number says, and that a rule with a rate for each parameter does not.
BUILT_IN: Mapping[str, Any] = {
    "dataset": {
        "name": "linear",
        "samples": 1000,
        "features": 10,
        "condition": 100,
        "noise": 0.1,
        "standardize": False,
    },
    "model": "linear",
    "loss": "mse",
    "optimizer": "sgd",
    "training": {"epochs": 10, "batch_size": 32},
}
KNOWN = (
    "built-in problem: least squares of condition number 100, 250 steps; the noise limits the "
    "loss to about 0.01; momentum and adaptive methods should come near it, plain SGD should not"
)


@dataclass(frozen=True)
class Problem:
    """Who takes part, by what they were made from, and what is to be said of it.

    configs: by label; under "" that of all. paths: the label of each config that was given by
    its path.
    """

    title: str
    entries: list[Competitor]
    configs: dict[str, Config]
    notes: list[str]
    paths: Mapping[str, str] = field(default_factory=dict)

    def config(self, label: str) -> Config:
        """What an entry was made from."""
        return self.configs.get(label) or self.configs[""]


def optimizers(
    words: Sequence[str], source: Any, overrides: Sequence[str], data: Any = None
) -> Problem:
    """Optimizers on one config, be it loaded; data: its table, where that is in memory."""
    given = source is not None
    config = _loaded(source if given else BUILT_IN, overrides).with_data(data)
    task = config.task()
    entries: list[Competitor] = []
    faults: list[Fault] = []
    for word in words:
        try:
            entry = _entry(word, task)
        except InvalidInput as error:
            faults += error.faults
            continue
        same = [e for e in entries if (e.optimizer, e.rates) == (entry.optimizer, entry.rates)]
        if same:
            first = same[0].label
            message = "is listed twice" if first == word else f"is the same as '{first}'"
            faults.append(Fault(message, word))
        entries.append(entry)
    if len(words) < 2:
        known = "optcli list optimizers"
        message = f"{len(words)} given; a comparison takes two or more ({known})"
        faults.append(Fault(message, parameter="entries"))
    if faults:
        raise InvalidInput(*faults)
    notes = [] if given else [KNOWN]
    own = config.optimizer
    names = [entry.optimizer.name for entry in entries]
    if given and own.name not in names:
        notes.append(f"ignoring the config's own optimizer, {own.name}")
    elif given and own not in [entry.optimizer for entry in entries]:
        notes.append(_unused(own))
    title = config.title if given else "built-in"
    return Problem(title, entries, {"": config}, notes)


def _loaded(source: Any, overrides: Sequence[str]) -> Config:
    """A config, unless it is one already. Raises InvalidInput."""
    from optcli import config as configs

    return source if isinstance(source, configs.Config) else configs.load(source, overrides)


def _entry(word: str, task: Task) -> Competitor:
    """`adam:lr=0.01|0.1,beta1=0.8` as an entry; raises InvalidInput."""
    from optcli.config import inline_spec

    alone, rates = inline_spec.without_list(word, "lr")
    optimizer = inline_spec.chosen(OPTIMIZERS, alone)
    fixed = inline_spec.given(alone)
    if rates:
        for rate in rates:
            inline_spec.chosen(OPTIMIZERS, f"{optimizer.name}:lr={rate}")
        return Competitor(word, task, optimizer, frozenset(fixed), tuple(map(float, rates)))
    if "lr" in fixed:
        return Competitor(word, task, optimizer, frozenset(fixed), (optimizer.lr,))
    return Competitor(word, task, optimizer, frozenset(fixed))


def _unused(own: Optimizer) -> str:
    """That a config's settings of an optimizer are not used, and how they would be."""
    changed = {
        field.name: getattr(own, field.name)
        for field in fields(type(own))
        if getattr(own, field.name) != field.default
    }
    if not changed:
        return f"the config's {own.name} settings (its defaults) are not used"
    said = ", ".join(f"{name} {value}" for name, value in changed.items())
    written = ",".join(f"{name}={value}" for name, value in changed.items())
    return (
        f"the config's {own.name} settings ({said}) are not used; "
        f"write {own.name}:{written} to use them"
    )


def whole(
    words: Sequence[str],
    overrides: Sequence[str],
    data: Any = None,
    sources: Sequence[Any] | None = None,
) -> Problem:
    """Whole configs, each with its own optimizer.

    data: their table, where that is in memory. sources: those of the words that are loaded.
    """
    loaded = [_loaded(source, overrides).with_data(data) for source in sources or words]
    titles = [config.title for config in loaded]
    labels = titles if len(set(titles)) == len(titles) else list(words)
    twice = next((word for i, word in enumerate(words) if word in words[:i]), None)
    if twice is not None:
        raise InvalidInput(Fault("is listed twice", twice))
    if len(words) < 2:
        message = f"{len(words)} config given; a comparison takes two or more, or optimizers"
        raise InvalidInput(Fault(message, parameter="entries"))
    first = loaded[0]
    for config, word in zip(loaded[1:], words[1:], strict=True):
        ours, theirs = first.dataset.rows_by(), config.dataset.rows_by()
        for name in {**ours, **theirs}:
            if ours.get(name) != theirs.get(name):
                message = (
                    f"is {theirs.get(name)!r}, in {words[0]} {ours.get(name)!r}; "
                    "must be equal, to compare on the same data"
                )
                raise InvalidInput(Fault(message, f"dataset.{name}", word))
        if config.split != first.split:
            message = f"differs from that of {words[0]}; must be equal, to give both the same rows"
            raise InvalidInput(Fault(message, "split", word))
    entries = [
        Competitor(label, replace(config.task(), seed=first.seed), config.optimizer, _fixed(config))
        for label, config in zip(labels, loaded, strict=True)
    ]
    title = "-".join(titles[:3])
    paths = dict(zip(words, labels, strict=True))
    return Problem(title, entries, dict(zip(labels, loaded, strict=True)), [], paths)


def _fixed(config: Config) -> frozenset[str]:
    """The hyperparameters that a config sets, but for the learning rate: they are kept."""
    section = config.document.value["optimizer"]
    return frozenset(section) - {"name", "lr"} if isinstance(section, Mapping) else frozenset()


MOST_KEYS = 4  # that differ between configs, in a note


def retuned(problem: Problem, rates: int, budget: int | None) -> list[str]:
    """What whole configs differ in, what of them is tuned, and what stays; nothing of optimizers.

    rates, budget: of `Budget`.
    """
    if "" in problem.configs:
        return []
    flat = {label: dict(_flat(c.resolved())) for label, c in problem.configs.items()}
    keys = dict.fromkeys(key for values in flat.values() for key in values)
    values = {key: [str(own.get(key, "-")) for own in flat.values()] for key in keys}
    differing = {key: own for key, own in values.items() if len(set(own)) > 1}
    parts = [f"{key} ({', '.join(own)})" for key, own in differing.items()]
    if len(parts) > MOST_KEYS:
        parts[MOST_KEYS:] = [f"{len(parts) - MOST_KEYS} more keys"]
    rate = ", ".join(f"{e.label}: {e.optimizer.lr:g}" for e in problem.entries)
    around = f"learning rates retuned around each config's own ({rate})"
    if budget is not None:
        said = f"{around}, and hyperparameters that a config does not set"
    else:
        said = around if rates > 1 else "each keeps its learning rate"
    return [
        f"the configs differ in {', '.join(parts)}" if parts else "the configs do not differ",
        f"{said}; all else is as the configs have it",
    ]


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a config, dotted, with their values."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def with_held_out(problem: Problem) -> tuple[Problem, Rows]:
    """The problem with the rows that the verdict is on, and which those are."""
    found, notes, entries, configs = {}, [], [], dict(problem.configs)
    for entry in problem.entries:
        config = problem.config(entry.label)
        if config.split.folds:
            message = f"is {config.split.count}; a comparison draws other rows for every seed; "
            message += "set split.validation in its place"
            raise InvalidInput(config.locate(Fault(message, "split.folds")))
        given = "test" in (config.document.value.get("split") or {})
        task, rows, note = rows_for(entry.task, given)
        if note and task is not entry.task:
            try:
                prepared(task, None)
            except InvalidInput:  # as with classes of too few rows for three parts
                task, rows, note = rows_for(entry.task, True)
                note = f"the table is too small for a test part; {note.partition(': ')[2]}"
        entries.append(replace(entry, task=task))
        key = entry.label if entry.label in configs else ""
        configs[key] = replace(config, split=task.split)
        found[rows] = entry.label
        notes.append(note)
    if len(found) > 1:
        message = "some configs have test rows, others none; set split.test in all or in none"
        raise InvalidInput(Fault(message, "split.test"))
    notes = [note for note in dict.fromkeys(notes) if note]
    notes = [*problem.notes, *notes]
    return replace(problem, entries=entries, configs=configs, notes=notes), next(iter(found))


def measure(problem: Problem, metric: str | None, rows: Rows, at: str) -> tuple[Measure, list[str]]:
    """What is compared, and the columns of the histories; raises InvalidInput."""
    columns: dict[str, None] = {}
    shared: set[str] | None = None
    sizes: dict[tuple[int, ...], str] = {}
    for entry in problem.entries:
        with problem.config(entry.label).locating_faults():
            data = prepared(entry.task, None)
            names = [m.name for m in entry.task.measures(data)]
            check(entry.task.cohort([Replica(entry.optimizer, data, entry.task.seed)]))
            if entry.task.training.time_limit is not None:
                # the clock is that of all that train together: a slow optimizer would cost others
                message = f"is {entry.task.training.time_limit:g}; a comparison counts steps"
                raise InvalidInput(Fault(f"{message}; must be null", "training.time_limit"))
        columns |= dict.fromkeys(names)
        shared = set(names) if shared is None else shared & set(names)
        sized = (data.train, data.validation, data.test)
        sizes.setdefault(tuple(0 if p is None else len(p.x) for p in sized), entry.label)
    check_before_training(entry.optimizer for entry in problem.entries)
    if len(sizes) > 1:
        (one, first), (two, second) = list(sizes.items())[:2]
        message = f"{one} rows to train, validate and test, in {second} {two}; must be equal"
        raise InvalidInput(Fault(message, first))
    names = ["loss", *columns]
    parts = ["train", "validation", *(["test"] if rows != "validation" else [])]
    found = [f"{part}_{name}" for part in parts for name in names]
    if metric is not None:
        metric = metric.removeprefix("validation_").removeprefix("test_")
    if metric in (None, "loss"):
        losses = {entry.task.loss for entry in problem.entries}
        if len(losses) > 1:
            said = ", ".join(dict.fromkeys(e.task.loss.name for e in problem.entries))
            raise InvalidInput(_unlike(f"the losses differ ({said})", shared))
        if len({_scaled(entry.task) for entry in problem.entries}) > 1:
            reason = "the losses are in different units (dataset.standardize differs)"
            raise InvalidInput(_unlike(reason, shared))
        return Measure(rows=rows, at=at), found
    if metric not in (shared or set()):
        listed = ", ".join(["loss", *sorted(shared or ())])
        raise InvalidInput(Fault(f"is '{metric}'; must be one of {listed}", parameter="metric"))
    return Measure(metric, METRICS.find(metric).higher_is_better, rows, at), found


def _unlike(reason: str, shared: set[str] | None) -> Fault:
    """That the losses cannot be compared, and what can."""
    common = ", ".join(sorted(shared or ())) or "none is shared; set metrics"
    return Fault(f"is missing; {reason}, so compare a metric: {common}", parameter="metric")


def _scaled(task: Task) -> bool:
    """Whether the loss is in units of the target's deviation."""
    return task.loss.scales_target and task.dataset.standardize
