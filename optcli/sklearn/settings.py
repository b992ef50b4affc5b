"""Settings: from the parameters of an estimator to a config, and back in messages."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

from optcli.core.errors import Fault, InvalidInput

# Where in a config a parameter goes.
PLACES = {
    "hidden": "model.hidden",
    "activation": "model.activation",
    "loss": "loss",
    "optimizer": "optimizer",
    "lr": "optimizer.lr",
    "schedule": "schedule",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "patience": "training.early_stopping.patience",
    "validation_fraction": "split.validation",
    "l2": "regularization.l2",
    "standardize": "dataset.standardize",
    "missing": "dataset.missing",
    "categorical": "dataset.categorical",
    "dtype": "dtype",
    "random_state": "seed",
}
_PARAMETERS = {place: name for name, place in PLACES.items()}
_KEY = re.compile(r"\b[a-z]+(?:\.[a-z_0-9]+)+\b")
OWN = ("objective",)  # sections that an estimator has no use for


class InvalidParameters(InvalidInput, ValueError):
    """Parameters or data of an estimator are not as they must be: InvalidInput, as a ValueError."""


@contextlib.contextmanager
def in_parameters() -> Iterator[None]:
    """Tell of faults by the names of the parameters, as scikit-learn's users expect it."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidParameters(*map(_renamed, error.faults)) from error


def _renamed(fault: Fault) -> Fault:
    key = fault.key
    if key is not None:
        base = key.partition("[")[0]
        key = _parameter(base) + key[len(base) :]
    return replace(
        fault, key=key, message=_KEY.sub(lambda found: _parameter(found[0]), fault.message)
    )


def _parameter(key: str) -> str:
    """The parameter that sets a key of the config, or where in `settings` it goes."""
    if key in _PARAMETERS:
        return _PARAMETERS[key]
    section, _, rest = key.partition(".")
    if rest == "name" and section in _PARAMETERS:
        return section
    if section in ("loss", "optimizer", "schedule"):
        return key
    if not rest or section not in _SECTIONS:
        return key
    return "settings" + "".join(f"['{part}']" for part in key.split("."))


_SECTIONS = {place.partition(".")[0] for place in PLACES.values()}


def config_of(
    parameters: Mapping[str, Any], dataset: Mapping[str, Any], loss: str, seed: int, dtype: str
) -> dict[str, Any]:
    """The config that an estimator trains by.

    parameters: its own. dataset: the columns, by their role. loss: where it names none.
    Raises InvalidInput.
    """
    given = parameters.__getitem__
    hidden = given("hidden")
    hidden = [hidden] if isinstance(hidden, Integral) else list(hidden)
    model: dict[str, Any] = {"name": "linear"}
    if hidden:
        model = {"name": "mlp", "hidden": hidden, "activation": given("activation")}
    optimizer = _named(given("optimizer"))
    if given("lr") is not None:
        optimizer["lr"] = given("lr")
    training: dict[str, Any] = {"epochs": given("epochs"), "batch_size": given("batch_size")}
    if given("early_stopping"):
        training["early_stopping"] = {"patience": given("patience")}
    table: dict[str, Any] = {"name": "table", **dataset}
    table |= {"standardize": given("standardize"), "missing": given("missing")}
    if given("categorical") is not None:
        table["categorical"] = list(given("categorical"))
    config: dict[str, Any] = {
        "dataset": table,
        "split": {"validation": given("validation_fraction") if given("early_stopping") else 0},
        "model": model,
        "loss": given("loss") if given("loss") is not None else loss,
        "optimizer": optimizer,
        "schedule": given("schedule"),
        "regularization": {"l2": given("l2")},
        "training": training,
        "metrics": [],
        "seed": seed,
        "dtype": dtype,
    }
    return _merged(config, given("settings") or {})


def _named(section: Any) -> dict[str, Any]:
    """A section as a mapping with its name."""
    return dict(section) if isinstance(section, Mapping) else {"name": section}


def _merged(config: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The config with further keys; another name replaces what a section held."""
    for section in OWN:
        if section in settings:
            raise InvalidInput(Fault("an estimator learns from rows; remove it", section))
    merged = dict(config)
    for section, value in settings.items():
        there = merged.get(section)
        if isinstance(there, str) and isinstance(value, Mapping):
            there = {"name": there}
        named = isinstance(value, Mapping) and value.get("name")
        if not isinstance(there, Mapping) or not isinstance(value, Mapping):
            merged[section] = value
        elif named and named != there.get("name"):
            kept = {"hidden": there["hidden"]} if named == "cnn" and "hidden" in there else {}
            merged[section] = {**kept, **value}
        else:
            merged[section] = {**there, **value}
    return merged
