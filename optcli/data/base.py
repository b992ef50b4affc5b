"""Dataset: where a table comes from, and what its columns are for."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from optcli.core.registry import Registry
from optcli.core.specs import Doc, Registered
from optcli.data.reading import RULES, Reading
from optcli.data.table import Table

Missing = Literal["error", "drop", "impute"]
RareClasses = Literal["error", "drop", "merge"]


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are for.

    target: one or more. features: in this order; None means every column without
    another role. categorical: columns that are text whatever they hold; the empty
    tuple demands numbers of every feature. missing: what to do where a value is.
    image: channels, height and width, where the features are an image's pixels:
    channel by channel, line by line. rare_classes: what to do with classes of fewer than
    rare_below rows; None stands for the number of parts that the split makes.
    """

    target: tuple[str, ...]
    features: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] | None = None
    weights: str | None = None
    missing: Missing = "error"
    image: tuple[int, ...] | None = None
    rare_classes: RareClasses = "error"
    rare_below: int | None = None

    def without(self, which: str) -> str:
        """How to do without a feature, or several: `list it in dataset.exclude`."""
        if self.features is not None:
            return f"remove {which} from dataset.features"
        return f"list {which} in dataset.exclude"


@dataclass(frozen=True)
class Dataset(Registered):
    """A source of one table.

    made_up: whether the table is made by rule, so that there is nothing to find in it.
    """

    made_up: ClassVar[bool] = False

    standardize: Annotated[bool, Doc("mean 0 and deviation 1, by the training rows")] = True

    @abstractmethod
    def table(self, seed: int, rules: int = RULES) -> Table:
        """The table; `seed` is the run's, `rules` those it is read by. Raises InvalidInput."""

    @abstractmethod
    def roles(self) -> Roles:
        """What the columns of the table are for."""

    @abstractmethod
    def other(self, path: str, reading: Reading) -> Table:
        """A further table with the same columns, such as validation rows in a file."""


DATASETS: Registry[Dataset] = Registry("dataset", "datasets", "optcli.data", Dataset)
