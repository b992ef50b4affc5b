"""A first gradient that is not finite is called that: no learning rate mends it."""

import dataclasses

import numpy as np
import pytest

from optcli.comparison.summary import diverged_at_once
from optcli.comparison.trials import TrialResult
from optcli.display.train.closing import closing
from optcli.losses.plain import PlainLoss
from optcli.objectives.base import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS
from optcli.training.history import History
from optcli.training.settings import SAM
from optcli.training.summary import summary
from optcli.training.trace import TracedOptimizer, trace
from tests.cohorts import cohort, data, final
from tests.for_each import for_each


@dataclasses.dataclass(frozen=True)
class Broken(PlainLoss):
    """mse, whose loss or gradient is not finite where told."""

    where: str = "gradient"

    def batch(self, scores, target):
        away = scores - target
        loss, slope = (away**2).mean(axis=1), 2 * away / away.shape[1]
        if self.where == "loss":
            loss[0] = np.nan
        elif self.where == "gradient":
            slope[0] = np.nan
        elif self.where == "later":
            slope *= 1e200  # finite, and too much for the second step
        return loss, slope


def trained(where, optimizer="sgd", **settings):
    made = cohort([optimizer], prepared=data(kind="values"), loss="mse", **settings)
    return final(dataclasses.replace(made, loss=Broken(where)))[-1]


def said(ended):
    """The line that explains a divergence."""
    lines = closing(summary(ended, History(), 1, None))
    return next(line for line in lines if "finite" in line)


@for_each("settings", [{"batch_size": "full"}, {"batch_size": 7}])
@for_each("more", [{}, {"accumulate": 2}, {"sam": SAM()}, {"clip_norm": 1.0}])
def test_the_first_gradient(settings, more):
    if more.get("accumulate") and settings["batch_size"] == "full":
        pytest.skip("nothing to accumulate")
    ended = trained("gradient", **settings, **more)
    assert ended.outcomes == ("diverged",)
    assert ended.steps.tolist() == [1]
    loss = float(ended.state.first_loss[0])
    assert 0 < loss < np.inf
    words = said(ended)
    assert words.startswith("the gradient was not finite at the first step, where the loss was ")
    assert float(words.rpartition(" ")[2]) == pytest.approx(loss, rel=1e-4)


def test_the_first_loss():
    ended = trained("loss")
    assert ended.steps.tolist() == [1]
    assert said(ended) == "the loss was not finite at the first step, before anything was learned"


def test_a_later_one_is_the_learning_rates_fault():
    rule = OPTIMIZERS.find("sgd")(lr=1.0)
    for size in (7, "full"):
        ended = trained("later", rule, batch_size=size)
        assert ended.outcomes == ("diverged",)
        assert "try a smaller learning rate" in said(ended)


def test_a_gradient_that_is_made_finite_again_is_no_matter():
    """Clipping holds an infinite entry; what diverges long after did not begin so."""
    ended = trained("gradient", "random_search")
    assert ended.outcomes == ("completed",)


def test_trace():
    class Kink(OBJECTIVES.find("booth")):
        def gradient(self, x, out):
            super().gradient(x, out)
            out[:] = out / 0 if self.start else out

    rule = OPTIMIZERS.find("sgd")()
    with np.errstate(all="ignore"):
        traced = trace(Kink(), [TracedOptimizer("sgd", rule)], steps=5)
    loss = float(Kink().value(np.array([Kink().start], float))[0])
    words = "the gradient was not finite at the first step, where the loss was"
    assert traced.diverged
    assert traced.fault == f"{words} {loss:.5g}"
    assert trace(OBJECTIVES.find("booth")(), [TracedOptimizer("sgd", rule)], steps=5).fault == ""


def test_a_comparison_counts_them():
    def result(outcome, steps):
        return TrialResult(None, outcome, steps, {}, {}, {})

    runs = {
        "sgd": [result("diverged", 1), result("diverged", 1)],
        "adam": [result("diverged", 2), result("completed", 1)],
    }
    assert diverged_at_once(runs).startswith("2 of 4 final runs diverged at the first step")
    assert diverged_at_once({"adam": runs["adam"]}) == ""
