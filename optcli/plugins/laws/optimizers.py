"""Laws of optimizers, on a few steps of made-up gradients: milliseconds.

A member is an instance. Its laws hold for the hyperparameters that it has; whether it moves
and stays finite is asked of its defaults, as any rule can be given such that it does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from optcli.core.arrays import Array
from optcli.core.errors import InvalidInput
from optcli.core.parameters import Layout
from optcli.optimizers.base import Optimizer, Shaped
from optcli.optimizers.binding import kernel
from optcli.optimizers.stepper import TILE, Stepper, coefficients_of, stack
from optcli.plugins.laws.base import FIELDS, Law, allowed, rounding, same

# Of 50 parameters: a weight, a bias, a kernel, and the thinnest of arrays.
SHAPES = {"w": (4, 5), "b": (5,), "k": (2, 3, 2, 1), "column": (6, 1), "row": (1, 6), "one": (1,)}
LAYOUT = Layout(SHAPES)
# For rules whose steps are dear: that look at arrays, or ask for gradients elsewhere.
SMALL = Layout({"w": (2, 3), "b": (3,), "k": (2, 1, 2, 1), "one": (1,)})
STEPS, OF_SHAPED, OF_ASKING, OF_TILES = 12, 8, 6, 5
ROWS = 12  # of the training set, for rules that ask for them
STATE = "state = ('m',)"


class Asked:
    """An oracle of functions of rows: ½(aᵢ·x − bᵢ)⁴ + ½(aᵢ·x − bᵢ)², four of twelve in turn.

    slope: a gradient to answer with instead.
    """

    steps_per_epoch = 3

    def __init__(
        self, size: int, replicas: int, dtype: Any, slope: Callable[[Array], Array] | None = None
    ) -> None:
        random = np.random.default_rng(7)
        self.a = (random.standard_normal((ROWS, size)) / 7).astype(dtype)
        self.b = random.standard_normal(ROWS).astype(dtype)
        self.replicas, self.slope, self.step = replicas, slope, 0

    def _part(self) -> Array:
        return np.arange(4) + 4 * (self.step % 3)

    def _slopes(self, x: Array, rows: Array) -> Array:
        away = self.a[rows] @ x - self.b[rows]
        slopes: Array = (2 * away**3 + away)[:, None] * self.a[rows]
        return slopes

    def gradient(self, x: Array, out: Array) -> Array:
        values = np.empty(len(x), x.dtype)
        for row, (at, slope) in enumerate(zip(x, out, strict=True)):
            if self.slope:
                slope[:] = self.slope(at)
                continue
            away = self.a[self._part()] @ at - self.b[self._part()]
            slope[:] = self._slopes(at, self._part()).mean(axis=0)
            values[row] = (away**4 / 2 + away**2 / 2).mean()
        return values

    def full_gradient(self, x: Array, out: Array) -> None:
        for at, slope in zip(x, out, strict=True):
            slope[:] = self._slopes(at, np.arange(ROWS)).mean(axis=0)

    def gauss_newton(self, x: Array, v: Array, out: Array) -> None:
        for at, along, found in zip(x, v, out, strict=True):
            a, b = self.a[self._part()], self.b[self._part()]
            found[:] = ((6 * (a @ at - b) ** 2 + 1) * (a @ along)) @ a / len(a)

    def rows(self) -> tuple[Array, Array, Array]:
        shape = (self.replicas, 4)
        parts = np.broadcast_to(self._part(), shape)
        own, all_ = (np.full(shape, 1 / n, self.a.dtype) for n in (4, ROWS))
        return parts, own, all_

    def row_gradients(self, x: Array) -> Array:
        return np.stack([self._slopes(at, self._part()) for at in x])


@dataclass(frozen=True)
class Sample:
    """Where rows start x (R, P), their gradients (T, R, P), losses (T, R), and seeds."""

    x: Array
    gradients: Array
    losses: Array
    seeds: tuple[int, ...]
    layout: Layout = LAYOUT

    @property
    def steps(self) -> int:
        """T, the steps there are gradients for."""
        return len(self.gradients)

    def of(self, *rows: int) -> Sample:
        """The sample of some of the rows."""
        own = list(rows)
        gradients, losses = self.gradients[:, own], self.losses[:, own]
        seeds = tuple(self.seeds[row] for row in rows)
        return replace(self, x=self.x[own], gradients=gradients, losses=losses, seeds=seeds)

    def first(self, steps: int) -> Sample:
        """The sample of the first steps."""
        return replace(self, gradients=self.gradients[:steps], losses=self.losses[:steps])


@functools.cache
def sample(
    replicas: int, steps: int = STEPS, dtype: Any = np.float64, *, small: bool = False
) -> Sample:
    """Normal numbers, the same ones each time."""
    random = np.random.default_rng(0)
    layout = SMALL if small else LAYOUT
    x = random.standard_normal((replicas, layout.size)).astype(dtype)
    losses = random.uniform(0.1, 3, (steps, replicas)).astype(dtype)
    gradients = random.standard_normal((steps, replicas, layout.size)).astype(dtype)
    return Sample(x, gradients, losses, tuple(range(replicas)), layout)


def fit(rule: Optimizer, replicas: int, dtype: Any = np.float64) -> Sample:
    """A sample for a rule; smaller for one whose steps are dear."""
    small = isinstance(rule, Shaped)
    steps = OF_ASKING if rule.needs_oracle else OF_SHAPED if small else STEPS
    return sample(replicas, steps, dtype, small=small)


class Walk:
    """Optimizers on their way along the gradients of a sample.

    factors: on the learning rates, (T,).
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        given: Sample,
        *,
        tile: int = TILE,
        factors: Array | None = None,
    ) -> None:
        self.given, self.optimizers = given, list(optimizers)
        self.x, self.g = given.x.copy(), np.empty_like(given.x)
        self.stepper = Stepper(
            self.optimizers, self.x, self.g, tile, given.layout, list(given.seeds), samples=ROWS
        )
        self.spoil(0)  # so that one who reads it finds the same each time
        self.asked: list[Asked] = []
        self.stepper.attach_oracles(self._oracle)
        self.factors = np.ones(len(given.gradients)) if factors is None else factors

    def _oracle(self, rows: slice) -> Asked:
        self.asked.append(Asked(self.x.shape[1], len(self.x[rows]), self.x.dtype))
        return self.asked[-1]

    def spoil(self, value: float) -> None:
        """Fill all scratch arrays."""
        for group in self.stepper.groups:
            for block in group.blocks:
                for each in (block.decayed, *block.scratch.values()):
                    each.fill(value)

    def plan(self, first: int, count: int) -> None:
        """Prepare `count` steps from `first`, counted from 0."""
        factors = self.factors[first : first + count, None]
        self.stepper.plan(first + 1, count, {"lr": factors})

    def step(self, t: int, k: int) -> None:
        """Take step t, from 0, which is the k-th of those planned."""
        np.copyto(self.g, self.given.gradients[t])
        for each in self.asked:
            each.step = t
        self.stepper.step(k, self.given.losses[t])

    def go(self, first: int = 0, stop: int | None = None, plan: int | None = None) -> Walk:
        """Take the steps first, …, stop − 1, planned so many at a time."""
        stop = len(self.factors) if stop is None else stop
        plan = plan or stop - first
        for start in range(first, stop, plan):
            count = min(plan, stop - start)
            self.plan(start, count)
            for k in range(count):
                self.step(start + k, k)
        return self

    def found(self) -> Array:
        """Points and models, (R, 2, P)."""
        model = np.empty_like(self.x)
        self.stepper.model(model)
        return np.stack([self.x, model], axis=1)

    def saved(self) -> list[dict[str, Array]]:
        """A copy of the state."""
        return [{n: slot.copy() for n, slot in group.items()} for group in self.stepper.state]

    def restore(self, x: Array, saved: list[dict[str, Array]]) -> None:
        """Go on from another walk's point and state."""
        np.copyto(self.x, x)
        for group, kept in zip(self.stepper.state, saved, strict=True):
            for name, slot in group.items():
                np.copyto(slot, kept[name])


