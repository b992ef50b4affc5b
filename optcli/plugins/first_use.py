"""First use: an optimizer that is not optcli's own is held to the laws before it trains.

It takes milliseconds, and is done once for each rule in a process; of a comparison in the
parent, so that workers need not. optcli's own are held to the same laws by its test suite.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from optcli.core.errors import Fault, InvalidInput
from optcli.optimizers.base import Optimizer

_held: set[str] = set()


def check_before_training(optimizers: Iterable[Optimizer]) -> None:
    """Raise InvalidInput with one line for each rule that breaks a law: what to write instead.

    What a rule's own code raises comes through.
    """
    faults = [fault for rule in optimizers if (fault := _broken(rule)) is not None]
    if faults:
        raise InvalidInput(*faults)


def _broken(rule: Optimizer) -> Fault | None:
    """The first law that the rule breaks, in words; None where it keeps them all."""
    cls = type(rule)
    if cls.__module__.partition(".")[0] == "optcli" or repr((cls, rule)) in _held:
        return None
    import numpy as np

    from optcli.plugins.failures import line_of, words
    from optcli.plugins.laws.base import place, placed
    from optcli.plugins.laws.optimizers import LAWS

    with np.errstate(all="ignore"):
        for law in LAWS:
            try:
                message = law.fault(rule)
            except Exception as error:
                file, _ = place(cls)
                if file is None or line_of(error, Path(file)) is not None:
                    raise
                return placed(cls, "optimizer", words(error))  # optcli could not even call it
            if message:
                return placed(cls, "optimizer", message)
    _held.add(repr((cls, rule)))
    return None
