"""The leaderboard: docs/leaderboard.md, from a comparison of all optimizers on suite `full`.

    optcli compare all --suite full --no-plots --out FOLDER
    python -m tests.studies.leaderboard FOLDER

The second command packs what the page needs of the runs into docs/leaderboard/, then makes the page
and its pictures from that. Without FOLDER it makes them again from what is packed.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import itertools
import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.comparison.across import ALL, SINGLE, Across, across, fewest_configs
from optcli.comparison.ranking import median_interval
from optcli.comparison.signed_rank import pair
from optcli.comparison.step_time import relative_step_times
from optcli.comparison.targets import BAND, Band, band
from optcli.comparison.trials import prepared
from optcli.comparison.tuning import mean
from optcli.config import load
from optcli.core.inputs import Inputs
from optcli.core.parameters import Parameters
from optcli.core.specs import unnamed
from optcli.models import MLP, Architecture
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.optimizers.stepper import Stepper
from optcli.plots.style import (
    FAINT,
    INK,
    SMALL,
    WIDTH,
    add_axes,
    add_text,
    add_title,
    new_figure,
    picture,
    save,
    text_width,
)
from optcli.training import Replica

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent.parent
PACKED, PAGE = ROOT / "docs" / "leaderboard", ROOT / "docs" / "leaderboard.md"
REFERENCE = "sgd"
COMMAND = "optcli compare all --suite full --no-plots --out FOLDER"
TEXT = Path(__file__).with_name("leaderboard_page.md")
# Of runs.csv: what was measured is `value`; `start` is the validation loss before training.
COLUMNS = (
    *("config", "label", "lr", "seed", "phase", "outcome", "start", "crossfit", "value"),
    *("steps", "gradient_evaluations", "steps_to_target", "steps_to_target_2", "steps_to_target_3"),
)
NAMED = 12  # optimizers in a sentence, at most
DIGITS = 9  # significant ones of the packed losses


# ---- packing -----------------------------------------------------------------------------


def pack(folder: Path, packed: Path, *, times: bool = True) -> None:
    """Write runs.csv.gz and made.json of a comparison on several configs.

    times: whether step times are measured now, on a machine that is idle; else they are those of
    the comparison. All else is the same bytes again.
    """
    packed.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    costs, sizes = {}, {}
    for title in json.loads((folder / "summary.json").read_text())["configs"]:
        summary = json.loads((folder / title / "summary.json").read_text())
        rows = summary["optimizers"]
        config = load(folder / title / rows[0]["config"])
        task = config.task()
        cohort = task.cohort([Replica(config.optimizer, prepared(task, None), config.seed)])
        sizes[title] = cohort.architecture().layout.size
        costs[title] = {row["label"]: row["step_cost"] for row in rows}
        if times:
            costs[title] = relative_step_times(
                {row["label"]: (task, _chosen(row)) for row in sorted(rows, key=_reference_first)}
            )
        writer.writerows(_packed_rows(folder / title, title))
    content = gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)
    (packed / "runs.csv.gz").write_bytes(content)
    environment = json.loads((folder / "environment.json").read_text())
    kept = ("optcli", "python", "numpy", "cpu", "machine")
    made = {name: environment.get(name) for name in kept} | {
        "seeds": summary["seeds"],
        "tune_seeds": summary["tune_seeds"],
        "step_costs": costs,
        "parameters": sizes,
    }
    (packed / "made.json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def _chosen(row: Mapping[str, Any]) -> Optimizer:
    """The optimizer at the chosen setting, of an entry of summary.json."""
    optimizer: Optimizer = unnamed(OPTIMIZERS.find(row["optimizer"]), row["hyperparameters"])
    return optimizer


def _reference_first(row: Mapping[str, Any]) -> bool:
    return bool(row["label"] != REFERENCE)


def _packed_rows(folder: Path, title: str) -> Iterator[list[str]]:
    starts = _starts(folder / "history.csv")
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            own = {
                **row,
                "config": title,
                "start": starts[row["run"]],
                "crossfit": row["crossfit_loss"],
                "value": row["test_loss"],
            }
            for name in ("start", "crossfit", "value"):
                own[name] = f"{float(own[name]):.{DIGITS}g}" if own[name] else ""
            yield [own.get(name, "") for name in COLUMNS]


def _starts(history: Path) -> dict[str, str]:
    """The validation loss before training, by run."""
    found: dict[str, str] = {}
    with history.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows)
        run, loss = head.index("run"), head.index("validation_loss")
        for row in rows:
            found.setdefault(row[run], row[loss])
    return found


# ---- reading -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A row of runs.csv; losses are infinite where the run diverged."""

    lr: float
    seed: int
    final: bool
    start: float
    crossfit: float
    value: float
    steps: int
    to_target: tuple[float, ...]
    diverged: bool