def walk(
    optimizers: Sequence[Optimizer],
    given: Sample,
    *,
    plan: int | None = None,
    **settings: Any,
) -> Array:
    """Points and models (R, 2, P) after all gradients; each rule an instance of its own."""
    own = [replace(optimizer) for optimizer in optimizers]
    return Walk(own, given, **settings).go(plan=plan).found()


def defaults(rule: Optimizer) -> Optimizer:
    """The rule with its default hyperparameters, as far as it has them."""
    try:
        return type(rule)()
    except TypeError:
        return rule


# ---- what a rule is asked to be ------------------------------------------------------


def names_its_state(rule: Optimizer) -> str:
    """Whether state, scratch and model are of their kinds."""
    cls = type(rule)
    for what in ("state", "scratch"):
        names = getattr(cls, what)
        if isinstance(names, str):
            return f"{what} is a text; must be a tuple of names, as in {what} = ('{names}',)"
        if not isinstance(names, tuple | list):
            return f"{what} is {names!r}; must be a tuple of names, as in {what} = ('s',)"
    if cls.decay not in ("coupled", "decoupled", "own"):
        return f"decay is {cls.decay!r}; must be 'coupled', 'decoupled' or 'own'"
    if unknown := [name for name in cls.structure if name not in _values(rule)]:
        return f"structure names {unknown[0]!r}, which is none of its hyperparameters"
    for shape in _shapes(rule):
        for what in ("state_shapes", "scratch_shapes"):
            found = getattr(rule, what)(shape)
            if not isinstance(found, dict):
                return f"{what} must return a dictionary of names and shapes"
            if wrong := [name for name in found if not _is_name(name)]:
                return f"calls an array {wrong[0]!r}; must be a name, as in {STATE}"
            if not isinstance(rule, Shaped) and set(found.values()) - {shape}:
                return (
                    f"{what} has other shapes than that of the parameters; derive from Shaped, "
                    "whose update gets whole arrays"
                )
    names = tuple(name for shape in _shapes(rule) for name in rule.state_shapes(shape))
    if cls.model and cls.model not in names:
        there = ", ".join(dict.fromkeys(names))
        return f"model is '{cls.model}'; must be a state array: {there or 'it has none'}"
    return ""


