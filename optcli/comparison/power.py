"""Power: how many seeds a comparison takes."""

from __future__ import annotations


def default_seeds(m: float) -> int:
    """Final seeds where the user names no number: of m pairs, or as many claims on all configs.

    10 for two optimizers, 15 for up to four, 20 beyond.
    """
    return 10 if m < 3 else 15 if m <= 6 else 20
