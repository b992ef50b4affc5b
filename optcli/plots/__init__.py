"""Plots: pictures one would put in a paper.

    style       the shared look, and `render` and `save`
    ticks       where an axis is marked, and in what words
    loss        `loss_curve`
    boundary    `decision_boundary`
    regression  `predicted_against_true`
    matrix      `confusion`

Every picture is a matplotlib `Figure`, never pyplot's: no display is needed and
no global state is touched. matplotlib is imported when the first one is drawn.
"""

from __future__ import annotations

from optcli.plots.boundary import decision_boundary
from optcli.plots.loss import loss_curve
from optcli.plots.matrix import confusion
from optcli.plots.regression import predicted_against_true
from optcli.plots.style import render, save

__all__ = [
    "confusion",
    "decision_boundary",
    "loss_curve",
    "predicted_against_true",
    "render",
    "save",
]