def _shapes(rule: Optimizer) -> list[tuple[int, ...]]:
    """Shapes of the arrays that `update` gets."""
    return list(rule.seen(LAYOUT).shapes.values()) if isinstance(rule, Shaped) else [(5,)]


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier()


def gives_coefficients(rule: Optimizer) -> str:
    """Whether coefficients are numbers by name, for one step and for many."""
    names: set[str] = set()
    for count in (1, 3):
        t = np.arange(1, 1 + count, dtype=np.float64)[:, None, None]
        rates: dict[str, Any] = {"lr": np.full((count, 2, 1), rule.lr)}
        at = replace(stack([rule] * 2), **rates)
        try:
            found: Any = coefficients_of(at, t, {name: np.ones((2, 1)) for name in rule.products})
        except (ValueError, TypeError) as error:
            if any(
                word in str(error) for word in ("truth value", "ambiguous", "integer", "scalar")
            ):
                return (
                    f"coefficients fails on columns ({error}): hyperparameters and t are arrays "
                    "there; use np.where, np.sqrt, … and name in `structure` what must be a plain "
                    "number"
                )
            raise
        if not isinstance(found, dict):
            return (
                f"coefficients returns {type(found).__name__}; must return a dictionary of names "
                'and numbers, as in `return {"lr": self.lr}`'
            )
        if wrong := [name for name in found if not _is_name(name)]:
            return f"calls a coefficient {wrong[0]!r}; must be a name, as in {{'lr': self.lr}}"
        if missing := [name for name in rule.products if name not in found]:
            return f"coefficients lacks '{missing[0]}', which `products` names"
        if names and set(found) != names:
            return "coefficients has other names for other numbers of steps"
        names = set(found)
        for name, value in found.items():
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                return f"coefficient '{name}' is {value!r}; must be a number, or an array of them"
            try:
                np.broadcast_to(array, (count, 2, 1))
            except ValueError:
                return (
                    f"coefficient '{name}' has shape {array.shape} for {count} steps of 2 runs; "
                    "must have one number for each, (K, R, 1): no sums, no [0]"
                )
    return ""


