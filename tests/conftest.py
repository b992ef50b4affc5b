"""The suite is the same every time: Hypothesis draws the same examples."""

from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
