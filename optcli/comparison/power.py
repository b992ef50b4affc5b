"""Power: how many seeds a comparison takes."""

from __future__ import annotations


def default_seeds(k: int) -> int:
    """Final seeds for k optimizers, where the user names no number."""
    return 10 if k <= 2 else 15 if k <= 4 else 20
