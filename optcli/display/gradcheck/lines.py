"""JSON Lines of the checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from optcli.display.gradcheck.tally import Tally
from optcli.display.jsonl import JsonLines
from optcli.gradients.result import Result

if TYPE_CHECKING:
    from optcli.gradients.case import Case, CaseSet

WORST = 5  # entries that are listed


class GradientLines:
    """One JSON object for each case, its kind under `event`: `gradient`, then `summary`."""

    def __init__(self, stream: TextIO) -> None:
        self.lines = JsonLines(stream)
        self.tally = Tally()

    def __call__(self, checked: tuple[CaseSet, Sequence[tuple[Case, Result]]]) -> None:
        """A line for each case."""
        case_set, found = checked
        self.tally.take(result for _, result in found)
        for case, result in found:
            fields = {
                "kind": case_set.kind,
                "name": case_set.name,
                "what": case.what,
                "ok": result.ok,
                "outcome": result.outcome,
                "reason": result.reason,
                "unit": result.unit,
                "entries": len(result.ratio),
                **{word: result.count(word) for word in ("kink", "wrong", "unresolved")},
                "worst_ratio": result.worst_ratio,
                "value": result.value,
                "noise": result.noise,
                "unseen": int((~result.seen).sum()),
                "worst": [asdict(entry) for entry in result.worst(WORST)],
                "groups": [asdict(group) for group in result.groups()],
                "problems": [*result.problems, *([result.hint()] if result.hint() else [])],
                "notes": list(result.notes),
            }
            self.lines.emit("gradient", fields)

    def finish(self, seconds: float, notes: Iterable[str] = ()) -> None:
        """What it all came to."""
        tally = asdict(self.tally)
        summary = {"ok": not self.tally.failed, **tally, "seconds": seconds, "notes": list(notes)}
        self.lines.emit("summary", summary)

    def close(self) -> None:
        """Nothing is left open."""
