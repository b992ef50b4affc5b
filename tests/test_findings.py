"""The findings of `docs/findings` over several seeds: what each page says of them comes out.

Their commands run with one seed, in `test_pages`. Those pages that rest on `compare` have ten by
themselves; that on κ has no chance in it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optcli import config as configs
from optcli.api.check import Setup
from optcli.config import inline_spec
from optcli.core.events import EpochEnded
from optcli.objectives.base import OBJECTIVES
from optcli.optimizers.base import OPTIMIZERS
from optcli.surface.by_epoch import with_sharpness
from optcli.training import train_cohort
from optcli.training.trace import TracedOptimizer, trace

FINDINGS = Path(__file__).parent.parent / "docs/findings"
SEEDS = range(10)


def said(page):
    """The text of a page in one line."""
    return re.sub(r"\s+", " ", (FINDINGS / f"{page}.md").read_text())


def span(values, digits=2):
    """`0.12 to 0.34`, as pages say it."""
    low, high = (f"{end:#.{digits}g}".rstrip(".") for end in (min(values), max(values)))
    return f"{low} to {high}"


def epochs(config, *settings, seeds=SEEDS):
    """The measured epochs of a cohort with a replica, and a table, for each seed."""
    each = [
        Setup.of(configs.load(FINDINGS / f"{config}.yaml", [*settings, f"seed={seed}"])).cohort
        for seed in seeds
    ]
    cohort = replace(each[0], replicas=[own.replicas[0] for own in each], metrics=())
    events = with_sharpness(train_cohort(cohort), cohort)
    return [event for event in events if isinstance(event, EpochEnded)]


def paths(objective, optimizers, steps):
    """For each seed the paths, in the order of the optimizers."""
    ground = inline_spec.chosen(OBJECTIVES, objective)
    rules = [TracedOptimizer(w, inline_spec.chosen(OPTIMIZERS, w), False) for w in optimizers]
    found = []
    for seed in SEEDS:
        own = {p.label: p for p in trace(ground, rules, steps=steps, seed=seed).paths}
        found.append([own[word] for word in optimizers])
    return found


def edge(rate, *settings, seeds=SEEDS):
    """The sharpness (K, S) over 2/lr wherever it was measured, and the training losses (N, S)."""
    found = epochs("edge", f"optimizer.lr={rate}", *settings, seeds=seeds)
    sharpness = np.array([each.sharpness for each in found])
    losses = np.array([each.train_loss for each in found])
    return sharpness[np.isfinite(sharpness).all(axis=1)] * rate / 2, losses


@pytest.mark.long
def test_the_sharpness_rises_to_the_edge_and_stays():
    shares, losses = edge(0.5, "training.epochs=500", "training.sharpness=20", seeds=range(3))
    assert shares[0].max() < 0.25
    assert shares.max(axis=0).min() > 1
    late = shares[12:].mean(axis=0)
    assert 0.8 < late.min() < late.max() < 1.4
    assert (np.diff(losses, axis=0) > 0).mean(axis=0).min() > 0.1  # it goes up and down
    assert (losses[-1] < losses[0] / 3).all()  # and falls all the same


@pytest.mark.study
def test_the_edge_over_ten_seeds():
    found = [edge(rate, "training.sharpness=50") for rate in (0.25, 0.5, 1)]
    peaks = np.concatenate([shares.max(axis=0) for shares, _ in found])
    late = np.concatenate([shares[9:].mean(axis=0) for shares, _ in found])
    falls = np.concatenate([losses[-1] / losses[0] for _, losses in found])
    rises = np.concatenate([(np.diff(losses, axis=0) > 0).mean(axis=0) for _, losses in found])
    first, _ = edge(1, "training.epochs=1", "training.sharpness=1")
    assert first.max() < 0.5
    assert 1 < peaks.min() < peaks.max() < 2.2
    assert 0.7 < late.min() < late.max() < 1.5
    assert rises.min() > 0.1
    assert falls.max() < 0.25


@pytest.mark.long
def test_adam_forgets_the_rare_gradient_with_every_seed():
    short = "lr=0.01,beta1=0,beta2=0.1"
    rules = [f"adam:{short}", f"amsgrad:{short}", "adam:lr=0.01"]
    found = [[p.distance[-300:].mean() for p in own] for own in paths("reddi", rules, 1500)]
    wrong, right, usual = np.array(found).T
    page = said("amsgrad")
    assert f"over the last fifth of the steps is {span(right)} for AMSGrad" in page
    assert f"{span(usual)} for Adam with its default settings" in page
    assert f"and {wrong.mean():.1f} for Adam with β₂ = 0.1" in page
    assert wrong.min() > 2 > 0.05 > max(right.max(), usual.max())


@pytest.mark.study
def test_the_average_is_nearer_with_every_seed():
    rules = ["sgd:lr=0.05", "sgd:lr=0.005", "asgd:lr=0.05,lambd=0,t0=100"]
    found = [[p.distance[-1] for p in own] for own in paths("noisy_quadratic", rules, 3000)]
    large, small, average = np.array(found).T
    page = said("averaging")
    assert f"it is {span(large / average)} times as near" in page
    assert f"and {span(small / average)} times as near as" in page
    assert (small > average).all()
    assert (large > average).all()


@pytest.mark.study
def test_thirty_layers_learn_with_he_only():
    lost = {init: epochs("depth", f"model.init={init}")[-1].train_loss for init in ("he", "glorot")}
    assert (abs(lost["glorot"] - np.log(2)) < 5e-4).all()
    assert (lost["he"] < 0.3).sum() >= 9


@pytest.mark.study
def test_the_rate_scales_with_the_batch_with_every_seed():
    def end(rows, rate):
        settings = f"training.batch_size={rows}", f"optimizer.lr={rate}"
        return epochs("batches", *settings)[-1].train_loss

    small = end(32, 0.1)
    ratios = {rows: end(rows, rate) / small for rows, rate in ((128, 0.4), (512, 1.6), (1600, 5))}
    assert 0.95 < ratios[128].min() < ratios[128].max() < 1.2
    assert 1 < ratios[512].min() < ratios[512].max() < 10
    assert ratios[1600].min() < 1 < 10 < ratios[1600].max()
    assert (end(512, 0.1) / small).min() > 5


@pytest.mark.study
def test_variance_reduction_arrives_where_there_is_noise_to_reduce():
    def end(*settings):
        return epochs("variance", *settings)[-1].train_loss

    least = end("optimizer.name=newton", "optimizer.lr=1", "training.batch_size=full")
    above = {name: end(f"optimizer.name={name}") - least for name in ("sgd", "svrg", "saga")}
    noisy = least > 0.3
    assert noisy.sum() == 5
    page = said("variance")
    assert f"sgd ends {span(above['sgd'][noisy])} above it" in page
    most = max(above["svrg"][noisy].max(), above["saga"][noisy].max())
    assert f"SVRG and SAGA at most {most:.1g}".replace("e-0", "e-") in page
    apart = (above["svrg"] - above["sgd"])[~noisy] / (least + above["sgd"])[~noisy]
    assert f"within {100 * abs(apart).max():.1f} % of sgd" in page
