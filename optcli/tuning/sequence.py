"""Sequence: points spread evenly over the unit cube, by a seed; the first n are so for any n.

Halton's sequence with its digits permuted at random: A. B. Owen, A randomized Halton algorithm
in R, 2017. Each axis has a prime base; the digits of the point's number, mirrored at the point,
go through a permutation of their own at each place. Unlike a grid, no two points share a value,
and unlike independent draws they leave no gaps.
"""

from __future__ import annotations

from collections.abc import Iterator

from optcli.core.randomness import generator

DIGITS = 52  # binary ones that are kept


def points(seed: int, axes: int) -> Iterator[list[float]]:
    """Points of [0, 1)^axes, without end."""
    bases = primes(axes)
    places = [next(k for k in range(1, DIGITS + 1) if base**k >= 1 << 40) for base in bases]
    digits = [
        [generator(seed, "tune", axis, place).permutation(base).tolist() for place in range(count)]
        for axis, (base, count) in enumerate(zip(bases, places, strict=True))
    ]
    number = 0
    while True:
        yield [_mirrored(number, base, own) for base, own in zip(bases, digits, strict=True)]
        number += 1


def _mirrored(number: int, base: int, digits: list[list[int]]) -> float:
    """The digits of a number, permuted, behind the point."""
    value, weight = 0.0, 1 / base
    for permuted in digits:
        number, digit = divmod(number, base)
        value, weight = value + permuted[digit] * weight, weight / base
    return min(value, 1 - 2.0**-DIGITS)


def primes(count: int) -> list[int]:
    """The first prime numbers."""
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % each for each in found):
            found.append(number)
        number += 1
    return found