@dataclass(frozen=True)
class Tuned:
    """The runs of one optimizer on one problem, and what follows from them."""

    default: float
    runs: Sequence[Run]

    @functools.cached_property
    def tried(self) -> dict[float, list[float]]:
        """The cross-fit losses of each learning rate that was tried."""
        found: dict[float, list[float]] = {}
        for run in self.runs:
            if not run.final:
                found.setdefault(run.lr, []).append(run.crossfit)
        return dict(sorted(found.items()))

    @functools.cached_property
    def finalists(self) -> list[float]:
        """The learning rates with runs on further tuning seeds, the chosen one first."""
        most = max(map(len, self.tried.values()))
        final = [lr for lr, values in self.tried.items() if len(values) == most]
        return sorted(final, key=lambda lr: (self.means[lr], lr))

    @property
    def chosen(self) -> float:
        return self.finalists[0]

    @functools.cached_property
    def final(self) -> dict[float, list[Run]]:
        """The final runs by learning rate, in the order of their seeds."""
        found: dict[float, list[Run]] = {}
        for run in sorted(self.runs, key=lambda run: run.seed):
            if run.final:
                found.setdefault(run.lr, []).append(run)
        return found

    @functools.cached_property
    def values(self) -> list[list[float]]:
        """The final losses (F, n) of the finalists."""
        return [[run.value for run in self.final[lr]] for lr in self.finalists]

    @functools.cached_property
    def untuned(self) -> list[float]:
        """The final losses (n,) with the default learning rate."""
        return [run.value for run in self.final[self.default]]

    @property
    def start(self) -> float:
        """The median validation loss before training."""
        return statistics.median(r.start for r in self.runs if not r.final)

    @functools.cached_property
    def means(self) -> dict[float, float]:
        return {lr: mean(values) for lr, values in self.tried.items()}

    @functools.cached_property
    def band(self) -> Band | None:
        """The learning rates nearly as good as the best."""
        return band(self.means, self.start)


