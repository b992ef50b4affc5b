"""Gates: conditions on the verdict that decide the exit code."""

import json
import math
from dataclasses import replace

import pytest

from optcli.cli.main import run
from optcli.comparison import gate
from optcli.comparison.ranking import Family
from optcli.comparison.settings import ComparisonSettings
from optcli.core.errors import InvalidInput
from tests.for_each import for_each
from tests.test_compare import SHORT, write

SUMMARY = {
    "pairs": [
        {
            "a": "adam",
            "b": "sgd",
            "difference": -0.5,
            "ci_low": -0.9,
            "ci_high": -0.1,
            "p_value": 0.02,
            "verdict": "a",
        }
    ],
    "quantity": "test_loss",
    "higher_is_better": False,
    "seeds": 10,
    "correction": 1,
}
TIED = {"ci_low": -0.9, "ci_high": 0.02, "verdict": "tied"}


def passed(option, condition, **changes):
    """Whether a condition holds of a summary of one pair, and what is said of it."""
    pair = SUMMARY["pairs"][0] | {k: v for k, v in changes.items() if k not in SUMMARY}
    summary = SUMMARY | {k: v for k, v in changes.items() if k in SUMMARY} | {"pairs": [pair]}
    settings = replace(ComparisonSettings(), **{option: (condition,)})
    (found,) = gate.parsed(settings, ["adam", "sgd"])
    told = gate.checked(found, summary)
    assert bool(gate.failures({"": summary | {"gates": [told]}})) != told["passed"]
    return told["passed"], told["said"]


def test_unless_one_beats_the_other():
    assert passed("fail_unless", "adam beats sgd")[0]
    assert not passed("fail_unless", "sgd beats adam")[0]
    assert not passed("fail_unless", "adam beats sgd", **TIED)[0]
    assert not passed("fail_if", "adam beats sgd")[0]
    assert passed("fail_if", "sgd beats adam")[0]
    assert passed("fail_if", "adam beats sgd", **TIED)[0]


@for_each(
    ("condition", "changes", "expected", "words"),
    [
        ("adam worse than sgd by 0", {}, True, "excluded"),
        ("adam worse than sgd by 0.02", TIED, False, "not excluded"),
        ("adam worse than sgd by 0.021", TIED, True, "excluded"),
        ("sgd worse than adam by 0.1", {}, False, "sgd is worse than adam by 0.1 or more"),
        ("sgd worse than adam by 0.5", {}, False, "not excluded"),
        ("sgd worse than adam by 0.9", {}, False, "not excluded"),
        ("sgd worse than adam by 0.91", {}, True, "excluded"),
        # of an accuracy, less is worse
        ("adam worse than sgd by 0.9", {"higher_is_better": True}, False, "not excluded"),
        ("adam worse than sgd by 0.91", {"higher_is_better": True}, True, "excluded"),
        ("sgd worse than adam by 0", {"higher_is_better": True}, True, "excluded"),
        # nothing is excluded where the interval has no end
        ("adam worse than sgd by 1e9", {"ci_high": math.inf}, False, "not excluded"),
    ],
)
def test_worse_by_a_margin_has_to_be_excluded(condition, changes, expected, words):
    found, said = passed("fail_if", condition, **changes)
    assert found == expected
    assert said.startswith(words)


def test_numbers_are_those_of_the_condition():
    said = passed("fail_unless", "sgd beats adam")[1]
    assert said == (
        "not shown that sgd beats adam: test loss of sgd minus adam 0.5, "
        "95 % interval [0.1, 0.9], p 0.02"
    )
    said = passed("fail_unless", "adam beats sgd", seeds=5, **TIED)[1]
    assert said.endswith("; 5 seeds cannot show any difference, 6 are the fewest")


def test_labels_may_have_blanks_and_the_words_of_conditions():
    settings = ComparisonSettings(
        fail_unless=("it beats all beats the rest",), fail_if=("a by b worse than  it by .5",)
    )
    one, two = gate.parsed(settings, ["it beats all", "the rest", "a by b", "it"])
    assert (one.a, one.b) == ("it beats all", "the rest")
    assert (two.a, two.b, two.margin) == ("a by b", "it", 0.5)


