"""Kept: training runs that are parts of another folder, each to the bits of the run alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optcli.api.check import Setup
from optcli.api.train import Listener, train_in
from optcli.core.errors import InvalidInput
from optcli.core.jsonable import jsonable
from optcli.storage import files, interruption, kinds, results, run_folder, seals


def keep(
    setup: Setup,
    folder: Path,
    name: str,
    part_of: kinds.Kind,
    *,
    title: str,
    plots: bool | str = False,
    listeners: Iterable[Listener] = (),
    test: Mapping[str, float] | None = None,
) -> bool:
    """Train in a folder that lies in another, unless the finished run is there; whether it did.

    name: what its config is called. part_of: the kind of the other. test: scores that take the
    place of those of the test part. Raises InvalidInput, EnvironmentFailed, KeyboardInterrupt.
    """
    from optcli import config as configs

    text = configs.dump(setup.config, folder)
    recorded = {**setup.environment(name), "part_of": part_of.name}
    if has(folder, text, recorded):
        return False
    run_folder.empty(folder)
    kinds.rewrite(folder, kinds.TRAIN, text, recorded)
    with interruption.watched() as watch:
        done = train_in(setup, folder, title, plots, listeners, watch)
    if done.signal is not None:
        interruption.at_once(done.signal, None)
    if test:
        files.write_json(folder / "summary.json", {**done.summary, "test": test})
        seals.seal(folder, kinds.TRAIN)
    return True


def has(folder: Path, config: str, environment: Mapping[str, Any]) -> bool:
    """Whether a folder holds the finished run of this config, by the same plug-ins."""
    try:
        whole = seals.is_sealed(folder) and seals.first_damage(folder) is None
        return (
            whole
            and (folder / kinds.CONFIG).read_text(encoding="utf-8") == config
            and kinds.recorded(folder).get("plugins") == jsonable(environment["plugins"])
            and results.summary(folder).get("outcome") != "interrupted"
        )
    except (InvalidInput, OSError):
        return False
