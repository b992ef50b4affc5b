"""Plots: pictures one would put in a paper.

    style       the shared look, and `render` and `save`
    looks       the colour, dash and marker of each optimizer
    fonts       which fonts draw a text, and what becomes of one that none draws
    ticks       where an axis is marked, and in what words
    loss        `loss_curve`
    boundary    `decision_boundary`
    regression  `predicted_against_true`
    matrix      `confusion`
    roc         `roc`, `precision_recall`
    reliability `reliability`
    residuals   `residuals`
    importance  `permutation_importance`
    effects     `effects`, the scores of a search by each key
    gradcheck   `error_by_step`, `error_ratios`
    samples     `samples`
    schedule    `schedule_curve`
    trace       `trace_map`, `trace_animation`
    landscape   `landscape_map`, `landscape_animation`
    layers      `layers`, activations and gradients over a training
    contours    the ground below the paths of a trace
    animation   `gif`, the frames of a figure
    panel       the frame of a comparison's pictures
    comparison  `curves`, `profile`, `reached_targets`, `tuning_curves`
    sensitivity `sensitivity`, the results by learning rate
    pairs       `pair_differences`, `wins`
    range_test  `range_test`, the loss by learning rate
    overlay     `overlay`, several runs over one another
    slopes      `slopes`, functions above their derivatives
    figures     which figures a run gets
    drawing     a figure that is to be drawn, here or elsewhere
    evaluation  which figures an evaluation gets
    ready       what a process that only draws loads before it is asked

Every picture is a matplotlib `Figure`, never pyplot's: no display is needed and
no global state is touched. matplotlib is imported when the first one is drawn.
"""

from __future__ import annotations

from optcli.plots.boundary import decision_boundary
from optcli.plots.comparison import curves, profile, reached_targets, tuning_curves
from optcli.plots.effects import effects
from optcli.plots.gradcheck import error_by_step, error_ratios
from optcli.plots.importance import permutation_importance
from optcli.plots.landscape import landscape_animation, landscape_map
from optcli.plots.loss import loss_curve
from optcli.plots.matrix import confusion
from optcli.plots.overlay import Line, overlay
from optcli.plots.pairs import PairRow, pair_differences, wins
from optcli.plots.regression import predicted_against_true
from optcli.plots.reliability import reliability
from optcli.plots.residuals import residuals
from optcli.plots.roc import precision_recall, roc
from optcli.plots.samples import samples
from optcli.plots.schedule import schedule_curve
from optcli.plots.sensitivity import Tried, sensitivity
from optcli.plots.slopes import Slope, slopes
from optcli.plots.style import render, save
from optcli.plots.trace import trace_animation, trace_map

__all__ = [
    "Line",
    "PairRow",
    "Slope",
    "Tried",
    "confusion",
    "curves",
    "decision_boundary",
    "effects",
    "error_by_step",
    "error_ratios",
    "landscape_animation",
    "landscape_map",
    "loss_curve",
    "overlay",
    "pair_differences",
    "permutation_importance",
    "precision_recall",
    "predicted_against_true",
    "profile",
    "reached_targets",
    "reliability",
    "render",
    "residuals",
    "roc",
    "samples",
    "save",
    "schedule_curve",
    "sensitivity",
    "slopes",
    "trace_animation",
    "trace_map",
    "tuning_curves",
    "wins",
]
