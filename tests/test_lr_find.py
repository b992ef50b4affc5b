"""The learning-rate range test: its losses, what it suggests, and the rate in the config file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.config.editing import with_hyperparameter
from optcli.config.loading import load
from optcli.core.errors import InvalidInput
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.range_test import RangeTest, Rates
from tests.cohorts import cohort

IRIS = Path(__file__).parent.parent / "configs" / "iris.yaml"
RATES = Rates(1e-4, 10.0, 60)
CONFIG = """\
# what I found out
dataset: {name: blobs, samples: 60}   # small
model: linear
loss: cross_entropy
optimizer:
  name: sgd     # plain
  lr: 0.05      # a guess
schedule: cosine
training: {epochs: 2, batch_size: 16}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


def test_the_losses_are_those_of_steps_with_growing_rates():
    """On ½(x² + 5y²), and a momentum that is kept from step to step."""
    start, m = np.array([1.0, 1.0]), 0.9
    config = {
        "objective": {"name": "quadratic", "condition": 5, "start": [1.0, 1.0]},
        "optimizer": {"name": "momentum", "momentum": m},
        "schedule": {"name": "cosine", "warmup": 0.3},
        "training": {"steps": 7},
        "dtype": "float64",
    }
    found = optcli.lr_find(config, min_lr=1e-3, max_lr=0.5, steps=20, seeds=2).test
    x, v, curvature = start, np.zeros(2), np.array([1.0, 5.0])
    for lr, losses in zip(np.geomspace(1e-3, 0.5, 20), found.losses, strict=True):
        np.testing.assert_allclose(losses, 0.5 * (curvature * x * x).sum(), rtol=1e-9)
        v = m * v - lr * curvature * x
        x = x + v


def test_a_seed_has_the_same_losses_alone_and_among_others():
    whole = cohort(["adam"] * 3, seeds=(1, 2, 3), epochs=3, batch_size=16)
    together = RangeTest.of(whole, RATES).losses
    for i, replica in enumerate(whole.replicas):
        alone = RangeTest.of(replace(whole, replicas=[replica]), RATES).losses
        np.testing.assert_array_equal(together[:, i], alone[:, 0])


def curve(heights, seeds=3, noise=0.0):
    """A test whose losses are heights of the logarithm of the rate."""
    lr = Rates().lr
    rng = np.random.default_rng(0)
    shape = len(lr), seeds
    return RangeTest(lr, heights(np.log10(lr))[:, None] + noise * rng.normal(size=shape))


def test_it_suggests_a_rate_below_that_of_the_lowest_loss():
    found = curve(lambda x: 1 + 0.0 * x - 0.8 * np.exp(-((x + 1) ** 2)), noise=0.02)
    assert 0.05 < found.lr[found.lowest] < 0.2
    low, lr, high = found.suggestion.low, found.suggestion.lr, found.suggestion.high
    assert low < lr < high == float(f"{found.lr[found.lowest]:.2g}")
    assert found.diverged == (None, None, None)
    assert "suggested" in found.reason


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_it_suggests_nothing_where_the_loss_does_not_fall(slope):
    found = curve(lambda x: 1 + slope * (x + 6), noise=0.05)
    assert found.suggestion is None
    assert "did not fall" in found.reason


def test_it_suggests_nothing_where_the_lowest_rates_diverge():
    found = curve(lambda x: np.where(x < 0, np.inf, 1.0))
    assert found.suggestion is None
    assert found.reason == "the loss is not finite even at the lowest rates: test lower ones"
    assert found.diverged == (found.lr[0],) * 3


def test_rates_that_all_diverge_are_said_without_a_warning(folder, capsys):
    words = ["--set", "optimizer.name=sgd", "--min-lr", "1e5", "--max-lr", "1e6"]
    assert run(["lr-find", str(IRIS), *words]) == 1
    said = capsys.readouterr()
    assert "the loss is not finite even at the lowest rates: test lower ones" in said.out
    assert said.err == ""


def test_it_says_that_the_loss_was_still_falling():
    assert "still falling" in curve(lambda x: 3 - 0.2 * x).reason


def test_it_marks_where_each_seed_diverged():
    """Not finite, or four times as high as in the beginning, and no later finite loss counts."""
    losses = np.ones((200, 3))
    losses[50:, 0] = 5.0
    losses[100:, 1] = np.inf
    found = RangeTest(Rates().lr, losses)
    assert found.diverged == (found.lr[50], found.lr[100], None)
    assert np.isfinite(found.smooth).all()


def test_divergence_ends_the_test(folder):
    config = {"objective": "quadratic", "optimizer": "sgd", "training": {"steps": 5}}
    found = optcli.lr_find(config, max_lr=1e6, seeds=1)
    lost = ~np.isfinite(found.test.losses[:, 0])
    assert lost.any()
    assert (np.diff(lost.astype(int)) >= 0).all()


def test_the_command_shows_a_table_the_suggestion_and_what_it_left_out(folder, capsys):
    assert run(["lr-find", "c.yaml", "-o", "p.png"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("c, sgd: 200 steps from 1e-06 to 100, 5 seeds\n")
    assert "suggested learning rate: " in out
    assert "the config has 0.05)" in " ".join(out.split())
    assert "the test replaces the schedule (cosine)" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "c.yaml").read_text() == CONFIG


def test_json_has_every_rate_and_the_summary(folder, capsys):
    assert run(["lr-find", "c.yaml", "--json", "--steps", "40", "--seeds", "2"]) == 0
    *rates, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["event"] for each in rates] == ["rate"] * 40
    assert rates[0]["lr"] == 1e-6
    assert all(each["low"] <= each["median"] <= each["high"] for each in rates)
    assert last["event"] == "summary"
    assert last["interval"][0] < last["suggested"] <= last["interval"][1]


