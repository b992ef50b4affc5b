"""What summary.json says of a finished study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from optcli.comparison.equal_costs import evaluations_of_a_step, obstacle, planned, shares
from optcli.comparison.held_out import FRESH
from optcli.comparison.ranking import ALONE, Family, Ranking, Standing, median_interval, rank
from optcli.comparison.signed_rank import Pair
from optcli.comparison.signed_rank import pair as paired
from optcli.comparison.study import Study
from optcli.comparison.targets import band, expected_steps
from optcli.comparison.trials import Measure, TrialResult, prepared
from optcli.comparison.tuning import Competitor
from optcli.comparison.verdict import sentence
from optcli.optimizers.base import Optimizer

VERSION = 2  # of comparisons: 1 measured its verdict on the rows that chose the epoch


def summary(
    study: Study, step_times: Mapping[str, float | None], family: Family = ALONE
) -> dict[str, Any]:
    """What summary.json says: everyone, best first; all pairs; the verdict.

    family: the claims that those made here hold together with. step_times: of a step, by label,
    relative to SGD; None where it does not repeat. Numbers are as they were measured; what
    diverged is null once it is JSON.

    Each optimizer has `gradient_evaluations`, the median of its final runs, of which a forward and
    a backward pass over the rows of one batch is one, and `gradient_evaluations_per_step`.
    `at_equal_gradient_evaluations` and `at_equal_time` are null unless one entry costs over 1.5
    times the cheapest, and the costs of all are known; else `costs` (of a step, relative to the
    cheapest), `steps` (after which each is cut), `pairs` (as above), `verdict` (a sentence) and
    `note`. Where histories cannot tell, `pairs` is empty, `verdict` null, and `note` says why.
    """
    measure = study.measure
    entries = {entry.label: entry for entry in study.entries}
    runs = {label: study.final(label, study.chosen[label]) for label in entries}
    found = rank({label: _finalists(study, label) for label in entries}, family)
    settings = {label: _setting(study, label, study.chosen[label]) for label in entries}
    evaluations = {label: evaluations_of_a_step(study, label) for label in entries}
    rivals = {
        label: [_setting(study, label, own) for own in study.finalists[label]]
        for label in entries
        if study.tuned(label)
    }
    return {
        "version": VERSION,
        "quantity": measure.quantity,
        "at": measure.at,
        "rows": measure.rows,
        "row_counts": _row_counts(study),
        "higher_is_better": measure.higher,
        "seeds": study.budget.seeds,
        "tune_seeds": study.budget.tuning_seeds,
        "finalists": study.budget.finalists,
        "correction": found.correction,
        "reference": found.reference,
        "trials": study.runs,
        "stopped_early": _stopped(study),
        "extended": sorted(study.extended),
        "edge": sorted(filter(study.on_edge, entries)),
        "target": study.targets[0] if study.targets else None,
        "targets": list(study.targets),
        "resolution": {label: measure.course(own[0])[0][1:2] for label, own in runs.items()},
        "optimizers": [
            _one(study, entries[standing.label], standing, runs[standing.label])
            | {
                "step_cost": step_times.get(standing.label),
                "gradient_evaluations_per_step": evaluations[standing.label],
            }
            for standing in found.standings
        ],
        "pairs": [
            _pair(a, b, own, measure) | {"steps": _pairs_of_steps(study, a, b, found.correction)}
            for (a, b), own in found.pairs.items()
        ],
        "verdict": verdict(found, settings, measure, rivals),
        "at_equal_gradient_evaluations": _at_equal(
            study, "gradient evaluations", evaluations, family, settings, rivals
        ),
        "at_equal_time": _at_equal(study, "time", step_times, family, settings, rivals),
        "note": "; ".join(filter(None, [diverged_at_once(runs), varied(study)])),
    }


def _row_counts(study: Study) -> dict[str, int]:
    """How many rows train, validate, and are measured for the verdict, with each seed."""
    data = prepared(study.entries[0].task, None)
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    counts = {name: 0 if part is None else len(part.x) for name, part in parts.items()}
    if study.measure.rows == "fresh":
        measured = max(FRESH, counts["train"])
    else:
        measured = counts[study.measure.rows]
    return {"train": counts["train"], "validation": counts["validation"], "measured": measured}


def _at_equal(
    study: Study,
    unit: str,
    costs: Mapping[str, float | None],
    family: Family,
    settings: Mapping[str, str],
    rivals: Mapping[str, Sequence[str]],
) -> dict[str, Any] | None:
    """What is said at equal costs of all, or None where they cost about the same.

    costs: of a step, by label; gradient evaluations are weighed by the rows of a batch.
    """
    known = {label: cost for label in study.tasks if (cost := costs.get(label))}
    if len(known) < len(study.tasks):
        return None
    lengths = {label: planned(study, label) for label in known}
    if unit != "time":
        known = {label: cost * lengths[label].rows for label, cost in known.items()}
    cut = shares(known, {label: length.steps for label, length in lengths.items()})
    if cut is None:
        return None
    least = min(known.values())
    relative = {label: cost / least for label, cost in known.items()}
    why = obstacle(study, lengths, cut)
    said: dict[str, Any] = {"costs": relative, "steps": cut, "pairs": [], "verdict": None}
    if why is not None:
        return said | {"note": why}
    values = {
        label: [
            [study.measure.cut(result, steps) for result in study.final(label, optimizer)]
            for optimizer in study.finalists[label]
        ]
        for label, steps in cut.items()
    }
    found = rank(values, family)
    listed = ", ".join(f"{label} {steps} steps" for label, steps in cut.items())
    sentence = verdict(found, settings, study.measure, rivals)
    return said | {
        "pairs": [_pair(a, b, own, study.measure) for (a, b), own in found.pairs.items()],
        "verdict": f"at equal {unit} ({listed}): {sentence}",
        "note": "learning rates are those tuned for all steps",
    }


def _stopped(study: Study) -> dict[str, Any] | None:
    """How many runs the early stopping of their config ended, by what patience; None if none."""
    ended = [r.outcome for r in study.store.results.values()].count("stopped_early")
    rules = [entry.task.training.early_stopping for entry in study.entries]
    patience = sorted({rule.patience for rule in rules if rule is not None})
    return {"runs": ended, "patience": patience} if ended else None


def verdict(
    found: Ranking,
    settings: Mapping[str, str],
    measure: Measure,
    rivals: Mapping[str, Sequence[str]],
) -> str:
    """The sentence, with what each is set to; the first letter as it is."""
    return sentence(found, settings, quantity=measure.words, higher=measure.higher, rivals=rivals)


def diverged_at_once(runs: Mapping[str, Sequence[TrialResult]]) -> str:
    """How many runs diverged at their first step, which no learning rate mends."""
    everyone = [result for own in runs.values() for result in own]
    count = sum(result.outcome == "diverged" and result.steps == 1 for result in everyone)
    if not count:
        return ""
    return (
        f"{count} of {len(everyone)} final runs diverged at the first step, where the loss or "
        "its gradient was not finite whatever the learning rate"
    )


def varied(study: Study) -> str:
    """What differed from seed to seed, and what the verdict is about."""
    tasks = [entry.task for entry in study.entries]
    split = tasks[0].split
    differed = {
        "initialization": any(getattr(task.model, "init", None) != "zeros" for task in tasks),
        "batch order": any(
            task.training.shuffle and task.training.batch_size != "full" for task in tasks
        ),
        "dropout": any(getattr(task.model, "dropout", 0) for task in tasks),
        "gradient noise": any(task.training.gradient_noise for task in tasks),
        "split": not study.fixed_split and any(map(_at_random, (split.validation, split.test))),
        "test rows": not study.fixed_split and study.measure.rows == "fresh",
    }
    things = [thing for thing, it_did in differed.items() if it_did]
    if not things:
        return (
            "no initialization, batch order or split differed from seed to seed; "
            "intervals and p-values do not cover such variation"
        )
    listed = " and ".join(filter(None, [", ".join(things[:-1]), things[-1]]))
    return (
        f"each seed had its own {listed}, the same for all; "
        "this is about these settings on this data"
    )


def _at_random(part: Any) -> bool:
    """Whether chance has a say in which rows a part of the split gets."""
    return "group" in part if isinstance(part, Mapping) else not isinstance(part, str) and part > 0


def _values(results: Sequence[TrialResult], measure: Measure) -> list[float]:
    return [measure.of(result) for result in results]


def _finalists(study: Study, label: str) -> list[list[float]]:
    """The values of the final runs of each finalist, the chosen one first."""
    return [_values(study.final(label, o), study.measure) for o in study.finalists[label]]


def _setting(study: Study, label: str, optimizer: Optimizer) -> str:
    """What to name an entry's setting with: its learning rate, and more where more was tuned."""
    entry = next(entry for entry in study.entries if entry.label == label)
    changed = {
        name: value
        for name, value in asdict(optimizer).items()
        if value != getattr(entry.optimizer, name) and name != "lr"
    }
    known = len(entry.rates) == 1  # the label has it
    words = [] if known else [f"lr {optimizer.lr:.3g}"]
    return ", ".join(words + [f"{name} {value:.3g}" for name, value in changed.items()])


