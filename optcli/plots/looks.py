"""Looks: the colour, dashes and marker of each optimizer, the same in every picture.

An optimizer has its place in `ORDER`, and with it its look: 12 colours times 5 kinds of
dashes. What has no place there, as the optimizers of a plug-in, gets one by a hash of its
name, and the next free colour where another of the picture has it already.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optcli.plots.style import COLOURS, MARKERS

# Brown and a pure blue: those that are furthest from the others, to the colour-blind, too.
PALETTE = (*COLOURS, "#5A2D00", "#2222FF")
# The same on a dark ground, of #14171b: contrast at least 4.5, as far apart for all readers.
DARK = (
    *("#4B94CC", "#F4721A", "#43AC72", "#F6A0B2", "#EAC813", "#45D9FD", "#D3E9F3"),
    *("#C85B95", "#E1E889", "#869AFF", "#CCA155", "#866FFF"),
)
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.4)),
    (0, (1.6, 1.2)),
    (0, (7, 1.2, 1.6, 1.2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
# The twelve that are met most often have a colour each. New names go to the end.
ORDER = (
    *("sgd", "momentum", "adam", "rmsprop", "adagrad", "nesterov"),
    *("adamw", "lbfgs", "adadelta", "nadam", "lion", "muon"),
    *("adabelief", "adafactor", "adamax", "adan", "ademamix", "adopt", "aggmo", "amsgrad"),
    *("asgd", "cautious_adamw", "cocob", "dadapt_adam", "dog", "dowg", "fista", "fromage"),
    *("ftrl", "gauss_newton", "grams", "lamb", "laprop", "lars", "madgrad", "mars", "momo"),
    *("nadamw", "newton", "noisy_sgd", "novograd", "optimistic_adam", "polyak_sgd", "prodigy"),
    *("qhadam", "radam", "random_local_search", "random_search", "rprop", "saga"),
    *("schedule_free_adamw", "schedule_free_sgd", "shampoo", "sign_sgd", "signum", "sm3"),
    *("soap", "sophia", "svrg", "yogi"),
)
PLACES = len(PALETTE) * len(DASHES)


@dataclass(frozen=True)
class Look:
    """How an optimizer is drawn. place: among all looks, from 0."""

    place: int

    @property
    def colour(self) -> str:
        """As `#rrggbb`."""
        return PALETTE[self.place % len(PALETTE)]

    @property
    def marker(self) -> str:
        """One of MARKERS."""
        return MARKERS[self.place % len(MARKERS)]

    @property
    def dashes(self) -> Any:
        """Of curves, told apart in print: neighbours differ."""
        return DASHES[(self.place + self.place // len(PALETTE)) % len(DASHES)]

    @property
    def strokes(self) -> Any:
        """Of paths, which have numbers to be told apart by: the most usual ones are solid."""
        return DASHES[self.place // len(PALETTE) % len(DASHES)]

    def line(self) -> dict[str, Any]:
        """What matplotlib's plot takes."""
        return {
            "color": self.colour,
            "linestyle": self.dashes,
            "linewidth": 1.5,
            "marker": self.marker,
            "markersize": 4.5,
            "markeredgecolor": "white",
            "markeredgewidth": 0.5,
        }


def looks(labels: Sequence[str], optimizers: Mapping[str, str] | None = None) -> dict[str, Look]:
    """The look of each label, whatever the order of the labels.

    optimizers: the optimizer of a label, by default the label up to its first colon. Of
    several labels with one optimizer the first by name has the optimizer's look, the others
    get looks by their labels, as they are to be told apart.
    """
    owner = {label: (optimizers or {}).get(label, label.partition(":")[0]) for label in labels}
    firsts: dict[str, str] = {}
    for label in sorted(owner):
        firsts.setdefault(owner[label], label)
    found = {
        label: Look(ORDER.index(name) % PLACES)
        for name, label in sorted(firsts.items())
        if name in ORDER
    }
    for label in sorted(owner):
        if label not in found:
            name = owner[label] if firsts[owner[label]] == label else label
            found[label] = _free(name, list(found.values()))
    return {label: found[label] for label in labels}


def _free(name: str, taken: Sequence[Look]) -> Look:
    """By the hash of the name; the next one where the colour, or else the look, is taken."""
    first = zlib.crc32(name.encode()) % PLACES
    colours = {look.colour for look in taken}
    candidates = [Look((first + k) % PLACES) for k in range(PLACES)]
    for look in candidates:
        if look.colour not in colours:
            return look
    return next((look for look in candidates if look not in taken), candidates[0])
