"""The suite is the same every time, and takes one core for each of its processes.

Hypothesis draws the same examples. Threads of the BLAS, of which every process would start
one for each core, wait for each other more than they compute.
"""

import numpy  # noqa: F401  (loads the BLAS)
from hypothesis import settings
from threadpoolctl import threadpool_limits

threadpool_limits(1, "blas")
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