def _one(
    study: Study, entry: Competitor, standing: Standing, results: Sequence[TrialResult]
) -> dict[str, Any]:
    label, measure = entry.label, study.measure
    optimizer = study.chosen[label]
    default = study.final(label, entry.optimizer)
    steps = _steps(study, results)
    return {
        "label": label,
        "optimizer": optimizer.name,
        "hyperparameters": asdict(optimizer),
        "default": _level(_values(default, measure), measure)
        | {"hyperparameters": asdict(entry.optimizer)},
        **_level(standing.values, measure),
        "rank": standing.rank,
        "tied_with": list(standing.tied_with),
        "metrics": _medians(results),
        "test": _tests(results),
        "gradient_evaluations": _median([result.gradient_evaluations for result in results]),
        "steps_to_target": next(iter(steps), None),
        "steps_to_targets": steps,
        "finalists": [_finalist(study, label, own) for own in study.finalists[label]],
        "learning_rates": _rates(study, label),
        "band": _band(study, label),
    }


def _level(values: Sequence[float], measure: Measure) -> dict[str, Any]:
    """The median with its interval, as measured."""
    middle = median_interval(values)
    low, high = sorted((measure.signed(middle.low), measure.signed(middle.high)))
    return {
        "median": measure.signed(middle.median),
        "ci_low": low,
        "ci_high": high,
        "values": [measure.signed(value) for value in values],
        "diverged": sum(map(math.isinf, values)),
    }


