"""Reading rules: those by which a table is read, the same for every source of a run's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

RULES = 2  # what new runs are read by; 1 are those of version 0.1


@dataclass(frozen=True)
class Reading:
    """How a table is read. It is kept in model.npz, so that a run reads new rows as its own.

    rules: their number; a run keeps the one it was trained with. delimiter: between the
    fields of text, None where it is found in the first rows. missing: the spellings of a
    missing value, None for the default list. categorical: columns that are text,
    whatever they hold.
    """

    rules: int = RULES
    delimiter: str | None = None
    missing: tuple[str, ...] | None = None
    categorical: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists, texts and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Reading:
        """The reading of which `to_json` told; what has none is of version 0.1."""
        if data is None:
            return cls(rules=1)
        missing = data["missing"]
        return cls(
            int(data["rules"]),
            data["delimiter"],
            None if missing is None else tuple(missing),
            tuple(data["categorical"]),
        )


CURRENT = Reading()


def rules_of(version: object) -> int:
    """The rules by which a version of optcli reads, as environment.json names it."""
    return 1 if str(version).startswith("0.1.") else RULES
