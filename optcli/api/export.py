"""`export`: a trained model in a file that needs no optcli.

found = optcli.export("runs/iris", "iris.onnx")
found.parts["inputs"]
"""

from __future__ import annotations

from pathlib import Path

from optcli.api.predict import Run, load
from optcli.exports.exported import Exported, check


def export(run: Run | str | Path, file: str | Path, *, overwrite: bool = False) -> Exported:
    """Write a trained model with its preparation to a file; returns what is in it.

    run: a run, or its folder. file: its suffix tells the format, `.onnx`, `.safetensors` or `.py`.
    overwrite: whether a file that is there may be replaced. Raises InvalidInput where the run has
    no model, or the format cannot hold it; EnvironmentFailed.

        >>> import optcli
        >>> found = optcli.export("runs/iris", "iris.onnx")
        >>> [column.name for column in found.parts["inputs"]]
        ['sepal_length', 'sepal_width', 'petal_length', 'petal_width']
    """
    check(file, overwrite=overwrite)
    done = run if isinstance(run, Run) else load(run)
    return done.export(file, overwrite=overwrite)
