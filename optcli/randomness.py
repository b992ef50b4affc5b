"""Randomness: one independent generator for each purpose, all from one seed.

A generator is named by what it is for and where in the run it stands, so that
nothing has to be carried along: the order of epoch 7 is the same whether the
run came there in one go, after an interruption, or in company.
"""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """The generator of `purpose` (`init`, `order`, `split`, …) at `position`.

    seed: any integer from 0. The same arguments give the same stream on every
    platform; different ones give independent streams.
    """
    words = [seed, zlib.crc32(purpose.encode()), *position]
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(words)))
