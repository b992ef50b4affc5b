"""`tune`: search the keys that a config names, train the best setting, test it once.

found = optcli.tune("configs/iris.yaml", settings=optcli.TuneSettings(budget=20))
found.values, found.summary["test"], found.model.predict("new.csv")
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from optcli.api import predict
from optcli.api.check import Setup
from optcli.api.evaluate import report_on
from optcli.api.kept import keep
from optcli.api.predict import Run
from optcli.api.train import with_cache_beside
from optcli.comparison.result import FinishedShard
from optcli.comparison.shards import Shard, ShardFolder
from optcli.comparison.trials import forget
from optcli.core.errors import Fault, InvalidInput
from optcli.core.html_table import html_table
from optcli.evaluation.measuring import Settings
from optcli.evaluation.resampling import RESAMPLES
from optcli.storage import files, kinds, outputs, results, seals
from optcli.tuning import run_search
from optcli.tuning.events import FiguresDrawn, Refitting, SearchEnded
from optcli.tuning.settings import TuneSettings
from optcli.tuning.summary import HEAD, TAIL, TRIALS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optcli.config import Config
    from optcli.tuning.events import Listener
    from optcli.tuning.run_search import Found

__all__ = ["FinishedShard", "SavedSearch", "TuneSettings", "tune"]

MODEL = "model"  # the folder of the run within that of the search


@dataclass(frozen=True, repr=False)
class SavedSearch:
    """A finished search in its folder.

    folder: where it lies. summary: what summary.json says. notes: sentences worth saying.
    """

    folder: Path
    summary: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> Mapping[str, Any]:
        """The best setting: a value for each key that was searched."""
        found: Mapping[str, Any] = self.summary["chosen"]["values"]
        return found

    @property
    def config(self) -> Path:
        """The config of the best setting; training it repeats the model."""
        return self.folder / run_search.BEST

    @property
    def model(self) -> Run:
        """The model of the best setting, trained on all but the test part."""
        return predict.load(self.folder / MODEL)

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The rows of trials.csv, numbers as numbers and choices as YAML has them.

        Raises InvalidInput where the table is damaged.
        """
        return read_trials(self.folder, self.summary)

    def plot(self) -> Figure:
        """The score by each key that was searched, as a matplotlib figure."""
        from optcli.plots.effects import effects

        return effects(self.trials, self.summary, self.folder.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.folder}: {self.summary['verdict']}>"

    def _repr_html_(self) -> str:
        """The best settings as a table, for a notebook."""
        keys = list(self.summary["space"])
        rows = [
            [str(row["rank"]), *(_said(row[key]) for key in keys), _said(row["score"])]
            for row in sorted(self.trials, key=lambda row: row["rank"])[:10]
        ]
        quantity = str(self.summary["quantity"]).replace("_", " ")
        headings = ["rank", *keys, quantity]
        return html_table(str(self.folder), headings, rows, [self.summary["verdict"]])


def _said(value: Any) -> str:
    if value is None:
        return "diverged"
    return f"{value:.5g}" if isinstance(value, int | float) else str(value)


@overload
def tune(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    settings: TuneSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    data: Any = None,
    shard: None = None,
) -> SavedSearch: ...
@overload
def tune(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    settings: TuneSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    data: Any = None,
    shard: tuple[int, int] | str,
) -> FinishedShard: ...
@overload
def tune(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    settings: TuneSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    data: Any = None,
    shard: tuple[int, int] | str | None = None,
) -> SavedSearch | FinishedShard: ...
def tune(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    settings: TuneSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool | str = True,
    listener: Listener | None = None,
    data: Any = None,
    shard: tuple[int, int] | str | None = None,
) -> SavedSearch | FinishedShard:
    """Search the keys that the config's section `tune` names, and train the best setting.

    config, overrides, data: as for `train`. settings: budget, repeats, metric, workers. out: the
    folder, by default `runs/tune-<config>-<date>-<time>`; one of the same search is continued.
    plots: False, or their format, `png` (True), `svg` or `pdf`. listener: called with each event
    (`optcli.tuning.events`).

    Settings are scored by validation rows, or by folds (`split: {folds: 5}`). The best is then
    trained on all rows but those of the test part, for the median of its best epochs, and tested
    once. shard: (2, 8) trains every eighth run of a round, from the second on, in a folder of its
    own, and of the next ones if the folders of the other shards lie beside it and have theirs;
    `merge` joins all eight. Raises InvalidInput with all that is wrong, EnvironmentFailed, and
    OptcliError where every setting diverged.

        >>> import optcli
        >>> few = optcli.TuneSettings(budget=3, repeats=2)
        >>> found = optcli.tune("configs/iris.yaml", settings=few, out="runs/best", plots=False)
        >>> found.values
        {'optimizer.lr': 0.01}
    """
    from optcli import config as configs

    own = None if shard is None else Shard.parsed(shard)
    settings, listener = settings or TuneSettings(), listener or (lambda _: None)
    outputs.picture_format(plots)
    forget()
    loaded = configs.load(config, overrides).with_data(data)
    folder = None if out is None else Path(out)
    if folder is not None:
        loaded = with_cache_beside(loaded, folder)
    return tuned(loaded, settings, folder, overwrite, plots, listener, shard=own)


