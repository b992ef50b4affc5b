"""`load`: what lies in a folder, whatever command made it.

run = optcli.load("runs/iris")
found = optcli.load("runs/compare-iris", optcli.FinishedComparison)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from optcli.api import gradcheck, landscape, predict, runs, trace, tune
from optcli.api.predict import Run
from optcli.comparison import read_back
from optcli.comparison.result import Benchmark, FinishedComparison
from optcli.core.errors import Fault, InvalidInput
from optcli.storage import kinds, results
from optcli.storage.paths import safe_names

if TYPE_CHECKING:
    from optcli.api.evaluate import EvaluationReport

T = TypeVar("T")


@overload
def load(folder: str | Path) -> Run: ...
@overload
def load(folder: str | Path, expected: type[T]) -> T: ...
def load(folder: str | Path, expected: type[Any] | None = None) -> Any:
    """A finished run, comparison, trace or gradient check, as it was left in its folder.

    A `Run` predicts and evaluates; the data it was trained on is not read. A run on an objective
    has no model, but its path. Comparisons and traces have their `summary` or `paths`; an
    evaluation is the `EvaluationReport` that `evaluate` returned. All of them have `plot()`.
    expected: the type that is expected, for type checkers, which take the result for a `Run`
    otherwise; InvalidInput is raised for a folder of another. Raises InvalidInput where the
    folder is damaged or unfinished, or where a plug-in that it needs has changed.

        >>> import optcli
        >>> run = optcli.load("runs/iris")
        >>> len(run.history["train_loss"])
        30
    """
    folder = Path(folder)
    kind = kinds.guessed(folder) if folder.is_dir() else None
    reader = READERS.get("" if kind is None else kind.name)
    if reader is None:
        found: Any = predict.load(folder)  # which says what is wrong with it
    else:
        entry = runs.opened(folder)
        if entry.kind in [kind.name for kind in kinds.SEARCHES] and not entry.summary:
            remedy = f"; continue it with: {entry.resume}" if entry.resume else ""
            raise InvalidInput(Fault(f"is not finished{remedy}", file=str(folder)))
        found = reader(folder)
    if expected is not None and not isinstance(found, expected):
        message = f"holds a {type(found).__name__}, not a {expected.__name__}"
        raise InvalidInput(Fault(message, file=str(folder)))
    return found


def comparison(folder: Path) -> FinishedComparison:
    """A finished comparison; raises InvalidInput."""
    return FinishedComparison(folder, read_back.summary(folder))


def benchmark(folder: Path) -> Benchmark:
    """A finished comparison on several configs; raises InvalidInput."""
    found = results.summary(folder)
    places = safe_names(list(found["configs"]))
    own = {title: comparison(folder / place) for title, place in places.items()}
    return Benchmark(folder, own, found)


def evaluation(folder: Path) -> EvaluationReport:
    """A finished evaluation; raises InvalidInput."""
    from optcli.api import evaluate

    return evaluate.stored(folder)


READERS: dict[str, Callable[[Path], Any]] = {
    kinds.COMPARE.name: comparison,
    kinds.BENCHMARK.name: benchmark,
    kinds.TUNE.name: tune.stored,
    kinds.TRACE.name: trace.stored,
    kinds.LANDSCAPE.name: landscape.stored,
    kinds.GRADCHECK.name: gradcheck.stored,
    kinds.EVALUATE.name: evaluation,
}
