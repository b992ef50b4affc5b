"""The suite is the same every time, and takes one core for each of its processes.

Hypothesis draws the same examples. Threads of the BLAS, of which every process would start
one for each core, wait for each other more than they compute.
"""

import numpy  # noqa: F401  (loads the BLAS)
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from optcli.plugins import loading

threadpool_limits(1, "blas")
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _plugins_of_this_test_alone():
    """Forget the plug-ins that a test loads: each is part of every later run of its process."""
    before = list(loading.loaded)
    yield
    loading.loaded[:] = before
