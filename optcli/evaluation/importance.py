"""Permutation importance: how much worse the predictions get when a column tells nothing.

L. Breiman, Random forests, 2001, section 10; for any model A. Fisher, C. Rudin and F. Dominici,
All models are wrong, but many are useful, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optcli.core.arrays import Array
from optcli.core.randomness import generator
from optcli.data.encoding import Encoder
from optcli.evaluation.measures import Key, Measures
from optcli.evaluation.resampling import interval, resamples
from optcli.evaluation.rows import Rows
from optcli.metrics import Metric

REPEATS = 10
MOST_ROWS = 10_000
RESAMPLES = 500  # in all, over the repeats
CORRELATED = 0.7


@dataclass(frozen=True)
class Drop:
    """How much worse a measure is without a column: mean over the repeats, 95 % interval."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class ColumnImportance:
    """A raw column: the rise of the loss, and the drop of the first metric where there is one."""

    name: str
    loss: Drop
    metric: Drop | None


@dataclass(frozen=True)
class Importance:
    """The columns, the most important first.

    metric: the name of the first metric. rows: how many were used. repeats: permutations of
    each column. correlated: the two numeric columns with the strongest correlation, and that,
    where it is above 0.7.
    """

    columns: tuple[ColumnImportance, ...]
    metric: str | None
    rows: int
    repeats: int
    correlated: tuple[str, str, float] | None


def importance(
    x: Array,
    groups: Mapping[str, slice],
    score: Callable[[Array, Array], Rows],
    metrics: Sequence[Metric],
    *,
    seed: int,
    repeats: int,
) -> Importance:
    """Permute the inputs of a raw column together, and measure again.

    x: encoded rows (N, D); of more than 10,000 some from all over. groups: the inputs of each
    raw column. score: rows for inputs (M, D) and the places (M,) that they come from. The value
    is the mean over `repeats` permutations. Its interval is of new rows and permutations alike:
    each bootstrap resample of the rows measures one permutation, in turn.
    """
    count = min(len(x), MOST_ROWS)
    places = np.linspace(0, len(x) - 1, count).astype(np.intp)
    x = x[places]
    metric = metrics[0] if metrics else None
    names = ["loss", *([metric.name] if metric else [])]
    keys = [Key(name) for name in names]

    as_it_is = score(x, places)
    weight = as_it_is.weight[None]
    each = -(-RESAMPLES // repeats)
    blocks = [block * weight for block in resamples(seed, count, each * repeats)]
    drawn = np.split(np.concatenate(blocks), repeats)
    before = Measures(as_it_is, metrics[:1], only=names)
    whole, sampled = before(weight), [before(own) for own in drawn]

    found = []
    for number, (name, inputs) in enumerate(groups.items()):
        values: dict[Key, list[float]] = {key: [] for key in keys}
        spreads: dict[Key, list[Array]] = {key: [] for key in keys}
        changed = x.copy()
        for r in range(repeats):
            order = generator(seed, "importance", number, r).permutation(count)
            changed[:, inputs] = x[order, inputs]
            after = Measures(score(changed, places), metrics[:1], only=names)
            now, then = after(weight), after(drawn[r])
            for key in keys:
                values[key].append(float((now[key] - whole[key])[0]))
                spreads[key].append(then[key] - sampled[r][key])
        signs = dict.fromkeys(keys, 1.0)
        if metric is not None and metric.higher_is_better:
            signs[keys[1]] = -1.0
        drops = [
            Drop(
                signs[key] * float(np.mean(values[key])),
                interval(signs[key] * np.concatenate(spreads[key])),
            )
            for key in keys
        ]
        found.append(ColumnImportance(name, drops[0], drops[1] if metric else None))
    found.sort(key=lambda column: -np.nan_to_num(column.loss.value, nan=-np.inf))
    return Importance(
        tuple(found), metric.name if metric else None, count, repeats, correlated(x, groups)
    )


def groups_of(encoder: Encoder) -> dict[str, slice]:
    """The inputs that each raw column becomes, by its name."""
    found: dict[str, slice] = {}
    at = 0
    for feature in encoder.features:
        found[feature.name] = slice(at, at + feature.inputs)
        at += feature.inputs
    return found


def correlated(x: Array, groups: Mapping[str, slice]) -> tuple[str, str, float] | None:
    """The two columns of one input with the strongest correlation, where it is above 0.7."""
    single = [(name, each.start) for name, each in groups.items() if each.stop - each.start == 1]
    columns = x[:, [at for _, at in single]].astype(np.float64)
    columns = columns - columns.mean(axis=0)
    sizes = np.sqrt(np.vecdot(columns.T, columns.T))
    varied = np.flatnonzero(sizes > 0)
    if len(varied) < 2:
        return None
    columns = columns[:, varied] / sizes[varied]
    r = columns.T @ columns
    np.fill_diagonal(r, 0)
    a, b = np.unravel_index(np.abs(r).argmax(), r.shape)
    if not abs(r[a, b]) > CORRELATED:
        return None
    first, second = sorted((int(varied[a]), int(varied[b])))
    return single[first][0], single[second][0], float(r[a, b])
