"""Reading rules: those by which a table is read, the same for every source of a run's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

RULES = 2  # what new runs are read by; 1 are those of version 0.1


@dataclass(frozen=True)
class DateForm:
    """How a column's dates are written.

    order: `dmy` or `mdy` of a date such as 01/02/2024; empty where no row shows it. zone:
    whether times have one, as 10:00+02:00; None where no row has a time.
    """

    order: str = ""
    zone: bool | None = None


@dataclass(frozen=True)
class NumberForm:
    """How a column's numbers are written.

    decimal: the mark before decimals, a point or a comma; empty where no row shows it and
    numbers such as 1,234 may mean two. unit: what stands beside the numbers, empty for none.
    """

    decimal: str = ""
    unit: str = ""


Form = DateForm | NumberForm


@dataclass(frozen=True)
class Reading:
    """How a table is read. It is kept in model.npz, so that a run reads new rows as its own.

    rules: their number; a run keeps the one it was trained with. delimiter: between the
    fields of text, None where it is found in the first rows. missing: the spellings of a
    missing value, None for the default list. categorical: columns that are text,
    whatever they hold. dates, numeric: columns of dates and of written numbers, with the
    form that their rows showed; None until they are read. day_first: whether 01/02/2024 is
    in February, None where the rows must show it. decimal: the same for the mark of decimals.
    """

    rules: int = RULES
    delimiter: str | None = None
    missing: tuple[str, ...] | None = None
    categorical: tuple[str, ...] = ()
    dates: Mapping[str, DateForm | None] = field(default_factory=dict)
    numeric: Mapping[str, NumberForm | None] = field(default_factory=dict)
    day_first: bool | None = None
    decimal: str | None = None

    @property
    def as_text(self) -> frozenset[str]:
        """The columns whose cells are looked at as text, even where all are plain numbers."""
        return frozenset((*self.categorical, *self.dates, *self.numeric))

    def lists(self, name: str) -> bool:
        """Whether a column is listed as one of dates or of written numbers."""
        return name in self.dates or name in self.numeric

    def form(self, name: str) -> Form | None:
        """How a column of dates or written numbers is written, where that is known."""
        return self.dates.get(name) or self.numeric.get(name)

    def knowing(self, forms: Mapping[str, Form]) -> Reading:
        """The same with what the rows showed of some columns."""
        dates = {name: forms.get(name, form) for name, form in self.dates.items()}
        numeric = {name: forms.get(name, form) for name, form in self.numeric.items()}
        return replace(self, dates=dates, numeric=numeric)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists, texts and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Reading:
        """The reading of which `to_json` told; what has none is of version 0.1."""
        if data is None:
            return cls(rules=1)
        missing = data["missing"]
        dates, numeric = data.get("dates", {}), data.get("numeric", {})
        return cls(
            int(data["rules"]),
            data["delimiter"],
            None if missing is None else tuple(missing),
            tuple(data["categorical"]),
            {name: None if form is None else DateForm(**form) for name, form in dates.items()},
            {name: None if form is None else NumberForm(**form) for name, form in numeric.items()},
            data.get("day_first"),
            data.get("decimal"),
        )


CURRENT = Reading()


def rules_of(version: object) -> int:
    """The rules by which a version of optcli reads, as environment.json names it."""
    return 1 if str(version).startswith("0.1.") else RULES
