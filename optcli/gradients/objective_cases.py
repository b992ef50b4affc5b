"""Cases of objectives: at the start, in the domain, and at a minimum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optcli.core.randomness import generator
from optcli.gradients.case import Case, CaseSet
from optcli.gradients.components import ObjectiveFunction
from optcli.gradients.variants import variants
from optcli.objectives.base import Objective


def objective_cases(cls: type[Objective]) -> CaseSet:
    """The cases of an objective: at its start, in its domain, and at a minimum."""

    def cases(seed: int) -> Iterator[Case]:
        random = generator(seed, "gradcheck objective")
        low, high = np.array(cls.domain).T
        for words, objective in variants(cls):
            after = f"{words}, " if words else ""
            start = np.array(objective.start)
            inside = random.uniform(low.max(), high.min(), objective.size)
            for what, x in (("at its start", start), ("in its domain", inside)):
                function = ObjectiveFunction(objective, x)
                yield Case(f"{after}{what}", function, objective.analytic)
            minimum = ObjectiveFunction(objective, objective.minima[0].astype(float))
            yield Case(f"{after}at a minimum", minimum, convex=True, pinned=True)

    return CaseSet("objective", cls.name, cases)
