"""The suite is the same every time, and takes one core for each of its processes.

Nothing waits for the disk: what a test writes need not outlive a loss of power. In processes of
their own commands wait, as they should.

It starts a hundred commands. What Python compiles for the first is kept for the others, even
where the environment says otherwise.

Hypothesis draws the same examples. Threads of the BLAS, of which every process would start
one for each core, wait for each other more than they compute. A comparison times the steps of
its optimizers for a moment only, except in tests that look at what is found.
"""

import os
import sys

import numpy  # noqa: F401  (loads the BLAS)
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from optcli.comparison import step_time
from optcli.plugins import loading

os.fsync = lambda _: None
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
threadpool_limits(1, "blas")
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")

WHOLE = {name: getattr(step_time, name) for name in ("ROUNDS", "SECONDS", "ROUND")}
step_time.ROUNDS, step_time.SECONDS, step_time.ROUND = 4, 0.0, 1e-4


@pytest.fixture
def whole_step_times(monkeypatch):
    """Time the steps of a comparison for as long as the command does."""
    for name, value in WHOLE.items():
        monkeypatch.setattr(step_time, name, value)


@pytest.fixture(autouse=True)
def _plugins_of_this_test_alone():
    """Forget the plug-ins that a test loads: each is part of every later run of its process."""
    before = list(loading.loaded)
    yield
    loading.loaded[:] = before
