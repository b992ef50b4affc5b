"""Dataset: where a table comes from, and what its columns are for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from optcli.core.registry import Registry
from optcli.core.specs import CacheFolder, Doc, InputFile, Registered, marked, named
from optcli.data import table as tables
from optcli.data.reading_rules import RULES, Reading
from optcli.data.table import Table

Missing = Literal["error", "drop", "impute"]
Unlabelled = Literal["error", "drop"]
RareClasses = Literal["error", "drop", "merge"]
Unknown = Literal["error", "ignore"]


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are for.

    target: one or more. features: in this order; None means every column without
    another role. categorical: columns that are text whatever they hold; the empty
    tuple demands numbers of every feature. missing: what to do where a value is.
    unlabelled: what to do with rows without a target, where `missing` does not drop them.
    image: channels, height and width, where the features are an image's pixels:
    channel by channel, line by line. rare_classes: what to do with classes of fewer than
    rare_below rows; None stands for the number of parts that the split makes. dates, numeric:
    columns of dates and of written numbers. rare_categories: categories of fewer training
    rows become one, `other`; below 1 it is a fraction of them. unknown: what to do with
    categories that no row of the table had.
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
    unlabelled: Unlabelled = "error"
    dates: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    rare_categories: float | None = None
    unknown: Unknown = "error"

    def without(self, which: str) -> str:
        """How to do without a feature, or several: `list it in dataset.exclude`."""
        if self.features is not None:
            return f"remove {which} from dataset.features"
        return f"list {which} in dataset.exclude"


@dataclass(frozen=True)
class Dataset(Registered):
    """A source of one table.

    A kind gives `table` and `roles`; the other methods have a default. Its fields are the
    keys of the config. A field that names a file is marked `InputFile()`, one that names a
    folder for copies `CacheFolder()`: they are then relative to the config, and a run may be
    resumed where they have moved.

    synthetic: whether the table is made by rule, so that there is nothing to find in it.
    """

    synthetic: ClassVar[bool] = False

    standardize: Annotated[
        bool, Doc("scale to mean 0 and standard deviation 1 of the training rows")
    ] = True

    @abstractmethod
    def table(self, seed: int, rules: int = RULES) -> Table:
        """The table; `seed` is the run's, `rules` those it is read by. Raises InvalidInput."""

    @abstractmethod
    def roles(self) -> Roles:
        """What the columns of the table are for."""

    def read(self, path: str | Path, reading: Reading) -> Table:
        """The table in a file with the same columns, such as rows to predict.

        By default in any format that optcli reads. Raises InvalidInput.
        """
        return tables.read(path, reading)

    def other(self, path: str, reading: Reading) -> Table:
        """The rows of a part that has a file of its own, as `split.validation` may name one."""
        return self.read(path, reading)

    def fresh(self, rows: int, seed: int, number: int) -> Table | None:
        """More rows from the same distribution as `table(seed)`; None where there are none.

        number: which of as many samples as one likes.
        """
        return None

    def cells(self) -> int:
        """How many cells `table` will make; 0 where that shows only then."""
        return 0

    def streams(self, size: int, rules: int = RULES) -> bool:
        """Whether inputs of `size` bytes are encoded when they are needed instead of kept.

        rules: those by which the table was read.
        """
        return False

    def settled(self, *, streams: bool) -> Self:
        """The same, with the choice whether its inputs are streamed where it left that open."""
        return self

    def rows_by(self) -> dict[str, Any]:
        """The fields that decide on the rows and their targets, not on their preparation.

        Configs that agree in them, and in the split, have the same rows.
        """
        aside = {"standardize", *marked(type(self), CacheFolder)}
        return {name: value for name, value in named(self).items() if name not in aside}

    def input_files(self) -> Iterator[tuple[str, str]]:
        """The files that the table is read from: the key, as in `dataset.path`, and the path."""
        for name in marked(type(self), InputFile):
            value = getattr(self, name)
            if isinstance(value, str):
                yield f"dataset.{name}", value
            else:
                yield from ((f"dataset.{name}[{i}]", path) for i, path in enumerate(value or ()))

    def cached_in(self, folder: Path) -> Self:
        """The same, with its copies in `folder` where it names no place for them."""
        names = [n for n in marked(type(self), CacheFolder) if getattr(self, n) is None]
        places: dict[str, Any] = dict.fromkeys(names, str(folder))
        return replace(self, **places) if places else self

    def has_key(self, key: str) -> bool:
        """Whether a config can set it, so that a message may name it."""
        return key in named(self)


DATASETS: Registry[Dataset] = Registry("dataset", "datasets", "optcli.data", Dataset)
