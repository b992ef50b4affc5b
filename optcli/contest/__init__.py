"""Contest: the Python door of `compare`.

    terms      on what terms is compared
    problem    who takes part, on what, and what is measured
    one        a comparison in its folder
    several    the same on several configs
    pictures   which pictures a comparison gets
    found      what it leaves, and who is told how it goes

found = optcli.compare(["sgd", "adam"], "configs/iris.yaml")
found.summary["verdict"], found.summary["optimizers"][0]["median"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optcli.comparison.trials import forget
from optcli.contest import one, several
from optcli.contest.found import Benchmark, Found, Listener
from optcli.contest.problem import optimizers, whole
from optcli.contest.terms import Terms
from optcli.display.comparison import Quiet
from optcli.errors import Fault, InvalidInput

__all__ = ["Benchmark", "Found", "Listener", "Terms", "compare"]

CONFIGS = (".yaml", ".yml", ".json")


def compare(
    entries: Sequence[str | Path],
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] | None = None,
    overrides: Sequence[str] = (),
    *,
    terms: Terms | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    plots: bool = True,
    listener: Listener | None = None,
) -> Found | Benchmark:
    """Compare optimizers on a config, or whole configs, and keep the runs in a folder.

    entries: optimizers as on the command line (`adam`, `adam:lr=0.01,beta1=0.8`,
    `sgd:lr=0.1|0.01`), or the paths of configs. config: what the optimizers train; without
    one a built-in problem; of several, each is a comparison of its own. overrides:
    `KEY=VALUE`, for all configs. out: the folder, by default
    `runs/compare-<config>-<date>-<time>`; one of the same data, model and budget is gone on
    with. Raises InvalidInput, EnvironmentFailed.
    """
    terms, listener = terms or Terms(), listener or Quiet()
    terms.check()
    forget()
    words = [str(entry) for entry in entries]
    named = [word for word in words if _is_config(word)]
    if named and len(named) < len(words):
        other = next(word for word in words if word not in named)
        message = f"'{other}' is no config; compare optimizers, or configs, not both"
        raise InvalidInput(Fault(message, "ENTRY"))
    if named and config is not None:
        raise InvalidInput(Fault("stands beside whole configs; give one of the two", "--config"))
    folder = None if out is None else Path(out)
    many = config is not None and not isinstance(config, str | Path | Mapping)
    configs = list(config) if many else [config]  # type: ignore[arg-type]
    if not named and len(configs) > 1:
        return several.run(words, configs, overrides, terms, folder, overwrite, plots, listener)
    problem = whole(words, overrides) if named else optimizers(words, configs[0], overrides)
    return one.run(problem, terms, folder, overwrite, plots, listener)


def _is_config(word: str) -> bool:
    return word.lower().endswith(CONFIGS) or "/" in word or Path(word).is_file()
