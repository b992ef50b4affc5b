"""Parts: which rows validate and which test, and what becomes of rare classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optcli.data.columns import short

FRACTION = 0.2  # of the rows, to test
TO_STOP, OF_FEW, FEW = 0.1, 0.15, 1000  # of the rows, to stop by; of fewer rows it takes more
NO_TEST = 5  # rows below which none is held out


@dataclass(frozen=True)
class Parts:
    """The section `split`, and what goes with it.

    rare: what `dataset.rare_classes` should be, None where it is not needed. dropped: rows of
    classes that it drops.
    """

    split: dict[str, Any]
    rare: str | None = None
    few: tuple[str, ...] = ()
    dropped: int = 0


def parts_of(rows: int, counts: Mapping[str, int] | None, *, stops: bool) -> Parts:
    """How to divide so many rows.

    counts: of each class, None for values and several labels. stops: whether a validation part
    is needed, to stop training by.
    """
    validation = (OF_FEW if rows < FEW else TO_STOP) if stops else 0
    test = FRACTION if rows >= NO_TEST else 0
    split: dict[str, Any] = {"validation": validation, "test": test}
    if counts is None:
        return Parts(split)
    least = 1 + bool(validation) + bool(test)
    few = {text: count for text, count in counts.items() if count < least}
    if not few:
        return Parts(split)
    kept = len(counts) - len(few)
    if kept and len(few) > 1 and sum(few.values()) >= least:
        return Parts(split, "merge", tuple(few))
    if kept > 1:
        return Parts(split, "drop", tuple(few), sum(few.values()))
    return Parts({**split, "stratify": False}, None, tuple(few))


def why(parts: Parts, rows: int, groups: Sequence[str], ordered: Sequence[str]) -> list[str]:
    """What to say of the parts, a sentence each."""
    split = parts.split
    said = []
    if not split["test"]:
        said.append(f"{rows} rows are too few to hold some out.")
    elif not split["validation"]:
        said.append(
            "A fifth of the rows tests the model, once, at the end. All others train, for as long "
            "as `training` says; `validation: 0.2` shows the loss of unseen rows by epoch."
        )
    else:
        share = f"{split['validation']:.0%}".replace("%", " %")
        said.append(
            f"{share} of the rows validate: they decide when to stop. A fifth tests: it is looked "
            "at once, at the end."
        )
    if "stratify" in split:
        names = ", ".join(f"'{short(text)}'" for text in parts.few[:5])
        said.append(f"Classes with fewer rows than parts ({names}) do not occur in all of them.")
    for name in groups[:1]:
        said.append(
            f"Several rows have the same '{short(name)}'. If the model is for new ones, keep the "
            "rows of each together:"
        )
    for name in ordered[:1]:
        said.append(
            f"The rows are in the order of '{short(name)}'. If the model is for later ones, test "
            "it on the latest:"
        )
    return said
