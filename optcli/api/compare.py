"""`compare`: a fair comparison of optimizers, or of whole configs.

found = optcli.compare(["sgd", "adam"], "configs/iris.yaml")
found.summary["verdict"], found.summary["optimizers"][0]["median"]
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optcli.comparison import run_benchmark, run_comparison
from optcli.comparison.problem import optimizers, whole
from optcli.comparison.result import Benchmark, Comparison, Listener
from optcli.comparison.settings import ComparisonSettings
from optcli.comparison.trials import forget
from optcli.core.errors import Fault, InvalidInput

__all__ = ["Benchmark", "Comparison", "ComparisonSettings", "Listener", "compare"]

CONFIGS = (".yaml", ".yml", ".json")


def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: ComparisonSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool = True,
    listener: Listener | None = None,
    terms: ComparisonSettings | None = None,
) -> Comparison | Benchmark:
    """Compare optimizers on a config, or whole configs, and keep the runs in a folder.

    entries: optimizers as on the command line (`adam`, `adam:lr=0.01,beta1=0.8`,
    `sgd:lr=0.1|0.01`), or the paths of configs. config: what the optimizers train; without
    one a built-in problem; of several, each is a comparison of its own. overrides:
    `KEY=VALUE`, for all configs. out: the folder, by default
    `runs/compare-<config>-<date>-<time>`; one of the same data, model and budget is gone on
    with. listener: called with each event (`comparison.result`). Raises InvalidInput,
    EnvironmentFailed.
    """
    if terms is not None:
        message = "terms: is called settings now"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    settings, listener = settings or terms or ComparisonSettings(), listener or (lambda _: None)
    settings.check()
    forget()
    words = [str(entry) for entry in entries]
    named = [word for word in words if _is_config(word)]
    if named and len(named) < len(words):
        other = next(word for word in words if word not in named)
        message = f"'{other}' is no config; compare optimizers, or configs, not both"
        raise InvalidInput(Fault(message, parameter="entries"))
    if named and config is not None:
        message = "cannot be combined with whole configs; set only one"
        raise InvalidInput(Fault(message, parameter="config"))
    folder = None if out is None else Path(out)
    many = config is not None and not isinstance(config, str | Path | Mapping)
    configs = list(config) if many else [config]  # type: ignore[arg-type]
    if not named and len(configs) > 1:
        return run_benchmark.run(
            words, configs, overrides, settings, folder, overwrite, plots, listener
        )
    problem = whole(words, overrides) if named else optimizers(words, configs[0], overrides)
    return run_comparison.run(problem, settings, folder, overwrite, plots, listener)


def _is_config(word: str) -> bool:
    return word.lower().endswith(CONFIGS) or "/" in word or Path(word).is_file()
