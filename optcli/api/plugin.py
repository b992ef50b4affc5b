"""`plugin check`: everything that a plug-in registers, held to the laws of its kind."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcli.core import entry_points, former_paths
from optcli.core.errors import Fault, InvalidInput, shown, suggestion
from optcli.core.registry import REGISTRIES
from optcli.plugins import loading
from optcli.plugins.catalog import PLACES_OF_OFFERS, registry
from optcli.plugins.laws import all_kinds
from optcli.plugins.laws.base import Finding, place


@dataclass(frozen=True)
class Inspected:
    """A class that a plug-in registers, and what was found of it, law by law.

    kind: `loss`, `optimizer`, …. file, line: where the class begins.
    """

    kind: str
    name: str
    file: str | None
    line: int | None
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether no law is broken."""
        return not any(found.fault and found.grave for found in self.findings)


def inspect_file(path: Path) -> Iterator[Inspected]:
    """Load a plug-in, and hold what it registers to the laws, one class after the other.

    Raises InvalidInput for a file that is none, fails on import, or registers nothing.
    """
    before, told = _classes(), set(former_paths.told)
    with warnings.catch_warnings():  # told below
        warnings.filterwarnings("ignore", f".*{former_paths.UNTIL}", DeprecationWarning)
        loading.load([path])
    found = [cls for cls in _classes() if cls not in before or _is_in(cls, path)]
    if not found:
        names = [cls.__name__ for cls in _forgotten(path)]
        what = f"; {names[0]} is a class for it" if names else ""
        message = f"registers nothing{what}: put @LOSSES.register('name'), say, above @dataclass"
        raise InvalidInput(Fault(message, file=str(path)))
    yield from _inspected(found)
    for file, (line, message) in former_paths.told.items():
        if file not in told or _same_file(file, path):
            found_there = Finding("imports from optcli.plugins", message, False)
            yield Inspected("file", Path(file).name, shown(Path(file)), line, (found_there,))
    for cls in _forgotten(path):
        note = f"{cls.__name__} is not registered: is a line @….register('name') missing above it?"
        yield Inspected("class", cls.__name__, *place(cls), (Finding("registered", note, False),))


def inspect_installed(name: str) -> Iterator[Inspected]:
    """Load what an installed package offers, and hold it to the laws, one class after the other.

    name: of the package, or of one thing that a package offers. What cannot be loaded breaks a
    law. Raises InvalidInput where nothing is called so.
    """
    every = [offer for kind in PLACES_OF_OFFERS for offer in entry_points.offers(kind)]
    word = name.lower().replace("_", "-")
    chosen = [each for each in every if each.package.lower().replace("_", "-") == word]
    chosen = chosen or [each for each in every if each.name == name]
    if not chosen:
        known = {text for each in every for text in (each.package, each.name)}
        message = f"is '{name}': no file, and nothing that an installed package offers"
        hint = suggestion(name, known) or "; see: optcli list --plugins"
        raise InvalidInput(Fault(message + hint, parameter="file"))
    found: dict[type[Any], None] = {}
    for offer in chosen:
        kind = registry(offer.kind)
        try:
            if offer.name in kind.built_in():
                raise InvalidInput(
                    f"is never used: optcli has {kind.kind} '{offer.name}'; rename it"
                )
            found[kind.find(offer.name)] = None
        except InvalidInput as error:
            findings = (Finding("it can be loaded", error.faults[0].message),)
            yield Inspected(kind.kind, offer.name, None, None, findings)
    yield from _inspected(found)


def _inspected(classes: Iterable[type[Any]]) -> Iterator[Inspected]:
    for kind, cls in all_kinds.kinds_of(classes):
        try:
            findings = tuple(all_kinds.check(kind, cls))
        except InvalidInput as error:
            message = "; ".join(fault.message for fault in error.faults)
            findings = (Finding("it can be made from its defaults", f"not checked: {message}"),)
        yield Inspected(kind.registry.kind, cls.name, *place(cls), findings)


def _classes() -> list[type[Any]]:
    """All that is registered and not optcli's own, in the order of its files."""
    return [
        each.find(name)
        for each in REGISTRIES.values()
        for name in sorted(each.foreign())
        if each.find(name).name == name  # type: ignore[attr-defined]
    ]


def _is_in(cls: type[Any], path: Path) -> bool:
    file, _ = place(cls)
    return file == shown(path.resolve())


def _forgotten(path: Path) -> list[type[Any]]:
    """Classes of the file that could be registered, and are not, nor the base of one that is."""
    bases = tuple(each.base for each in REGISTRIES.values())
    module = next(
        (m for m in sys.modules.values() if _same_file(getattr(m, "__file__", None), path)), None
    )
    own = [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and cls.__module__ == module.__name__
        and issubclass(cls, bases)
        and not inspect.isabstract(cls)
    ] if module is not None else []  # fmt: skip
    known = [cls for cls in own if vars(cls).get("name")]
    return [cls for cls in own if not any(issubclass(each, cls) for each in known)]


def _same_file(file: str | None, path: Path) -> bool:
    return file is not None and Path(file).resolve() == path.resolve()
