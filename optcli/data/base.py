"""Dataset: where a table comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from optcli.registry import Registry
from optcli.specs import Doc, Registered


@dataclass(frozen=True)
class Dataset(Registered):
    """A source of one table."""

    standardize: Annotated[bool, Doc("mean 0 and deviation 1, by the training rows")] = True


DATASETS: Registry[Dataset] = Registry("dataset", "datasets", "optcli.data")