def takes_its_arguments(rule: Optimizer) -> str:
    """Whether there is what `update` takes, and it takes all of the state."""
    if type(rule).update_for is Optimizer.update_for and not callable(
        getattr(rule, "update", None)
    ):
        return "lacks update(self, x, g, …), which writes into x"
    ones = {name: np.ones((1, 1)) for name in rule.products}
    found = coefficients_of(rule, np.ones((1, 1, 1)), ones)
    numbers = [name for name in found if name not in rule.products]
    try:
        for shape in _shapes(rule):
            taken = kernel(rule, shape, numbers)
            if left := [name for name in rule.state_shapes(shape) if not taken.takes(name)]:
                function = getattr(taken.update, "__name__", "update")
                return (
                    f"{function} does not take '{left[0]}', a state array; name it among its "
                    "parameters, or leave it out of the state"
                )
    except InvalidInput as error:
        return error.faults[0].message
    return ""


# ---- what an update does -------------------------------------------------------------


def moves(rule: Optimizer) -> str:
    """Whether x has moved, and stays finite."""
    usual = defaults(rule)
    given = fit(rule, 2)
    at = Walk([replace(usual)] * 2, given)
    returned = _returned(at)
    at.go()
    moved = (at.found() != given.x[:, None]).any(axis=(1, 2))
    if moved.all():
        return ""
    if returned:
        return (
            "x has not moved: update must write into x, as in np.subtract(x, step, x); "
            "what it returns is not looked at"
        )
    return (
        f"x has not moved in {given.steps} steps: update must write into x, as in "
        "np.subtract(x, step, x); `x = x - step` only makes a new array"
    )


def _returned(at: Walk) -> list[Any]:
    """What `update` returns, filled in as the walk goes on."""
    found: list[Any] = []

    def noting(update: Callable[..., Any]) -> Callable[..., None]:
        def noted(*arguments: Any) -> None:
            answer = update(*arguments)
            if answer is not None:
                found.append(answer)

        return noted

    for group in at.stepper.groups:
        group.calls = [call._replace(update=noting(call.update)) for call in group.calls]
    return found


def leaves_what_it_is_given(rule: Optimizer) -> str:
    """Whether the gradient and the coefficients are as they were after each step."""
    given = fit(rule, 2)
    at = Walk([replace(rule)] * 2, given)
    changed: list[str] = []

    def watching(update: Callable[..., Any], held: dict[str, Array]) -> Callable[..., None]:
        def watched(*arguments: Any) -> None:
            before = {name: array.copy() for name, array in held.items()}
            update(*arguments)
            changed.extend(name for name, kept in before.items() if not same(held[name], kept))

        return watched

    for group in at.stepper.groups:
        g = [c.decayed if group.decays and group.coupled else c.g for c in group.calls]
        held = [{"g": g, **b.numbers} for g, b in zip(g, group.blocks, strict=True)]
        group.calls = [
            call._replace(update=watching(call.update, each))
            for call, each in zip(group.calls, held, strict=True)
        ]
    at.go(0, 3)
    if not changed:
        return ""
    if "g" in changed:
        return (
            "update changes the gradient g, which others still read; write into a scratch array "
            "instead (scratch = ('s', 'w') gives two)"
        )
    return f"update changes its coefficients ('{changed[0]}'); write into a scratch array instead"


def repeats(rule: Optimizer) -> str:
    """Whether the same steps give the same numbers twice."""
    given = fit(rule, 2)
    if same(walk([rule] * 2, given), walk([rule] * 2, given)):
        return ""
    return (
        "the same steps give other numbers the second time: keep state in arrays, as in "
        f"{STATE}, not in globals; count steps by the t of coefficients; random numbers come as "
        "a parameter `noise`"
    )


