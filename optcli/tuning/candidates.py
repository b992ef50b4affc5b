"""Candidates: the settings to try, each a config of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    """A setting. number: from 0. values: by key. is_own: whether it is what the config says."""

    number: int
    values: Mapping[str, Any]
    config: Config
    is_own: bool = False

    @property
    def name(self) -> str:
        """What its runs are called."""
        return f"{self.number:04d}"


def candidates(
    config: Config, axes: Sequence[Axis], count: int, seed: int
) -> tuple[list[Candidate], list[str]]:
    """So many settings, or fewer where there are no more; and why others were refused.

    The first is the config's own, where the space has it. The others are the same for any count, in
    the same order.
    """
    from optcli.config import space

    found: list[Candidate] = []
    seen: list[Mapping[str, Any]] = []
    refused: list[str] = []

    def take(values: Mapping[str, Any], *, is_own: bool = False) -> None:
        if values in seen:
            return
        seen.append(values)
        try:
            varied = space.varied(config, values)
        except InvalidInput as error:
            fault = error.faults[0]
            said = ", ".join(f"{key} {value}" for key, value in values.items())
            refused.append(f"{said}: {fault.key} {fault.message}")
            return
        found.append(Candidate(len(found), values, varied, is_own))

    own = _own_values(config, axes)
    if own is not None:
        take(own, is_own=True)
    draw = sequence.points(seed, len(axes))
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        take({axis.key: axis.at(share) for axis, share in zip(axes, next(draw), strict=True)})
    return found, refused


def _own_values(config: Config, axes: Sequence[Axis]) -> dict[str, Any] | None:
    """What the config itself says of the keys; None where one lies outside its axis."""
    from optcli.config.writing import listed

    resolved = listed(config.resolved())
    found: dict[str, Any] = {}
    for axis in sorted(axes, key=lambda axis: "." not in axis.key):  # whole sections last
        value: Any = resolved
        for part in axis.key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if "." not in axis.key:
            below = {key: own for key, own in found.items() if key.startswith(f"{axis.key}.")}
            value = _own_section(config, axis, below)
        if not axis.has(value):
            return None
        found[axis.key] = value
    return {axis.key: found[axis.key] for axis in axes}


def _own_section(config: Config, axis: Axis, below: Mapping[str, Any]) -> Any:
    """The value that makes the section what it is, with its own values of keys below; or None."""
    from optcli.config import space

    for value in axis.values:
        with suppress(InvalidInput):
            made = space.varied(config, {axis.key: value, **below})
            if made.resolved()[axis.key] == config.resolved()[axis.key]:
                return value
    return None
