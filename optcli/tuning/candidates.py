"""Candidates: the settings to try, each a config of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optcli.core.errors import InvalidInput
from optcli.tuning import sequence

if TYPE_CHECKING:
    from optcli.config import Config
    from optcli.config.settings import Axis

TRIES = 20  # points that are looked at for each setting, at most


@dataclass(frozen=True)
class Candidate:
    """A setting. number: from 0, the config's own, where the space has it. values: by key."""

    number: int
    values: Mapping[str, Any]
    config: Config

    @property
    def name(self) -> str:
        """What its runs are called."""
        return f"{self.number:04d}"


def candidates(
    config: Config, axes: Sequence[Axis], count: int, seed: int
) -> tuple[list[Candidate], list[str]]:
    """So many settings, or fewer where there are no more; and why others were refused.

    The first is the config's own. The others are the same for any count, in the same order.
    """
    from optcli.config import space

    found: list[Candidate] = []
    seen: list[Mapping[str, Any]] = []
    refused: list[str] = []

    def take(values: Mapping[str, Any]) -> None:
        if values in seen:
            return
        seen.append(values)
        try:
            own = space.varied(config, values)
        except InvalidInput as error:
            fault = error.faults[0]
            said = ", ".join(f"{key} {value}" for key, value in values.items())
            refused.append(f"{said}: {fault.key} {fault.message}")
            return
        found.append(Candidate(len(found), values, own))

    own = own_values(config, axes)
    if own is not None:
        take(own)
    draw = sequence.points(seed, len(axes))
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        take({axis.key: axis.at(share) for axis, share in zip(axes, next(draw), strict=True)})
    return found, refused


def own_values(config: Config, axes: Sequence[Axis]) -> dict[str, Any] | None:
    """What the config itself says of the keys; None where one lies outside its axis."""
    from optcli.config.writing import listed

    resolved = listed(config.resolved())
    found: dict[str, Any] = {}
    for axis in axes:
        value: Any = resolved
        for part in axis.key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if "." not in axis.key:  # a whole section, by name or with its keys
            given = config.document.value.get(axis.key)
            value = next((each for each in axis.values if each in (given, value)), None)
        if not axis.has(value):
            return None
        found[axis.key] = value
    return found
