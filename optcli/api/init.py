"""`init`: write a config for a table, or the example.

found = optcli.init("config.yaml", data="houses.csv", target="price")
found.text, found.columns
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optcli.core import schema_file
from optcli.core.errors import Fault, InvalidInput, setting
from optcli.core.shell import quoted
from optcli.storage import files, outputs

if TYPE_CHECKING:
    from optcli.starter.proposal import Proposal
    from optcli.starter.trial import Listener

STDOUT = outputs.STDOUT


@dataclass(frozen=True)
class Starter:
    """A config that `init` proposes.

    file: where it was written, None where it was not. text: the YAML. table: the path of the
    table. rows: of it that have a target.
    """

    file: Path | None
    text: str
    table: str
    proposal: Proposal

    @property
    def config(self) -> dict[str, Any]:
        """The config as plain values, `dataset.path` as seen from the current folder."""
        return self.proposal.values

    @property
    def rows(self) -> int:
        """Rows that have a target."""
        return self.proposal.rows

    @property
    def columns(self) -> list[dict[str, str]]:
        """Each column: its name, what it is (kind), its use, and what there is to say of it."""
        return [asdict(finding) for finding in self.proposal.findings]

    @property
    def goal(self) -> str:
        """What is predicted, in words."""
        return self.proposal.goal.said


def init(
    file: str | Path | None = None,
    *,
    data: str | Path | None = None,
    target: str | Sequence[str] = (),
    seed: int = 0,
    quick: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> Starter:
    """Write a commented config for a table, with all that can be read off it.

    file: where to; None writes nothing. data: the table; None stands for the iris example,
    whose table is written beside the config. target: the column to predict, or several.
    seed: of the config, and so of its split. quick: whether no models are tried, so that the
    number of rows decides. overwrite: whether an existing file may be replaced. listener: called
    with each `starter.trial.Trying` while models are tried. Raises InvalidInput where there is no
    such column, or nothing to predict.

        >>> import optcli
        >>> data = "configs/data/iris.csv"
        >>> found = optcli.init("new.yaml", data=data, target="species", quick=True)
        >>> found.text.startswith("# ")
        True
    """
    targets = [target] if isinstance(target, str) else list(target)
    if file is not None:
        _check_file(Path(file), data, overwrite)
    if data is None:
        if targets:
            raise InvalidInput(Fault("is missing; name the table", parameter="data"))
        return _example(file, seed, quick, overwrite, listener)
    if str(data) == "-":
        message = "is standard input, which training cannot read again; name a file"
        raise InvalidInput(Fault(message, parameter="data"))
    found = _proposal(str(data), targets, seed, quick, listener)
    text = _line(file) + found.text(_seen_from(str(data), file), _command(file))
    if file is not None:
        outputs.write(str(file), text.encode())
    return Starter(None if file is None else Path(file), text, str(data), found)


def _check_file(file: Path, data: str | Path | None, overwrite: bool) -> None:
    """Refuse a file that cannot become the config; a table may be meant, which is kept."""
    from optcli.data.formats import is_named_table

    if is_named_table(file):
        table = setting("data", quoted(str(file)))
        what = f"give {table}" if data is None else "name it config.yaml, say"
        message = f"is the name of a table; the config would be written there; {what}"
        raise InvalidInput(Fault(message, file=str(file)))
    outputs.check(str(file), inputs=[] if data is None else [data], said="the table")
    outputs.check_free(str(file), overwrite=overwrite)


def _proposal(
    data: str, targets: Sequence[str], seed: int, quick: bool, listener: Listener | None
) -> Proposal:
    from optcli.api.check import check
    from optcli.starter.proposal import propose

    found = propose(data, targets, seed, quick=quick, listener=listener or (lambda _: None))
    check(found.values)
    return found


def _example(
    file: str | Path | None, seed: int, quick: bool, overwrite: bool, listener: Listener | None
) -> Starter:
    """The config of the iris example; its table goes beside it."""
    from optcli.starter import example

    found = _proposal(str(example.TABLE), [example.TARGET], seed, quick, listener)
    text = _line(file) + found.text(example.TABLE.name, _command(file))
    if file is None:
        return Starter(None, text, example.TABLE.name, found)
    beside = Path(file).parent / example.TABLE.name
    content = example.TABLE.read_bytes()
    if not (beside.exists() and beside.read_bytes() == content):
        outputs.check_free(str(beside), overwrite=overwrite)
        files.write(beside, content)
    outputs.write(str(file), text.encode())
    return Starter(Path(file), text, str(beside), found)


def _line(file: str | Path | None) -> str:
    """The line that names the JSON Schema to an editor, where it is in the same project."""
    return "" if file is None else schema_file.line(Path(file))


def _seen_from(data: str, file: str | Path | None) -> str:
    """The path of a table as the config in `file` has it."""
    folder = Path() if file is None else Path(file).parent
    try:
        return Path(os.path.relpath(data, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(data).absolute().as_posix()


def _command(file: str | Path | None) -> str:
    return f"optcli train {quoted('config.yaml' if file is None else str(file))}"