@dataclass(frozen=True, eq=False)
class Board:
    """All runs, by problem and optimizer, and what made.json says."""

    tuned: Mapping[str, Mapping[str, Tuned]]
    made: Mapping[str, Any]

    @classmethod
    def read(cls, packed: Path) -> Board:
        """What `pack` wrote."""
        runs: dict[str, dict[str, list[Run]]] = {}
        with gzip.open(packed / "runs.csv.gz", "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                own = runs.setdefault(row["config"], {}).setdefault(row["label"], [])
                own.append(_run(row))
        tuned = {
            problem: {label: Tuned(_default(label).lr, own) for label, own in labels.items()}
            for problem, labels in runs.items()
        }
        return cls(tuned, json.loads((packed / "made.json").read_text()))

    @functools.cached_property
    def problems(self) -> list[str]:
        return list(self.tuned)

    @functools.cached_property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(itertools.chain(*self.tuned.values())))

    @functools.cached_property
    def main(self) -> list[str]:
        """Those that took part everywhere, the best first."""
        everywhere = [label for label in self.labels if len(self.of(label)) == len(self.problems)]
        return sorted(everywhere, key=lambda label: -self.better_in(label, everywhere))

    @functools.cached_property
    def few(self) -> list[str]:
        """Those that took part on few problems alone, the best first."""
        apart = [label for label in self.labels if len(self.of(label)) < len(self.problems)]
        return sorted(apart, key=lambda label: -self.better_in(label, self.labels))

    def of(self, label: str) -> dict[str, Tuned]:
        """The runs of an optimizer, by problem."""
        return {problem: own[label] for problem, own in self.tuned.items() if label in own}

    @functools.cached_property
    def shares(self) -> dict[tuple[str, str], float]:
        """P(a better than b), a seed drawn from a problem, by both orders of the pair."""
        return self._shares(lambda own: own.values[0])

    @functools.cached_property
    def default_shares(self) -> dict[tuple[str, str], float]:
        """The same with default learning rates."""
        return self._shares(lambda own: own.untuned)

    def _shares(self, values: Any) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], list[float]] = {}
        for own in self.tuned.values():
            names = list(own)
            table = np.array([values(own[name]) for name in names])
            below = (table[:, None] < table[None]).mean(2) + (table[:, None] == table[None]).mean(
                2
            ) / 2
            for i, a in enumerate(names):
                for j, b in enumerate(names):
                    found.setdefault((a, b), []).append(float(below[i, j]))
        return {both: statistics.fmean(each) for both, each in found.items()}

    def better_in(self, label: str, others: Sequence[str], *, default: bool = False) -> float:
        """The mean of P(better) over the others."""
        shares = self.default_shares if default else self.shares
        return statistics.fmean(shares[label, other] for other in others if other != label)

    @property
    def number_of_pairs(self) -> int:
        return math.comb(len(self.labels), 2)

    @property
    def correction(self) -> float:
        """What the p-values of claims over all problems are multiplied by."""
        return ALL * self.number_of_pairs

    @functools.cache  # noqa: B019 (there are few boards)
    def pair(self, a: str, b: str) -> Across:
        """A pair over the problems that both took part in."""
        ours, theirs = self.of(a), self.of(b)
        both = [problem for problem in ours if problem in theirs]
        values = ([own[problem].values for problem in both] for own in (ours, theirs))
        return across(*values, self.correction)

    def verdict(self, a: str, b: str) -> str:
        """`beats`, `loses` or `tied`, of a against b over their problems."""
        if a == b:
            return "tied"
        first, second = sorted((a, b), key=self.labels.index)
        found = self.pair(first, second).verdict
        if found == "tied":
            return "tied"
        return "beats" if (found == "a") == (first == a) else "loses"

    def standing(self, label: str, others: Sequence[str]) -> Counter[str]:
        """How many of the others it beats, loses to, and is tied with."""
        return Counter(self.verdict(label, other) for other in others if other != label)

    @property
    def single_correction(self) -> float:
        """What the p-values of claims about one problem are multiplied by."""
        return SINGLE * sum(len(own) - 1 for own in self.tuned.values())

    @functools.cached_property
    def against_reference(self) -> dict[str, Counter[str]]:
        """On how many problems each beats, loses to, or is tied with the reference."""
        found: dict[str, Counter[str]] = {label: Counter() for label in self.labels}
        for own in self.tuned.values():
            for label in own:
                if label != REFERENCE:
                    values = own[label].values, own[REFERENCE].values
                    verdict = pair(*values, self.single_correction).verdict
                    found[label][{"a": "win", "b": "loss", "tied": "tie"}[verdict]] += 1
        return found

    def step_cost(self, label: str) -> float | None:
        """The median over problems of the relative time of a step."""
        costs = [own[label] for own in self.made["step_costs"].values() if own.get(label)]
        return statistics.median(costs) if costs else None


def _run(row: Mapping[str, str]) -> Run:
    diverged = row["outcome"] == "diverged"

    def loss(name: str) -> float:
        value = float(row[name] or "nan")
        return math.inf if diverged or not math.isfinite(value) else value

    targets = (row[name] for name in COLUMNS[-3:])
    return Run(
        float(row["lr"]),
        int(row["seed"]),
        row["phase"] == "final",
        float(row["start"]),
        loss("crossfit"),
        loss("value"),
        int(row["steps"]),
        tuple(float(each) for each in targets if each),
        diverged,
    )


def _default(label: str) -> Optimizer:
    return OPTIMIZERS.find(label)()


def state_arrays(label: str) -> float:
    """The numbers that an optimizer keeps for each parameter, measured on a 64-64-64-10 network."""
    architecture = Architecture(MLP(hidden=(64, 64)), Inputs(64), 10)
    x, g = (Parameters(architecture.layout, np.ones((1, architecture.layout.size))) for _ in "xg")
    stepper = Stepper(
        [_default(label)], x.buffer, g.buffer, layout=architecture.layout, seeds=[0], samples=1000
    )
    kept = sum(array.size for group in stepper.state for array in group.values())
    return kept / architecture.layout.size


