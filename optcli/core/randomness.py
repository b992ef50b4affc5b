"""Randomness: one independent generator for each purpose, all from one seed.

A generator is named by what it is for and where in the run it stands, so that
nothing has to be carried along: the order of epoch 7 is the same whether the
run came there in one go, after an interruption, or in a cohort.
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


class Stream:
    """Random numbers by step: those of a step follow from the arguments and the step alone.

    What `generator` gives for each position anew, at a tenth of the cost: a
    counter is set instead of a generator made. Philox is the generator that
    counts. J. K. Salmon and others, Parallel random numbers: as easy as 1, 2, 3, 2011.
    """

    def __init__(self, seed: int, purpose: str, *position: int) -> None:
        words = [seed, zlib.crc32(purpose.encode()), *position]
        self._philox = np.random.Philox(np.random.SeedSequence(words))
        self._generator = np.random.Generator(self._philox)
        self._state = self._philox.state

    def at(self, step: int) -> np.random.Generator:
        """The generator at the beginning of `step`'s numbers, from 0; always the same object."""
        self._state["state"]["counter"][2] = step  # the lower words count 2^128 numbers
        self._philox.state = self._state
        return self._generator