def keeps_nothing_in_scratch(rule: Optimizer) -> str:
    """Whether scratch arrays may hold anything when a step begins."""
    given = fit(rule, 2)
    at = Walk([replace(rule)] * 2, given)
    at.plan(0, given.steps)
    for t in range(given.steps):
        at.spoil(np.nan)
        at.step(t, t)
    if same(at.found(), walk([rule] * 2, given)):
        return ""
    return (
        "reads a scratch array before it has written it: scratch holds nothing from step to "
        f"step; what must last belongs in the state, as in {STATE}"
    )


def keeps_its_state_in_arrays(rule: Optimizer) -> str:
    """Whether two runs side by side do not meet, and one that is resumed has the same bits."""
    given = fit(rule, 2)
    one, other = given.of(0), given.of(1)
    expected = walk([rule], one)
    own = replace(rule)
    first, second = Walk([own], one), Walk([own], other)
    first.plan(0, given.steps)
    second.plan(0, given.steps)
    for t in range(given.steps):
        second.step(t, t)
        first.step(t, t)
    if not same(first.found(), expected):
        return (
            "two runs side by side disturb each other: it keeps state on self, on the class or "
            f"in globals; keep it in state arrays, as in {STATE}"
        )
    half = given.steps // 2 + 1
    before = Walk([replace(rule)], one).go(0, half)
    after = Walk([replace(rule)], one)
    after.restore(before.x, before.saved())
    after.go(half)
    if same(after.found(), expected):
        return ""
    return (
        "a resumed run differs from one that never stopped: not all of its state is in arrays; "
        f"keep it there, as in {STATE}, and count steps by the t of coefficients"
    )


def is_alone_in_company(rule: Optimizer) -> str:
    """Whether each run of a cohort has the bits of that run alone, whatever the others are."""
    company = [rule, *_varied(rule), rule]
    given = fit(rule, len(company))
    gradients = given.gradients.copy()
    gradients[[0, 1, 4], 0] = 0  # of a run that has none: no `if` may stand for all rows
    given = replace(given, gradients=gradients)
    together = walk(company, given)
    differing = []
    for r, each in enumerate(company):
        if not same(walk([each], given.of(r))[0], together[r]):
            differing.append(r)
    if not differing:
        return ""
    a, b = walk([rule] * 2, given.of(0, 1)), walk([rule], given.of(0))
    if same(a[0], b[0]):
        read = [name for name in _values(rule) if _shared(rule, name)]
        what = f"self.{read[0]}" if read else "hyperparameters on self"
        return (
            "a run trained alongside others differs from the same run trained alone"
            f": update reads {what}, which is that of "
            "one run; return it from coefficients, which have one number for each"
        )
    if rounding(a[0], b[0]):
        return (
            "a run trained alongside others differs from the same run trained alone"
            " in the last digits: take sums row by "
            "row (optcli.optimizers.base.dot, norm) and powers with optcli.optimizers.base.power"
        )
    return (
        "a run trained alongside others differs from the same run trained alone"
        ": update looks at all rows together; x has "
        "one row for each run, so that sums and norms go over axis 1, and arrays as a whole are "
        "for Shaped (norm, dot in optcli.optimizers.base)"
    )


def _values(rule: Optimizer) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in fields(rule)}


def _varied(rule: Optimizer, names: Sequence[str] | None = None) -> list[Optimizer]:
    """Rules of the same kind with other numbers: the learning rate, then all."""
    found = []
    numbers = {
        name: other
        for name, value in _values(rule).items()
        if (other := _other(rule, name, value)) is not None
    }
    for changes in [{"lr": rule.lr * 0.7}, {"lr": rule.lr * 1.4, **numbers}]:
        chosen = {n: v for n, v in changes.items() if names is None or n in names}
        try:
            found.append(replace(rule, **chosen))
        except Exception:  # together they do not go
            continue
    return found