# ---- the page ----------------------------------------------------------------------------


def page(board: Board) -> str:
    """docs/leaderboard.md."""
    planned = {
        problem: max(run.steps for tuned in own.values() for run in tuned.runs)
        for problem, own in board.tuned.items()
    }
    return TEXT.read_text(encoding="utf-8").format(
        count=len(board.labels),
        problems=len(board.problems),
        apart=_apart(board),
        summary="\n".join(_summary(board)),
        table=_table(*main_table(board, board.main)),
        few=_few_text(board),
        rates=_table(*rate_table(board)),
        by_problem=_table(*_problem_table(board)),
        command=COMMAND,
        seeds=board.made["seeds"],
        tune_seeds=board.made["tune_seeds"],
        singles=sum(len(own) - 1 for own in board.tuned.values()),
        runs=sum(len(own.runs) for labels in board.tuned.values() for own in labels.values()),
        fewest=fewest_configs(board.correction),
        pairs=board.number_of_pairs,
        reference=REFERENCE,
        version=board.made["optcli"],
        python=board.made["python"],
        numpy=board.made["numpy"],
        cpu=board.made["cpu"],
        band=f"{BAND:.0%}".replace("%", " %"),
        digits=DIGITS,
        parameters=_between(board.made["parameters"].values()),
        steps=_between(planned.values()),
        main=len(board.main),
        neighbours=sum(board.verdict(a, b) != "tied" for a, b in itertools.pairwise(board.main)),
    )


def _between(numbers: Collection[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,} to {high:,}"


def _apart(board: Board) -> str:
    if not board.few:
        return ""
    return f"{len(board.few)} of them took part on some of the problems only, and stand apart."


def _summary(board: Board) -> Iterator[str]:
    """What the tables say, in a few sentences."""
    main = board.main
    first = [label for label in main if not board.standing(label, main)["loses"]]
    over = f"Over these {len(board.problems)} problems"
    names, others = first[:NAMED], len(first) - NAMED
    more = f", and {others} more" if others > 0 else ""
    yield f"- {over} {_listed(names)}{more} {_lose(first)} to no other."
    ahead = [label for label in main if board.verdict(label, REFERENCE) == "beats"]
    behind = [label for label in main if board.verdict(label, REFERENCE) == "loses"]
    said = f"{len(ahead)} of the {len(main) - 1} others beat `{REFERENCE}`"
    yield f"- {said}; it beats {_listed(behind) if behind else 'none of them'}."
    decided = sum(board.verdict(a, b) != "tied" for a, b in itertools.combinations(main, 2))
    pairs = math.comb(len(main), 2)
    yield (
        f"- Of {pairs:,} pairs {decided:,} differ over all problems, {pairs - decided:,} do not: "
        "a place in the table is no proof of a difference."
    )
    untuned = sorted(main, key=lambda label: -board.better_in(label, main, default=True))
    kept = {label: _kept(board, label) for label in main}
    good = sorted((label for label in main if kept[label] >= 0.95), key=lambda n: -kept[n])
    yield f"- With everyone at the default learning rate {_listed(untuned[:3])} come first."
    if good:
        named = _listed(good[:NAMED]) + " and others" * (len(good) > NAMED)
        share = f"{len(good)} of {len(main)}"
        words = "A default is worth 95 % of tuning or more, on half of the problems, for"
        yield f"- {words} {share}: {named}."


def _lose(labels: Sequence[str]) -> str:
    return "loses" if len(labels) == 1 else "lose"


def _listed(labels: Sequence[str]) -> str:
    names = [f"`{label}`" for label in labels]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        texts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(texts)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *map(line, rows)])


def main_table(
    board: Board, labels: Sequence[str], shown: Sequence[str] = ()
) -> tuple[list[str], list[list[str]]]:
    """The head, and the rows of those shown, by default all, against the others."""
    head = [
        *("optimizer", "better in", "beats / loses to", f"against {REFERENCE}"),
        *("steps to target", "step time", "state", "range of rates"),
    ]
    others = labels if set(labels) <= set(board.main) else board.labels
    rows = []
    for label in shown or labels:
        counts, single = board.standing(label, others), board.against_reference[label]
        cost, decades = board.step_cost(label), _decades(board, label)
        rows.append(
            [
                f"`{label}`",
                _percent(board.better_in(label, others)),
                f"{counts['beats']} / {counts['loses']}",
                ""
                if label == REFERENCE
                else "/".join(str(single[k]) for k in ("win", "tie", "loss")),
                _steps(board, label),
                "-" if cost is None else f"{cost:.2f}",
                _number(state_arrays(label)),
                f"{decades[0]:.1f} [{decades[1]:.1f}, {decades[2]:.1f}]",
            ]
        )
    return head, rows


