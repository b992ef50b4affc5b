"""Refit: the config of the model that is trained at last, on all but the test part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optcli.data.split import Split

if TYPE_CHECKING:
    from optcli.config import Config


def refitted(config: Config, epochs: int) -> Config:
    """The config that trains on the validation rows, too, for so many epochs.

    The schedule is that of the whole length; nothing stops earlier, as nothing validates.
    """
    training = replace(config.training, early_stopping=None, stop_after=epochs)
    return replace(config, split=without_validation(config.split), training=training, space=None)


def without_validation(split: Split) -> Split:
    """The split with the same test rows, and all others to train on."""
    if split.folds:  # whose test rows are drawn as without validation rows
        return replace(split, folds=None, validation=0.0)
    return replace(split, refit=True)