def _other(rule: Optimizer, name: str, value: Any) -> float | None:
    """Another value of a number that may differ within a cohort; None where there is none."""
    if name == "lr" or name in rule.structure or not isinstance(value, float):
        return None
    for other in (value * 0.9, value * 1.1):
        if other != value and allowed(type(rule), name, other):
            return other
    return None


def _shared(rule: Optimizer, name: str) -> bool:
    """Whether a neighbour with another value of this hyperparameter changes a run."""
    given = fit(rule, 2)
    others = _varied(rule, [name])
    return any(
        not same(walk([rule, other], given)[1], walk([other], given.of(1))[0])
        for other in others
        if other != rule
    )


def minds_no_diverged_neighbour(rule: Optimizer) -> str:
    """Whether a run beside one that has diverged goes on as ever."""
    given = fit(rule, 3)
    gradients, losses = given.gradients.copy(), given.losses.copy()
    gradients[3:, 1], losses[3:, 1] = np.nan, np.nan
    spoiled = replace(given, gradients=gradients, losses=losses)
    expected = walk([rule] * 3, given)
    if same(walk([rule] * 3, spoiled)[[0, 2]], expected[[0, 2]]):
        return ""
    return (
        "a run changes when its neighbour's gradient is no longer finite: update looks at all "
        "rows together; decide row by row, with np.where"
    )


def minds_no_tile(rule: Optimizer) -> str:
    """Whether the size of the tiles in which parameters are moved makes no difference."""
    if isinstance(rule, Shaped):
        return ""
    two = fit(rule, 2).first(OF_TILES)
    for given, tile in ((two, 7), (two, 99), (two.of(0), 3)):
        rules = [rule] * len(given.x)
        if not same(walk(rules, given, tile=tile), walk(rules, given)):
            return (
                "update looks at several parameters together, but gets them tile by tile: "
                "derive from Shaped, whose update gets whole arrays (whole = True: all "
                "parameters in one)"
            )
    return ""


def minds_no_plan(rule: Optimizer) -> str:
    """Whether coefficients follow from t alone, however many steps are asked for at once."""
    given = fit(rule, 2)
    expected = walk([rule] * 2, given)
    for plan in (1, 5):
        found = walk([rule] * 2, given, plan=plan)
        if same(found, expected):
            continue
        if rounding(found, expected):
            return (
                "coefficients have other last digits when fewer steps are asked for: take powers "
                "with optcli.optimizers.base.power"
            )
        return (
            "coefficients depend on how many steps are asked for at once: t has shape (K, 1, 1), "
            "and each result must follow from its own t alone"
        )
    return ""


def follows_the_rate(rule: Optimizer) -> str:
    """Whether a schedule of lr is the hyperparameter step by step, and lr has an effect."""
    given = fit(rule, 1)
    # twice the rate from the start: by a schedule, and by the hyperparameter
    by_schedule = Walk([replace(rule)], given, factors=np.full(given.steps, 2.0))
    by_number = Walk([replace(rule, lr=2 * rule.lr)], given)
    by_schedule.plan(0, given.steps)
    by_number.plan(0, given.steps)
    by_number.restore(by_schedule.x, by_schedule.saved())  # `start` may look at the rate
    for t in range(given.steps):
        by_schedule.step(t, t)
        by_number.step(t, t)
    if not same(by_schedule.found(), by_number.found()):
        return (
            "a schedule of lr does not reach all of it: return what it needs of lr from "
            "coefficients, where self.lr is the scheduled rate; in update self.lr is where it began"
        )
    usual = defaults(rule)
    if all(
        same(walk([usual], given), walk([replace(usual, lr=factor * usual.lr)], given))
        for factor in (3, 0.02)  # powers of 2 leave the bits of many rules
    ):
        return (
            "lr has no effect on where it goes, so that schedules and tuning have none: return "
            "self.lr from coefficients and multiply the step by it"
        )
    return ""