def _few_text(board: Board) -> str:
    if not board.few:
        return ""
    where = [f"- `{label}` took part on {_plainly(list(board.of(label)))}" for label in board.few]
    return f"""## On fewer problems

A step of these costs more than ten of SGD's, or they cannot train every problem:

{chr(10).join(where)}

The columns are as above, but *better in* and *beats / loses to* are against all {len(board.labels)}
on the problems that both took part in, and cannot be compared with the table above.

{_table(*main_table(board, board.few))}

"""


def _plainly(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 9.95 else f"{value:.0f}"


def _steps(board: Board, label: str) -> str:
    """The share of the steps in which the first target is reached, and in how many runs it is."""
    shares, reached = [], []
    for own in board.of(label).values():
        runs = own.final[own.chosen]
        total = max(run.steps for run in own.runs)
        steps = [run.to_target[0] / total if run.to_target else math.inf for run in runs]
        reached += [math.isfinite(each) for each in steps]
        shares.append(statistics.median(steps))
    middle = statistics.median(shares)
    said = _percent(middle) if math.isfinite(middle) else "-"
    return f"{said} ({_percent(statistics.fmean(reached))})"


def _decades(board: Board, label: str) -> tuple[float, float, float]:
    """The median over problems of the width of the band, with its 95 % interval."""
    widths = [own.band.decades if own.band else 0.0 for own in board.of(label).values()]
    found = median_interval(widths)
    return found.median, found.low, found.high


def _kept(board: Board, label: str) -> float:
    """The median over problems of what a default rate gains, as a share of what tuning does."""
    return statistics.median(_gain(own) for own in board.of(label).values())


def _gain(own: Tuned) -> float:
    tuned, default = (statistics.median(values) for values in (own.values[0], own.untuned))
    if not math.isfinite(default):
        return 0.0
    return (own.start - default) / (own.start - tuned) if tuned < own.start else math.nan


def rate_table(board: Board, shown: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """The same about learning rates."""
    head = [
        *("optimizer", "default rate", "best / default", "worth of the default"),
        *("default better in", "diverged"),
    ]
    rows = []
    for label in shown or [*board.main, *board.few]:
        own = board.of(label)
        ratios = sorted(each.chosen / each.default for each in own.values())
        low, middle, high = map(_number, (ratios[0], statistics.median(ratios), ratios[-1]))
        gains = [_gain(each) for each in own.values()]
        diverged = [run.diverged for each in own.values() for run in each.final[each.default]]
        others = board.main if label in board.main else board.labels
        rows.append(
            [
                f"`{label}`",
                f"{_default(label).lr:g}",
                f"{middle} ({low} to {high})",
                _percent(statistics.median(gains)),
                _percent(board.better_in(label, others, default=True)),
                _percent(statistics.fmean(diverged)) if any(diverged) else "",
            ]
        )
    return head, rows


def _problem_table(board: Board) -> tuple[list[str], list[list[str]]]:
    head = ["problem", "untrained", "lowest", "second", "third", "`sgd`", "`adam`"]
    rows = []
    for problem, labels in board.tuned.items():
        medians = {name: statistics.median(own.values[0]) for name, own in labels.items()}
        best = sorted(medians, key=lambda name: medians[name])[:3]
        start = statistics.median(own.start for own in labels.values())
        named = [f"`{name}` {medians[name]:.3g}" for name in best]
        known = [f"{medians[name]:.3g}" if name in medians else "" for name in ("sgd", "adam")]
        rows.append([problem, f"{start:.3g}", *named, *known])
    return head, rows


# ---- pictures ----------------------------------------------------------------------------

BEATS, LOSES, TIED = "#0072B2", "#D55E00", "#E4E4E4"
FINE = 6.0  # points


@picture
def beaten(board: Board) -> Figure:
    """Who beats whom over all problems: a square of those that took part everywhere."""
    from matplotlib.colors import to_rgb

    labels = board.main
    names = {label: text_width(label, FINE) for label in labels}
    left, below = 0.3 + max(names.values()), 0.5
    side = WIDTH - left - 0.1
    figure = new_figure(WIDTH, below + side + max(names.values()) + 0.45)
    add_title(figure, 0.15, f"Row against column, over {len(board.problems)} problems")
    axes = add_axes(figure, left, below, side, side)
    shades = np.ones((len(labels), len(labels), 3))
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            if a != b:
                colour = {"beats": BEATS, "loses": LOSES, "tied": TIED}[board.verdict(a, b)]
                shades[i, j] = to_rgb(colour)
    axes.imshow(shades, interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    edges = np.arange(len(labels) + 1) - 0.5
    for draw in (axes.hlines, axes.vlines):
        draw(edges, edges[0], edges[-1], color="white", linewidth=0.7)
    cell, look = side / len(labels), {"size": FINE, "color": INK}
    for i, label in enumerate(labels):
        y, x = below + side - cell * (i + 0.5), left + cell * (i + 0.5)
        add_text(figure, left - 0.06, y, label, ha="right", va="center", **look)
        add_text(
            figure, x, below + side + 0.06, label, ha="center", va="bottom", rotation=90, **look
        )
    x = left
    for colour, words in ((BEATS, "beats"), (LOSES, "loses to"), (TIED, "no difference shown")):
        add_text(figure, x, 0.2, "\u25a0", size=SMALL + 3, color=colour, va="center")
        add_text(figure, x + 0.18, 0.21, words, size=SMALL, color=INK, va="center")
        x += 0.45 + text_width(words, SMALL)
    return figure


@picture
def rates(board: Board) -> Figure:
    """Of each optimizer, on how many problems each learning rate is nearly the best."""
    labels = [*board.main, *board.few]
    left = 0.3 + max(text_width(label, FINE) for label in labels)
    row, below = 0.125, 0.62
    tall, wide = row * len(labels), WIDTH - left - 0.3
    figure = new_figure(WIDTH, below + tall + 0.5)
    add_title(
        figure, 0.15, f"Problems on which a learning rate is within {100 * BAND:.0f} % of the best"
    )
    axes = add_axes(figure, left, below, wide, tall)
    ends: list[float] = []
    for y, label in enumerate(labels):
        own = board.of(label)
        default = _default(label).lr
        for half in range(-7, 8):  # half decades: those tried, and three beyond either end
            power = math.log10(default) + half / 2
            near = [each.band for each in own.values() if each.band]
            inside = [math.log10(b.low) - 0.1 < power < math.log10(b.high) + 0.1 for b in near]
            share = sum(inside) / len(own)
            if share:
                ends += [power - 0.25, power + 0.25]
                box = {"height": 0.86, "color": BEATS, "alpha": 0.08 + 0.92 * share, "linewidth": 0}
                axes.barh(y, 0.5, left=power - 0.25, **box)
        power = math.log10(default)
        ends += [power - 0.1, power + 0.1]
        axes.plot([power, power], [y - 0.36, y + 0.36], color="black", linewidth=1.3)
        at = below + tall - row * (y + 0.5)
        add_text(figure, left - 0.06, at, label, size=FINE, ha="right", va="center", color=INK)
    low, high = math.floor(min(ends)), math.ceil(max(ends))
    axes.set(ylim=(len(labels) - 0.5, -0.5), xlim=(low, high), yticks=[])
    ticks = range(low, high + 1)
    axes.set_xticks(list(ticks), [f"{10.0**tick:g}" for tick in ticks])
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("learning rate")
    words = "darker: on more of the problems; line: the default"
    add_text(figure, left + wide / 2, 0.1, words, size=SMALL, ha="center", color=FAINT)
    return figure


# ---- the command -------------------------------------------------------------------------


def write(packed: Path = PACKED, page_file: Path = PAGE) -> None:
    """The page and its pictures, from what is packed."""
    board = Board.read(packed)
    page_file.write_text(page(board), encoding="utf-8")
    save(beaten(board), packed / "beaten")
    save(rates(board), packed / "rates")


def main(folder: str = "") -> int:
    if folder:
        pack(Path(folder), PACKED)
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
