"""Plug-ins: files that register something of their own, and what a run keeps of them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optcli.core.errors import Fault, InvalidInput, OptcliError, setting, shown
from optcli.core.registry import PLUGIN, REGISTRIES
from optcli.plugins import failures, packages, sources
from optcli.plugins.packages import PackageRecord

# The files that were loaded, in order: a worker process loads the same.
loaded: list[Path] = []
_records: dict[Path, PluginRecord] = {}


@dataclass(frozen=True)
class PluginRecord:
    """What a run keeps of a plug-in: by this it is known again.

    file: its name. sha256: of its text. modules: the same of each local module that it
    imports, by the path from the plug-in's folder. registers: the names it made known.
    """

    file: str
    sha256: str
    modules: Mapping[str, str]
    registers: tuple[str, ...]

    @property
    def content(self) -> tuple[Any, ...]:
        """What two records of the same code have in common, wherever it lies."""
        modules = sorted((Path(name).name, checksum) for name, checksum in self.modules.items())
        return self.sha256, tuple(modules)


def load(paths: Iterable[Path]) -> None:
    """Run each file once, so that what it registers is known; raises InvalidInput if it fails."""
    for path in paths:
        if not path.is_file():
            wrong = "is a broken link" if path.is_symlink() else "no such file"
            wrong = "is a folder; must be a .py file" if path.is_dir() else wrong
            raise InvalidInput(Fault(wrong, file=str(path), parameter="plugin"))
        if path.suffix != ".py":
            raise InvalidInput(Fault("is no Python file (.py)", file=str(path), parameter="plugin"))
        if path.resolve() in loaded:
            continue
        name = f"{PLUGIN}{len(loaded)}_{path.stem}"
        loader = sources.SourceLoader(name, str(path))
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sources.open_folder(path.resolve().parent)
        before, known = set(sys.modules), _registered()
        sys.modules[spec.name] = module
        try:
            loader.exec_module(module)
            own, modules = sources.checksums(path.resolve(), before)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if lacking := failures.lacking(error):
                raise lacking from error
            message = failures.words(error)
            if not isinstance(error, OptcliError):
                message = f"fails on import: {message}"
            line = failures.line_of(error, path)
            raise InvalidInput(
                Fault(message, file=str(path), line=line, parameter="plugin")
            ) from error
        loaded.append(path.resolve())
        names = tuple(sorted(_registered() - known))
        _records[path.resolve()] = PluginRecord(path.name, own, modules, names)


def _registered() -> set[str]:
    """All names that plug-ins have registered so far, whatever the kind."""
    return {name for registry in REGISTRIES.values() for name in registry.foreign()}


# ---- what a run keeps of them ------------------------------------------------------------


HOW = ("changed", "missing", "new")


@dataclass(frozen=True)
class Change:
    """How a plug-in is another than when a run was made.

    file: what has changed, its own file or a module's. plugin: the plug-in's file. names:
    all that it registers or did. how: `changed`, `missing`, or `new` for one that was not
    there and registers nothing, so that nobody can tell what it does. package: of an installed
    one, as it was; detail: what is another.
    """

    file: str
    plugin: str
    names: frozenset[str]
    how: str
    package: PackageRecord | None = None
    detail: str = ""

    def fault(self, what: str, remedy: str) -> Fault:
        """The same as a fault. what: a run, say. remedy: what to do where it has changed."""
        if self.package is not None:
            names = ", ".join(f"'{name}'" for name in sorted(self.package.names))
            used = f"{self.package} {self.package.version}, from which this {what} has {names},"
            install = f"install {self.package.version}"
            remedy = remedy.replace("restore it", install) or install
            return Fault(f"{used} {self.detail}; {remedy if self.how == 'changed' else install}")
        if self.how == "missing":
            message = f"is a plug-in of this {what}; add {setting('plugin', self.plugin)}"
            return Fault(message, file=self.file)
        if self.how == "new":
            message = f"did not exist when this {what} was made; leave it out"
            return Fault(message, file=self.file, parameter="plugin")
        by = "" if self.file == self.plugin else f" ({self.plugin} imports it)"
        message = f"has changed since this {what} was made{by}; {remedy}"
        return Fault(message, file=self.file, parameter="plugin")


def identity(of: Any = None) -> list[dict[str, Any]]:
    """What environment.json says of the plug-ins that are loaded.

    of: settings; installed packages of which they name nothing are left out.
    """
    here = packages.loaded()
    if of is not None:
        here = [record for record in here if record.names & texts(of)]
    return [*(asdict(_records[path]) for path in loaded), *map(asdict, here)]


def changes(recorded: Any) -> list[Change]:
    """How the plug-ins that are loaded differ from those of `identity` that a run was made with.

    recorded: what environment.json says; None where it says nothing, as in version 0.1. One that
    is registered beside them is no change: it cannot take a name that a run has. Raises
    InvalidInput where the record is damaged.
    """
    if recorded is None:
        return []
    try:
        of_packages = [packages.record_of(each) for each in recorded if "package" in each]
        old = [_record(each) for each in recorded if "package" not in each]
        contents = [record.content for record in old]
    except (TypeError, KeyError, AttributeError) as error:
        message = "is damaged: its plug-ins are not described as optcli does"
        raise InvalidInput(Fault(message, file="environment.json")) from error
    here = [_records[path] for path in loaded]
    rest = [record for record in here if record.content not in contents]
    found = [*filter(None, map(_package_change, of_packages))]
    for record in old:
        if record.content in [each.content for each in here]:
            continue
        now = next((each for each in rest if each.file == record.file), None)
        if now is None:
            found.append(Change(record.file, record.file, frozenset(record.registers), "missing"))
            continue
        rest.remove(now)
        names = frozenset(record.registers + now.registers)
        found.append(Change(_changed(record, now), record.file, names, "changed"))
    alien = [each for each in rest if not each.registers]
    return found + [Change(each.file, each.file, frozenset(), "new") for each in alien]


def _package_change(old: PackageRecord) -> Change | None:
    """How an installed package is another now; None where it is not."""
    new = packages.installed(old)
    how = "missing" if new is None else "changed"
    detail = packages.difference(old, new)
    return Change(str(old), str(old), old.names, how, old, detail) if detail else None


def _record(recorded: Mapping[str, Any]) -> PluginRecord:
    """The record of which `identity` told."""
    return PluginRecord(**{**recorded, "registers": tuple(recorded["registers"])})


def _changed(old: PluginRecord, new: PluginRecord) -> str:
    """The file that tells two versions of a plug-in apart."""
    if old.sha256 != new.sha256:
        return new.file
    names = {**old.modules, **new.modules}
    return next(name for name in names if old.modules.get(name) != new.modules.get(name))


def check(
    recorded: Any, what: str, remedy: str, *, of: Any = None, how: Sequence[str] = HOW
) -> None:
    """Raise InvalidInput with every plug-in that is not as it was.

    recorded: as for `changes`. what, remedy: as for `Change.fault`. of: settings; those that
    name nothing of a plug-in are not touched by its change. how: which changes matter.
    """
    found = [change for change in changes(recorded) if change.how in how]
    if of is not None:
        found = [change for change in found if not change.names or change.names & texts(of)]
    if found:
        raise InvalidInput(*(change.fault(what, remedy) for change in found))


def texts(value: Any) -> set[str]:
    """All texts in a value, at whatever depth: the names that settings name are among them."""
    if isinstance(value, Mapping):
        return {text for inner in value.values() for text in texts(inner)}
    if isinstance(value, list | tuple):
        return {text for inner in value for text in texts(inner)}
    return {value} if isinstance(value, str) else set()


def load_same(paths: Sequence[Path], recorded: Sequence[Mapping[str, Any]]) -> None:
    """`load`, in a worker; raises InvalidInput where it has other code than `identity` told."""
    load(paths)
    packages.load_same([packages.record_of(each) for each in recorded if "package" in each])
    of_files = [each for each in recorded if "package" not in each]
    for path, each in zip(paths, of_files, strict=True):
        here, there = _records[path.resolve()], _record(each)
        if here.content != there.content:
            message = "has changed since the comparison began; start it again, dask workers too"
            name = _changed(there, here)
            raise InvalidInput(Fault(message, file=shown(path.parent / name), parameter="plugin"))


def failure(error: BaseException) -> OptcliError | None:
    """What to say of an error that passed through the code of a plug-in; None for any other."""
    if lacking := failures.lacking(error):
        return lacking
    for path in [*loaded, *failures.files(error, packages.modules())]:
        if fault := failures.failure(error, path):
            found = InvalidInput(fault)
            found.__cause__ = error
            return found
    return None


def suspect(error: BaseException) -> InvalidInput | None:
    """What to say of an error out of nowhere, where a plug-in is loaded: it does not fit."""
    places = [*loaded, *packages.modules()]
    if not places:
        return None
    message = f"does not fit optcli: {failures.words(error)} (for its traceback: "
    message += f"{setting('debug')})"
    parameter = "plugin" if loaded else None
    found = InvalidInput(Fault(message, file=", ".join(map(shown, places)), parameter=parameter))
    found.__cause__ = error
    return found
