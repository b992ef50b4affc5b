"""`report`: one HTML file on run folders, which needs no other.

optcli.report("runs/iris")  # writes runs/iris/report.html
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optcli.api import runs
from optcli.core.errors import Fault, InvalidInput
from optcli.display import report as pages
from optcli.storage import files, kinds, outputs, results, run_folder

SUFFIXES = (".html", ".htm")
MOST_FOLDERS = 100


def report(folders: str | Path | Sequence[str | Path], *, out: str | Path | None = None) -> Path:
    """Write the page on one run folder or several; returns its path.

    folders: of training runs, comparisons, traces, evaluations and gradient checks. Of several
    training runs the curves are drawn together. out: the file to write, by default `report.html`
    in the folder, or in the current folder if there are several. Raises InvalidInput,
    EnvironmentFailed.

        >>> import optcli
        >>> optcli.report("runs/iris").name
        'report.html'
    """
    named = [folders] if isinstance(folders, str | Path) else list(folders)
    paths = list(map(Path, named))
    file = destination(paths, out)
    return write(file, page(paths), paths)


def destination(folders: Sequence[Path], out: str | Path | None) -> Path:
    """Where the page goes; raises InvalidInput where it may not be written."""
    if not folders:
        raise InvalidInput(Fault("is missing; name one folder or more", parameter="folders"))
    for i, folder in enumerate(folders):
        if os.path.realpath(folder) in map(os.path.realpath, folders[:i]):
            raise InvalidInput(Fault("is listed twice", file=str(folder)))
    if len(folders) > MOST_FOLDERS:
        message = f"names {len(folders)} folders; must be at most {MOST_FOLDERS}"
        raise InvalidInput(Fault(message, parameter="folders"))
    if out is None:
        out = folders[0] / kinds.REPORT if len(folders) == 1 else Path(kinds.REPORT)
    if not _is_own(Path(out), folders):
        outputs.suffix(str(out), SUFFIXES)
        outputs.check(str(out))
    return Path(out)


def _is_own(file: Path, folders: Sequence[Path]) -> bool:
    """Whether the file is that of one of the folders, which may hold it."""
    if file.name != kinds.REPORT or file.is_symlink():
        return False
    return any(os.path.realpath(file.parent) == os.path.realpath(each) for each in folders)


def write(file: Path, content: bytes, folders: Sequence[Path]) -> Path:
    """Write the page; raises EnvironmentFailed."""
    if _is_own(file, folders):
        files.write(file, content)
    else:
        outputs.write(str(file), content)
    return file


def page(folders: Sequence[Path]) -> bytes:
    """The page's content. Raises InvalidInput for a folder that is none, or is damaged."""
    return pages.page([source(folder) for folder in folders])


def source(folder: Path) -> pages.Source:
    """What a folder says of itself; raises InvalidInput."""
    entry = runs.opened(folder)
    kind = kinds.of(folder)
    if kind is None or kind.name not in kinds.KINDS:
        what = "is not a run folder" if kind is None else f"is {kind.what}: {kind.repeat}"
        raise InvalidInput(Fault(what, file=str(folder)))
    summary: dict[str, Any] = dict(entry.summary)
    more: dict[str, Any] = {}
    if kind == kinds.TRAIN and (folder / results.HISTORY).is_file():
        more["history"] = results.history(folder)
    elif kind == kinds.COMPARE and summary:
        from optcli.comparison import read_back

        summary = read_back.summary(folder)
        chosen = {row["label"]: row["hyperparameters"] for row in summary["optimizers"]}
        more["runs"] = read_back.final_runs(folder, chosen)
    elif kind == kinds.BENCHMARK:
        parts = [path for path in run_folder.parts(folder) if run_folder.is_own(path)]
        more["parts"] = {path.name: source(path) for path in parts}
    elif kind == kinds.TUNE and summary:
        from optcli.api import tune

        more["trials"] = tune.read_trials(folder, summary)
    elif kind == kinds.TRACE and summary:
        from optcli.display.report import trace as traces

        more["paths"] = results.paths(folder)
        more["objective"] = traces.objective_of(_config(folder))
    elif kind == kinds.EVALUATE:
        if not summary:
            raise InvalidInput(Fault(f"is not finished; {kind.repeat}", file=str(folder)))
        from optcli.evaluation.stored import read

        more["evaluation"] = read(folder)
    return pages.Source(
        folder,
        kind.name,
        entry.outcome,
        summary,
        _text(folder / kinds.CONFIG),
        runs.settings(folder),
        kinds.recorded(folder) if (folder / kinds.ENVIRONMENT).is_file() else {},
        _files(folder),
        entry.resume,
        {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))},
        **more,
    )


def _config(folder: Path) -> Any:
    from optcli.config.yaml_text import read_written

    return read_written(folder / kinds.CONFIG)


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def _files(folder: Path) -> dict[str, int]:
    """Names and sizes of the folder's files, but for the page itself."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file()]
    return {
        path.name: path.stat().st_size
        for path in found
        if path.name != kinds.REPORT and not path.name.startswith(".")
    }