def test_write_changes_the_rate_and_nothing_else(folder, capsys):
    assert run(["lr-find", "c.yaml", "--write"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    lr = load("c.yaml").optimizer.lr
    assert said == f"c.yaml: optimizer.lr set to {lr:g}"
    assert (folder / "c.yaml").read_text() == CONFIG.replace("0.05", f"{lr:g}".replace("e-0", "e-"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "lr-find c.yaml --set optimizer=prodigy",
            "error: --set optimizer.name: is prodigy, which has no learning rate to find: its lr "
            "is the multiplier of the estimated learning rate\n",
        ),
        (
            "lr-find c.yaml --write --set training.batch_size=8",
            "error: --write: the file does not have training.batch_size=8, for which the rate "
            "would be; write that into it first\n",
        ),
        (
            "lr-find c.yaml --min-lr 1 --max-lr 2",
            "error: --max-lr: is 2; must be at least 10 times 1, and at most 1e6\n",
        ),
        ("lr-find c.yaml -o c.yaml", None),
        ("lr-find c.yaml -o p.gif", None),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(folder, capsys, words, message):
    assert run(words.split()) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message is None or err == message
    assert (folder / "c.yaml").read_text() == CONFIG


def test_an_objective_without_a_descent_has_no_suggestion(folder, capsys):
    (folder / "c.yaml").write_text(
        "objective: {name: quadratic, start: [0, 0]}\noptimizer: sgd\ntraining: {steps: 10}\n"
    )
    assert run(["lr-find", "c.yaml", "--write"]) == 1
    assert "did not fall" in capsys.readouterr().out


def test_optimizers_whose_lr_is_none_are_known():
    """Their lr has another meaning in its documentation, or acts before the first step alone."""
    known = {cls.name for cls in OPTIMIZERS if not cls.lr_is_rate}
    assert {"rprop", "prodigy", "cocob", "newton", "gauss_newton", "random_search"} <= known
    assert not known & {"sgd", "momentum", "adam", "adamw", "lion", "lars", "lbfgs", "adafactor"}


EDITS = {
    "optimizer: adam": "optimizer: {name: adam, lr: 0.02}",
    "optimizer: adam  # why": "optimizer: {name: adam, lr: 0.02}  # why",
    "optimizer: {name: adam, lr: 1e-3, beta1: 0.8}": (
        "optimizer: {name: adam, lr: 0.02, beta1: 0.8}"
    ),
    "optimizer: {name: adam}": "optimizer: {name: adam, lr: 0.02}",
    "optimizer: {name: adam, }": "optimizer: {name: adam, lr: 0.02, }",
    "optimizer:\n  name: adam  # why\n  beta1: 0.8": (
        "optimizer:\n  name: adam  # why\n  lr: 0.02\n  beta1: 0.8"
    ),
    "optimizer:\r\n    name: adam\r\nseed: 1": (
        "optimizer:\r\n    name: adam\r\n    lr: 0.02\r\nseed: 1"
    ),
    "optimizer:\n  name: adam": "optimizer:\n  name: adam\n  lr: 0.02\n",
    "optimizer:\n  # at first\n  lr: 1   # guess\n  name: 'adam'\n": (
        "optimizer:\n  # at first\n  lr: 0.02   # guess\n  name: 'adam'\n"
    ),
    "\ufeffoptimizer: adam": "\ufeffoptimizer: {name: adam, lr: 0.02}",
    '{"optimizer": "adam"}': '{"optimizer": {"name": "adam", "lr": 0.02}}',
    '{"optimizer": {"name": "adam"}}': '{"optimizer": {"name": "adam", "lr": 0.02}}',
}


@pytest.mark.parametrize("before", EDITS)
def test_one_value_of_a_text_is_changed(before, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(before.encode())
    assert with_hyperparameter(path, "optimizer", "lr", 0.02).decode() == EDITS[before]


@pytest.mark.parametrize(
    "text",
    [
        "average: &a {name: adam}\noptimizer: *a",
        "optimizer: &a {name: adam}\nother: *a",
        "rate: &r 0.1\noptimizer: {name: adam, lr: *r}",
        "optimizer: &a {name: adam, lr: &r 0.1}\nother: *r",
        "seed: 1",
        "optimizer: [adam]",
        '{\n\t"optimizer": "adam"\n}',  # JSON with tabs, which is no YAML
        "optimizer:\n  name: >\n    adam\nseed: 0",  # the line would go below the seed's
    ],
)
def test_a_text_that_cannot_be_edited_safely_is_refused(text, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="cannot be edited safely"):
        with_hyperparameter(path, "optimizer", "lr", 0.02)


def test_python_gives_the_test_a_picture_and_a_table(folder):
    found = optcli.lr_find("c.yaml", seeds=2, steps=50)
    assert found.suggestion.lr == pytest.approx(found.test.lr[found.test.lowest] / 10, rel=0.05)
    assert found.plot().axes
    assert f"{found.suggestion.lr:.2g}" in found._repr_html_()
    assert repr(found) == f"<LearningRateTest c: {found.suggestion.lr}>"