def test_whole_configs_may_be_named_by_their_paths():
    settings = ComparisonSettings(fail_unless=("c/a.yaml beats b",), fail_if=("b beats c/a.yaml",))
    given = {"c/a.yaml": "a", "c/b.yaml": "b"}
    one, two = gate.parsed(settings, ["a", "b"], paths=given)
    assert (one.a, one.b, two.a, two.b) == ("a", "b", "b", "a")
    settings = ComparisonSettings(fail_unless=("c/a.yaml beats a",))
    with pytest.raises(InvalidInput, match="which names 'a' twice"):
        gate.parsed(settings, ["a", "b"], paths=given)
    settings = ComparisonSettings(fail_unless=("c/x.yaml beats b",))
    with pytest.raises(InvalidInput, match=r"must be one of a, b; did you mean 'c/"):
        gate.parsed(settings, ["a", "b"], paths=given)


def test_a_pair_that_is_not_tested_is_refused():
    settings = ComparisonSettings(fail_unless=("adam beats lion",))
    with pytest.raises(InvalidInput, match="each is tested against sgd only"):
        gate.parsed(settings, ["sgd", "adam", "lion"], Family("sgd"))
    assert gate.parsed(settings, ["sgd", "adam", "lion"], Family("adam"))


REFUSED = {
    ("--fail-unless", "adam wins"): "is 'adam wins'; must be 'A beats B'",
    ("--fail-unless", "adam worse than sgd by 1"): "must be 'A beats B'",
    ("--fail-if", "adam"): "is 'adam'; must be 'A beats B' or 'A worse than B by D'",
    ("--fail-if", "adam worse than sgd"): "must end with 'by D', a number of at least 0",
    ("--fail-if", "adam worse than sgd by x"): "must end with 'by D', a number of at least 0",
    ("--fail-if", "adam worse than sgd by -1"): "must end with 'by D', a number of at least 0",
    ("--fail-if", "adma worse than sgd by 1"): (
        "but no entry is called 'adma'; must be one of sgd, adam; did you mean 'adam'?"
    ),
    ("--fail-unless", "sgd beats sgd"): "names 'sgd' twice; must name two entries",
}


@pytest.mark.parametrize(("option", "condition"), REFUSED)
def test_refused_before_anything_runs(option, condition, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "sgd", "adam", option, condition]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {option}: is '{condition}'")
    assert said.err.strip().endswith(REFUSED[option, condition])
    assert not said.out
    assert not list(tmp_path.iterdir())


def test_the_exit_code_and_one_line_say_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["compare", "sgd", "adam", *SHORT[:-1], "--out", "c", "--json"]
    # after two epochs of the built-in problem SGD is far behind
    good = ["--fail-unless", "adam beats sgd", "--fail-if", "adam worse than sgd by 0.01"]
    assert run([*words[:-1], *good]) == 0
    assert "comparison folder: c (config of adam: best/adam.yaml)" in capsys.readouterr().out
    assert run([*words, *good]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [each["passed"] for each in summary["gates"]] == [True, True]
    assert run([*words, *good, "--fail-if", "sgd worse than adam by 0.01"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: --fail-if: 'sgd worse than adam by 0.01': sgd is worse")
    assert said.err.count("\n") == 1
    kept = json.loads((tmp_path / "c" / "summary.json").read_text())["gates"]
    assert [each["passed"] for each in kept] == [True, True, False]


def test_of_several_configs_each_must_pass(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paths = [write(tmp_path / f"{name}.yaml", "cross_entropy") for name in ("one", "two")]
    words = ["compare", "sgd", "adam", "--tune", "1", "--seeds", "2", "--quiet", "--no-plots"]
    words += [f"--config={path}" for path in paths]
    assert run([*words, "--fail-unless", "sgd beat adam"]) == 2
    assert not (tmp_path / "runs").exists()
    assert run([*words, "--fail-unless", "sgd beats adam"]) == 1
    said = capsys.readouterr().err.splitlines()[-2:]
    heads = [line.partition(" of")[0] for line in said]
    expected = "--fail-unless: 'sgd beats adam': not shown that sgd beats adam: test loss"
    assert heads == [f"error: {name}: {expected}" for name in ("one", "two")]
