"""Summary: trials.csv, and what summary.json says of a search."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optcli.core.errors import InvalidInput
from optcli.tuning import importance
from optcli.tuning.candidates import Candidate
from optcli.tuning.scores import best_epochs, median
from optcli.tuning.search import Scored, Search

if TYPE_CHECKING:
    from optcli.config.settings import Axis

VERSION = 1
TRIALS = "trials.csv"
HEAD = ("trial", "rank", "round", "epochs", "runs", "outcome")
TAIL = ("score", "standard_error", "best_epoch", "first_score")
EDGE = 0.03  # share of a range within which a value lies on its edge


def trials(search: Search, axes: Sequence[Axis]) -> bytes:
    """The table of all settings in the order in which they were drawn, in full precision.

    score: the mean over the runs of the setting's last round; first_score: of the first round,
    which all have in common.
    """
    from optcli.config.writing import flow

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *(axis.key for axis in axes), *TAIL])
    first = search.plan[0]
    for own in sorted(search.scored, key=lambda own: own.candidate.number):
        values = [own.candidate.values[axis.key] for axis in axes]
        epochs = best_epochs(own.results)
        writer.writerow(
            [
                own.candidate.number,
                own.rank,
                own.round.number,
                own.round.epochs(search.lengths[own.candidate.number]),
                len(own.results),
                "diverged" if own.diverged else "finished",
                *(repr(v) if isinstance(v, int | float) else flow(v) for v in values),
                _cell(search.measure.signed(own.score) if not own.diverged else None),
                _cell(standard_error(own.values)),
                median(epochs) if epochs else "",
                _cell(_finite(search.measure.signed(search.score(first, own.candidate)))),
            ]
        )
    return text.getvalue().encode()


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None for a single value, or where one diverged."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values) / math.sqrt(len(values))


def summary(search: Search, axes: Sequence[Axis], title: str, budget: int) -> dict[str, Any]:
    """What summary.json says, but for the model and its test score."""
    measure = search.measure
    best = search.scored[0]
    split = best.candidate.config.split
    found: dict[str, Any] = {
        "version": VERSION,
        "outcome": "diverged" if best.diverged else "completed",
        "config": title,
        "metric": measure.metric,
        "quantity": f"validation_{measure.metric}",
        "higher_is_better": measure.higher,
        "budget": budget,
        "settings": len(search.candidates),
        "runs": search.runs,
        "folds": split.count or None,
        "rounds": [
            {
                "settings": len(settings),
                "epochs": max(each.epochs(search.lengths[own.number]) for own in settings),
                "repeats": each.repeats,
                "diverged": sum(not math.isfinite(search.score(each, own)) for own in settings),
            }
            for each, settings in zip(search.plan, search.remaining, strict=False)
        ],
        "space": {axis.key: axis.described() for axis in axes},
    }
    if best.diverged:
        return found
    epochs = best_epochs(best.results)
    own = next((each for each in search.scored if each.candidate.is_own), None)
    found["best"] = {f"validation_{measure.metric}": measure.signed(best.score)}
    found["chosen"] = {
        **_row(search, best),
        "best_epochs": epochs,
        "epochs": median(epochs),
        "on_edge": [axis.key for axis in axes if on_edge(axis, best.candidate)],
    }
    if own is not None:
        found["own"] = _row(search, own)
    found["importance"] = importances(search, axes)
    return found


def _row(search: Search, own: Scored) -> dict[str, Any]:
    finite = not own.diverged
    return {
        "trial": own.candidate.number,
        "rank": own.rank,
        "round": own.round.number,
        "values": dict(own.candidate.values),
        "score": search.measure.signed(own.score) if finite else math.inf,
        "standard_error": standard_error(own.values),
        "scores": [search.measure.signed(value) for value in own.values] if finite else None,
    }


def on_edge(axis: Axis, found: Candidate) -> bool:
    """Whether a number lies at an end of its range, and its key takes others beyond that."""
    from optcli.config import space

    if axis.values:
        return False
    share = place(axis, found.values[axis.key])
    if EDGE < share < 1 - EDGE:
        return False
    low, high = axis.low, axis.high
    step = 1 if axis.integer else (high - low) / 10
    lower = low / 2 if axis.log and not axis.integer else low - step
    beyond = lower if share <= EDGE else high + step
    try:
        space.varied(found.config, {axis.key: int(beyond) if axis.integer else beyond})
    except InvalidInput:
        return False
    return True


def place(axis: Axis, value: float) -> float:
    """Where a number lies on its range, from 0 to 1."""
    if axis.log:
        return math.log(value / axis.low) / math.log(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def importances(search: Search, axes: Sequence[Axis]) -> dict[str, Any]:
    """How much of the score each key explains, by the scores of the first round."""
    first = search.plan[0]
    scores = [search.score(first, own) for own in search.candidates]
    values: Mapping[str, list[Any]] = {
        axis.key: [own.values[axis.key] for own in search.candidates] for axis in axes
    }
    choices = {axis.key: bool(axis.values) for axis in axes}
    found = importance.shares(values, choices, scores)
    return {"method": importance.METHOD, "settings": len(scores), "shares": found}
