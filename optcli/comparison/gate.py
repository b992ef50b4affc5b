"""Gate: conditions on the verdict that decide the exit code, for continuous integration.

    fail_unless  `A beats B`             passes if the comparison finds it
    fail_if      `A beats B`             passes unless the comparison finds it
                 `A worse than B by D`   passes only if the interval of the pair excludes it

The last is a test of non-inferiority: the 95 % interval of how much worse A is, which holds for all
pairs together and against each finalist of B, has to lie below D. So too few seeds never pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from optcli.comparison.ranking import ALONE, Family
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.signed_rank import fewest_seeds
from optcli.core.errors import Fault, InvalidInput, suggestion

BEATS, WORSE, BY = " beats ", " worse than ", " by "
FORMS = {
    "fail_unless": "'A beats B'",
    "fail_if": "'A beats B' or 'A worse than B by D'",
}


@dataclass(frozen=True)
class Gate:
    """One condition. option: `fail_unless` or `fail_if`. margin: D, of `A worse than B by D`."""

    option: str
    condition: str
    a: str
    b: str
    margin: float | None = None


def parsed(
    settings: ComparisonSettings,
    labels: Sequence[str],
    family: Family = ALONE,
    paths: Mapping[str, str] | None = None,
) -> list[Gate]:
    """The conditions of the settings; raises InvalidInput with all that cannot be answered.

    labels: of the entries. family: says which pairs are tested. paths: by which conditions may
    name entries too, with their labels.
    """
    names = {**(paths or {}), **{label: label for label in labels}}
    tested = [set(pair) for pair in family.pairs(labels)]
    found: list[Gate] = []
    faults: list[Fault] = []
    for option in FORMS:
        for condition in getattr(settings, option):
            try:
                found.append(own := _parsed(option, condition, names))
                if {own.a, own.b} not in tested:
                    message = f"is '{condition}', but each is tested against {family.reference} "
                    message += "only, for want of seeds; name that, or take more seeds"
                    raise InvalidInput(Fault(message, parameter=option))
            except InvalidInput as error:
                faults += error.faults
    if faults:
        raise InvalidInput(*faults)
    return found


def _parsed(option: str, condition: str, names: Mapping[str, str]) -> Gate:
    """names: by which a condition may name an entry, with its label."""
    text, margin = " ".join(condition.split()), None
    word = BEATS
    if option == "fail_if" and WORSE in text:
        word = WORSE
        text, by, amount = text.rpartition(BY)
        try:
            margin = float(amount) if by else math.nan
        except ValueError:
            margin = math.nan
        if not 0 <= margin < math.inf:
            message = f"is '{condition}'; must end with 'by D', a number of at least 0"
            raise InvalidInput(Fault(message, parameter=option))
    # a label may itself contain the word
    parts = text.split(word)
    pairs = [(word.join(parts[:i]), word.join(parts[i:])) for i in range(1, len(parts))]
    if not pairs:
        message = f"is '{condition}'; must be {FORMS[option]}"
        raise InvalidInput(Fault(message, parameter=option))
    a, b = next((pair for pair in pairs if names.keys() >= set(pair)), pairs[0])
    for label in (a, b):
        if label not in names:
            listed = ", ".join(dict.fromkeys(names.values()))
            message = f"is '{condition}', but no entry is called '{label}'; must be one of {listed}"
            raise InvalidInput(Fault(message + suggestion(label, names), parameter=option))
    a, b = names[a], names[b]
    if a == b:
        message = f"is '{condition}', which names '{a}' twice; must name two entries"
        raise InvalidInput(Fault(message, parameter=option))
    return Gate(option, condition, a, b, margin)


def checked(gate: Gate, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What summary.json says of a condition: whether it passed, by which numbers, in words.

    difference, ci_low, ci_high: of a minus b, as measured.
    """
    pair = next(p for p in summary["pairs"] if {p["a"], p["b"]} == {gate.a, gate.b})
    turned = pair["a"] != gate.a
    numbers = [pair[name] for name in ("difference", "ci_low", "ci_high")]
    if turned:
        numbers = [-numbers[0], -numbers[2], -numbers[1]]
    difference, low, high = numbers
    beats = pair["verdict"] == ("b" if turned else "a")
    # how much worse a is, at least and at most
    least, most = (-high, -low) if summary["higher_is_better"] else (low, high)
    if gate.margin is None:
        passed = beats == (gate.option == "fail_unless")
        words = f"{gate.a} beats {gate.b}" if beats else f"not shown that {gate.a} beats {gate.b}"
    else:
        passed = most < gate.margin
        by = f"{gate.a} is worse than {gate.b} by {gate.margin:g} or more"
        words = f"not excluded that {by}"
        words = by if least >= gate.margin else words
        words = f"excluded that {by}" if passed else words
    what = summary["quantity"].replace("_", " ", 1)
    words += (
        f": {what} of {gate.a} minus {gate.b} {difference:.3g}, "
        f"95 % interval [{low:.3g}, {high:.3g}], p {pair['p_value']:.2g}"
    )
    if summary["seeds"] < (fewest := fewest_seeds(summary["correction"])):
        words += f"; {summary['seeds']} seeds cannot show any difference, {fewest} are the fewest"
    return {
        **asdict(gate),
        "passed": passed,
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "p_value": pair["p_value"],
        "said": words,
    }


def failures(summaries: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    """What to say of the conditions that failed. summaries: by the title of the config, if any."""
    found = []
    for title, summary in summaries.items():
        for each in summary["gates"]:
            if not each["passed"]:
                words = f"'{each['condition']}': {each['said']}"
                found.append(Fault(words, file=title or None, parameter=each["option"]))
    return found
