"""What more seeds would show: numbers of seeds, and detectable differences."""

from __future__ import annotations

import math
from statistics import NormalDist

from optcli.comparison.signed_rank import ALPHA, fewest_seeds

POWER = 0.8  # the chance to find a difference, where its size or the seeds for it are said


def default_seeds(k: int) -> int:
    """Final seeds for k optimizers, where the user names no number."""
    return 10 if k <= 2 else 15 if k <= 4 else 20


def seeds_needed(sd: float | None, delta: float, m: int) -> int | None:
    """About how many seeds find a difference delta > 0 in one of m pairs in 4 of 5 tries.

    sd: of the paired differences; None, where runs diverged, gives None. The normal
    approximation of the signed-rank test's power, of efficiency 3/π, and a term for few
    seeds at a strict level. Never ask it at the observed difference: that is p again.
    """
    if sd is None:
        return None
    z, power = _quantiles(m)
    n = ((z + power) * sd / delta) ** 2 * math.pi / 3 + z**2 / 2
    return max(math.ceil(n), fewest_seeds(m))


def smallest_difference(sd: float | None, n: int, m: int) -> float | None:
    """The difference that n seeds find in one of m pairs in 4 of 5 tries.

    None where no difference could be found, or where runs diverged (`sd` is None).
    """
    if sd is None or n < fewest_seeds(m):
        return None
    z, power = _quantiles(m)
    return sd * (z + power) / math.sqrt((n - z**2 / 2) * 3 / math.pi)


def _quantiles(m: int) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - ALPHA / (2 * m)), normal.inv_cdf(POWER)