def _medians(results: Sequence[TrialResult]) -> dict[str, float]:
    """The median of each validation column at the best epoch, of the runs that did not diverge."""
    names = [name for name in results[0].history if name.startswith("validation_")]
    return {name: _median([result.measured(name) for result in _ended(results)]) for name in names}


def _tests(results: Sequence[TrialResult]) -> dict[str, float] | None:
    """The same of what was measured on the test rows, or None."""
    names = list(results[0].test)
    return {n: _median([r.test[n] for r in _ended(results)]) for n in names} or None


def _ended(results: Sequence[TrialResult]) -> list[TrialResult]:
    return [result for result in results if result.outcome != "diverged"]


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return median_interval(finite).median if finite else math.nan


def _finalist(study: Study, label: str, optimizer: Optimizer) -> dict[str, Any]:
    """One of the best settings: its tuning mean and what its final runs gave."""
    values = _values(study.final(label, optimizer), study.measure)
    tuned = study.means(label)[optimizer] if study.tuned(label) else math.nan
    return {
        "lr": optimizer.lr,
        "hyperparameters": asdict(optimizer),
        "tuning_mean": study.measure.signed(tuned),
        **_level(values, study.measure),
    }


def _steps(study: Study, results: Sequence[TrialResult]) -> list[dict[str, Any]]:
    """For each target, the steps to it: median and interval, and how many seeds reached it."""
    found = []
    taken = [result.steps for result in results]
    for number, target in enumerate(study.targets):
        values = [study.store.target[result.trial][number] for result in results]
        middle = median_interval(values)
        found.append(
            {
                "target": target,
                "median": middle.median,
                "ci_low": middle.low,
                "ci_high": middle.high,
                "values": values,
                "reached": sum(map(math.isfinite, values)),
                "expected": expected_steps(values, taken),
            }
        )
    return found


def _pairs_of_steps(study: Study, a: str, b: str, m: float) -> list[dict[str, Any]]:
    """For each target, whether one reaches it in fewer steps: the paired test on their logs.

    No verdict where more than half of the seeds tie, as they do where few evaluations are made.
    """
    found = []
    for number, target in enumerate(study.targets):
        steps = {
            label: [
                study.store.target[result.trial][number]
                for result in study.final(label, study.chosen[label])
            ]
            for label in (a, b)
        }
        ties = sum(one == other for one, other in zip(steps[a], steps[b], strict=True))
        ours, theirs = ([math.log(taken) for taken in steps[label]] for label in (a, b))
        tested = paired(ours, theirs, m)
        decided = 2 * ties <= len(steps[a])
        found.append(
            {
                "target": target,
                "ratio": math.exp(tested.difference) if math.isfinite(tested.difference) else None,
                "p_value": tested.p_value,
                "ties": ties,
                "verdict": tested.verdict if decided else "tied",
            }
        )
    return found


def _rates(study: Study, label: str) -> list[dict[str, Any]]:
    """What was tried: each learning rate with its tuning mean and how many seeds diverged."""
    if not study.tuned(label):
        return []
    rows = []
    for optimizer in study.tried[label]:
        values = [study.measure.tuning(result) for result in study.tuning(label, optimizer)]
        finite = [study.measure.signed(value) for value in values if math.isfinite(value)]
        rows.append(
            {
                "lr": optimizer.lr,
                "hyperparameters": asdict(optimizer),
                "mean": math.fsum(finite) / len(finite) if finite else math.nan,
                "values": [study.measure.signed(value) for value in values],
                "diverged": len(values) - len(finite),
                "chosen": optimizer == study.chosen[label],
                "finalist": optimizer in study.finalists[label],
            }
        )
    return sorted(rows, key=lambda row: float(row["lr"]))


def _band(study: Study, label: str) -> dict[str, float] | None:
    """How wide the learning rates that are nearly the best lie, in decades."""
    if not study.tuned(label) or study.budget.settings is not None:
        return None
    means = {optimizer.lr: mean for optimizer, mean in study.means(label).items()}
    starts = study.starts(label)
    found = band(means, _median(starts)) if starts else None
    if found is None:
        return None
    return {"low": found.low, "high": found.high, "decades": found.decades}


def _pair(a: str, b: str, pair: Pair, measure: Measure) -> dict[str, Any]:
    low, high = sorted((measure.signed(pair.ci_low), measure.signed(pair.ci_high)))
    return {
        "a": a,
        "b": b,
        "difference": measure.signed(pair.difference),
        "ci_low": low,
        "ci_high": high,
        "p_value": pair.p_value,
        "better_in": pair.better_in,
        "verdict": pair.verdict,
        "diverged": list(pair.diverged),
        "finalists": list(pair.finalists),
    }
