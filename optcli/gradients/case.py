"""Case: a function with its gradient, to be checked; and the set of cases of one class.

Unless a case says otherwise, its data has several rows, distinct dimensions and every class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from optcli.core.errors import InvalidInput
from optcli.gradients.check import How, check
from optcli.gradients.functions import Differentiable
from optcli.gradients.result import Result

CLASSES = 3
# Functions of more parameters are checked along random directions only.
MOST_PARAMETERS = 20_000
# The number of directions for large cases, and their rows and outputs.
DIRECTIONS = 2
MANY = 600
# Relative tolerance between a replica's gradient alone and in a cohort: rounding.
COMPANY = 1e-12


@dataclass(frozen=True)
class Case:
    """A function with its gradient, to be checked.

    what: a short description. analytic, convex: see How. pinned: the point lies exactly at
    kinks, so that random directions are no test. projections: the number of directions for
    a large function; 0 to check entry by entry. notes: remarks beside the verdict.
    """

    what: str
    function: Differentiable
    analytic: bool = False
    convex: bool = False
    pinned: bool = False
    projections: int = 0
    notes: tuple[str, ...] = ()

    def check(self, how: How, name: str) -> Result:
        """Check the gradient, of one replica alone and within a cohort."""
        fast = how.fast and not self.pinned
        analytic = self.analytic and not self.pinned
        how = replace(how, fast=fast, analytic=analytic, convex=self.convex)
        if self.projections:
            how = replace(how, fast=True, projections=self.projections)
        x = self.function.x
        with np.errstate(all="ignore"):
            alone = self.function.gradients(x[None])[0]
            company = self.function.gradients(np.stack([0.9 * x, x, 0.8 * x]))[1]
            problems = self.function.faults(float32=not self.pinned)
        result = check(self.function, alone, how, f"{name}, {self.what}")
        result = replace(
            result,
            problems=(*problems, *result.problems),
            notes=(*result.notes, *self.notes),
        )
        largest = np.abs(alone[np.isfinite(alone)]).max(initial=0)
        differs = np.flatnonzero(
            ~np.isclose(alone, company, rtol=0, atol=COMPANY * largest, equal_nan=True)
        )
        if differs.size == 0:
            return result
        at = int(differs[0])
        text = (
            f"{self.function.label(at)} is {alone[at]:.9g} for a replica alone, but "
            f"{company[at]:.9g} for the same replica in a cohort"
        )
        return replace(result, problems=(*result.problems, text))


@dataclass(frozen=True)
class CaseSet:
    """The cases of one registered class, or of a config.

    kind: `loss`, `activation`, `layer`, `model`, `objective` or `config`. cases: makes the
    cases from a seed.
    """

    kind: str
    name: str
    cases: Callable[[int], Iterator[Case]]

    def check(self, how: How) -> Iterator[tuple[Case, Result]]:
        """Yield each case and its result; raises InvalidInput if there is no case."""
        cases = list(self.cases(how.seed))
        if not cases:
            raise InvalidInput(f"{self.kind} '{self.name}' accepts none of the shapes tried")
        for case in cases:
            many = case.function.x.size > MOST_PARAMETERS
            yield case, case.check(replace(how, fast=how.fast or many), self.name)


def large(case: Case) -> Case:
    """The case, checked along random directions; several kinks may be near."""
    return replace(case, analytic=False, projections=DIRECTIONS)