def goes_downhill(rule: Optimizer) -> str:
    """Whether a rule moves against a gradient that stays the same, with its defaults."""
    usual = defaults(rule)
    given = fit(usual, 1)
    steady = replace(given, gradients=np.broadcast_to(given.gradients[:1], given.gradients.shape))
    at = Walk([replace(usual)], steady)
    if rule.needs_oracle or at.stepper.groups[0].streams:  # it looks elsewhere, or at random
        return ""
    model = at.go().found()[:, 1]
    if not float(np.vdot(model - given.x, given.gradients[0])) > 0:
        return ""
    return (
        "it climbs: it moves along the gradient, not against it; subtract the step, as in "
        "np.subtract(x, step, x)"
    )


def decays_once(rule: Optimizer) -> str:
    """Whether `weight_decay` is applied once: from outside, or by a rule that says so."""
    if "weight_decay" not in _values(rule):
        return ""
    cls = type(rule)
    # the same rule, with nobody to apply the decay but itself
    own = defaults(rule)
    if cls.decay != "own":
        place = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
        own = type(cls.__name__, (cls,), {"decay": "own", **place})(**_values(rule))
    given = fit(rule, 1)
    decays: list[dict[str, Any]] = [{"weight_decay": 0.1}, {"weight_decay": 0.2}]
    try:
        one, other = (replace(own, **changed) for changed in decays)
    except Exception:  # such a decay is not allowed
        return ""
    acts = not same(walk([one], given), walk([other], given))
    if acts and cls.decay != "own":
        return (
            "weight_decay is applied twice: optcli applies it from outside, and so does the rule; "
            'set decay = "own" on the class, or leave it out of coefficients and update'
        )
    if not acts and cls.decay == "own":
        return (
            'weight_decay has no effect: decay = "own" says that the rule applies it; leave that '
            "out, and optcli does"
        )
    return ""


def stays_finite(rule: Optimizer) -> str:
    """Whether numbers stay finite, with parameters that have no gradient, in both dtypes."""
    usual = defaults(rule)
    for dtype in (np.float64, np.float32):
        given = fit(rule, 1, dtype)
        words = f"in {np.dtype(dtype).name}, with default hyperparameters,"
        if not np.isfinite(walk([usual], given)).all():
            return (
                f"{words} x is not finite after {given.steps} steps; divide by √v + eps, not by √v"
            )
        x, gradients = given.x.copy(), given.gradients.copy()
        gradients[..., ::2] = 0
        gradients[..., -5:] = 0
        x[:, -5:] = 0
        still = replace(given, x=x, gradients=gradients)
        if not np.isfinite(walk([usual], still)).all():
            return (
                f"{words} a parameter whose gradient is 0 becomes nan or inf: add a small "
                "eps to what is divided by"
            )
    return ""


def _of_its_class(rule: Optimizer) -> str:
    return FIELDS.fault(type(rule))


LAWS: tuple[Law[Optimizer], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("state, scratch and model are named as they must be", names_its_state),
    Law("coefficients returns numbers by name for each step", gives_coefficients),
    Law("update takes what state, scratch and coefficients give", takes_its_arguments),
    Law("update moves x", moves),
    Law("the gradient and the coefficients are left as they are", leaves_what_it_is_given),
    Law("the same steps give the same numbers twice", repeats),
    Law("nothing is kept in scratch arrays", keeps_nothing_in_scratch),
    Law("coefficients follow from the step alone", minds_no_plan),
    Law("all state is in state arrays: runs side by side and resumed", keeps_its_state_in_arrays),
    Law(
        "a run trained alongside others matches the same run trained alone, bit for bit",
        is_alone_in_company,
    ),
    Law("a diverged neighbour does no harm", minds_no_diverged_neighbour),
    Law("tiles of any size give the same bits", minds_no_tile),
    Law("numbers stay finite, in float32 as well", stays_finite),
    Law("lr acts, and a schedule of it as the hyperparameter", follows_the_rate),
    Law("it moves against the gradient", goes_downhill),
    Law("weight decay is applied once", decays_once),
)


def instances(cls: type[Optimizer]) -> Iterator[tuple[str, Optimizer]]:
    """The rule with its defaults, and with each hyperparameter changed, in words."""
    from optcli.gradients.variants import variants

    yield from variants(cls)
