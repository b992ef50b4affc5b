"""Packages: installed packages as plug-ins, and what a run keeps of them.

What they offer is found and loaded by `core.entry_points`. By name and version a package is known
again; one that is not in site-packages, as after `pip install -e`, by its text as well.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optcli.core import entry_points
from optcli.core.entry_points import Offer
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import REGISTRIES, homes
from optcli.plugins import sources


@dataclass(frozen=True)
class PackageRecord:
    """What a run keeps of an installed package whose code it runs.

    registers: the names that it made known, by the plural of their kind. sha256: of its Python
    files where they are the user's own, else None.
    """

    package: str
    version: str
    sha256: str | None
    registers: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> frozenset[str]:
        """All that it made known."""
        return frozenset(name for names in self.registers.values() for name in names)

    def __str__(self) -> str:
        return f"package {self.package}"

    def same(self, other: PackageRecord) -> bool:
        """Whether both are of the same code, as far as they can tell."""
        known = None not in (self.sha256, other.sha256)
        return self.version == other.version and not (known and self.sha256 != other.sha256)


def record_of(told: Mapping[str, Any]) -> PackageRecord:
    """The record that `asdict` has made a mapping of."""
    names = {str(kind): tuple(map(str, names)) for kind, names in told["registers"].items()}
    return PackageRecord(**{**told, "registers": names})


def loaded() -> list[PackageRecord]:
    """The packages that have registered what they offer, however they were imported."""
    if not homes():
        return []
    found: dict[tuple[str, str], PackageRecord] = {}
    for kind, registry in REGISTRIES.items():
        own = registry.since(None)
        offers = entry_points.offers(kind) if own else []
        for name, cls in own:
            offer = next((each for each in offers if _is_of(each, name, cls)), None)
            if offer is None:
                continue
            before = found.get((offer.package, offer.version)) or _record(offer)
            registers = {**before.registers, kind: (*before.registers.get(kind, ()), name)}
            found[offer.package, offer.version] = replace(before, registers=registers)
    return [found[key] for key in sorted(found)]


def _is_of(offer: Offer, name: str, cls: type[Any]) -> bool:
    loaded = entry_points.loaded.get((offer.kind, name)) == offer
    return offer.name == name and (loaded or cls.__module__.partition(".")[0] == offer.top)


def _record(offer: Offer) -> PackageRecord:
    return PackageRecord(offer.package, offer.version, _digest(offer.top), {})


def installed(record: PackageRecord) -> PackageRecord | None:
    """The same package as it is installed here; None where it is not. No code of it is run."""
    offers = [
        offer
        for kind, names in record.registers.items()
        for offer in entry_points.offers(kind)
        if offer.name in names and offer.package == record.package
    ]
    return replace(_record(offers[0]), registers=record.registers) if offers else None


def _digest(top: str) -> str | None:
    """SHA-256 of all Python files of a package that is the user's own; None for any other."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    files = [(folder, file) for folder in folders for file in folder.rglob("*.py")]
    if not folders and spec.origin:
        files = [(Path(spec.origin).parent, Path(spec.origin))]
    if not files or not all(sources.is_local(file) for _, file in files):
        return None
    names = sorted((file.relative_to(folder).as_posix(), file) for folder, file in files)
    total = hashlib.sha256()
    for name, file in names:
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def difference(old: PackageRecord, new: PackageRecord | None) -> str:
    """How the package is another now, in words; "" where it is not."""
    if new is None:
        return "is not installed"
    if old.version != new.version:
        return f"is version {new.version} here, not {old.version}"
    return "" if old.same(new) else f"has changed, though its version is still {old.version}"


def load_same(records: Sequence[PackageRecord]) -> None:
    """Load the packages in a worker; raises InvalidInput where it has others than are recorded."""
    from optcli.plugins.catalog import registry

    for old in records:
        if wrong := difference(old, installed(old)):
            message = f"{old} {wrong}, on a worker; install {old.version} there, as here"
            raise InvalidInput(Fault(message))
        for kind, names in old.registers.items():
            for name in names:
                registry(kind).find(name)


def modules() -> list[Path]:
    """The folders and files of the packages that were loaded by a name."""
    found = []
    for offer in entry_points.loaded.values():
        spec = importlib.util.find_spec(offer.top)
        if spec is not None:
            folders = spec.submodule_search_locations
            found += [Path(place) for place in folders or [spec.origin or ""]]
    return found