def tuned(
    config: Config,
    settings: TuneSettings,
    folder: Path | None,
    overwrite: bool,
    plots: bool | str,
    listener: Listener,
    *,
    shard: Shard | None = None,
    merged: Sequence[ShardFolder] = (),
) -> SavedSearch | FinishedShard:
    """Search, train, test and draw; of a shard its part alone. merged: all shards."""
    with run_search.searched(config, settings, folder, overwrite, listener, shard, merged) as found:
        if isinstance(found, FinishedShard):
            listener(found)
            return found
        listener(Refitting(found.summary["chosen"]["values"], found.epochs))
        summary = {**found.summary, **_tested(found, plots)}
        summary["verdict"] = _verdict(summary)
        files.write_json(found.folder / "summary.json", summary)
        seals.seal(found.folder, kinds.TUNE, pictures=not plots)
        saved = SavedSearch(found.folder, summary, tuple(found.notes))
        listener(SearchEnded(found.folder, summary, found.notes))
        if plots:
            names = _draw(saved, outputs.picture_format(plots))
            seals.seal(found.folder, kinds.TUNE)
            listener(FiguresDrawn(found.folder, names))
    return saved


def _tested(found: Found, plots: bool | str) -> dict[str, Any]:
    """Train the best setting, and measure it on the test rows with 95 % intervals."""
    setup = Setup.of(found.best)
    folder = found.folder / MODEL
    title = found.best.title
    keep(setup, folder, title, kinds.TUNE, title=title, plots=plots)
    run = predict.load(folder)
    told: dict[str, Any] = {"model": MODEL, "rows": len(setup.data.train.x)}
    if run.summary.get("test") is None or setup.data.test is None:
        return told
    report = report_on(run, setup.cohort, setup.data.test, Settings(RESAMPLES, 10, found.best.seed))
    told |= {"test": run.summary["test"], "test_rows": len(setup.data.test.x)}
    told["test_intervals"] = {
        name: None if each.low is None else [each.low, each.high]
        for name, each in report.measures.items()
        if name in run.summary["test"]
    }
    baseline = run.summary.get("baseline")
    return told | ({"baseline": baseline} if baseline else {})


def _verdict(summary: Mapping[str, Any]) -> str:
    """The best setting, its score and its test, in one sentence."""
    best = summary["chosen"]
    values = ", ".join(f"{key} {_said(value)}" for key, value in best["values"].items())
    said = f"{values}: validation {summary['metric']} {best['score']:.5g}"
    if best["standard_error"] is not None:
        said += f" ± {best['standard_error']:.2g} (standard error of {len(best['scores'])} runs)"
    test = summary.get("test")
    if test is None:
        return said
    metric = summary["metric"]
    said += f"; test {metric} {test[metric]:.5g}"
    between = summary["test_intervals"].get(metric)
    return said + (f" (95 % interval {between[0]:.5g} to {between[1]:.5g})" if between else "")


def _draw(found: SavedSearch, picture: str) -> list[str]:
    """Draw how the score depends on each key; returns the names of the pictures."""
    from optcli.plots.effects import effects
    from optcli.plots.style import render

    name = f"effects.{picture}"
    content = render(effects(found.trials, found.summary, str(found.summary["config"])), picture)
    files.write(found.folder / name, content)
    return [name]


# ---- what lies in a folder -----------------------------------------------------------


def stored(folder: Path) -> SavedSearch:
    """A finished search, as it was left in its folder; raises InvalidInput."""
    found = results.summary(folder)
    try:
        summary = {**found, "chosen": dict(found["chosen"]), "space": dict(found["space"])}
        summary["verdict"] = str(found["verdict"])
        read_trials(folder, summary)
    except (KeyError, TypeError) as error:
        message = f"is damaged: it does not describe a search ({error!r})"
        raise InvalidInput(Fault(message, file=str(folder / results.SUMMARY))) from error
    return SavedSearch(folder, summary)


def read_trials(folder: Path, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of trials.csv; raises InvalidInput where the table is damaged."""
    numbers = {key for key, way in summary["space"].items() if "values" not in way}
    path = folder / TRIALS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            {
                **{name: int(row[name]) for name in HEAD if name != "outcome"},
                "outcome": row["outcome"],
                **{
                    key: float(row[key]) if key in numbers else row[key] for key in summary["space"]
                },
                **{name: float(row[name]) if row[name] else None for name in TAIL},
            }
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        message = f"is damaged: it does not list a search ({error!r})"
        raise InvalidInput(Fault(message, file=str(path))) from error
