"""Entry points: what installed packages offer to a registry.

The group `optcli.losses` holds losses, and so on by the plural of each kind. An entry point's
name is what a config calls it, its value the class: `charbonnier = "package.losses:Charbonnier"`.
To read them runs no code of a package. To load one does; a registry does that only for a name
that it does not know.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optcli.core.errors import InvalidInput, OptcliError

# What was loaded, by kind and name.
loaded: dict[tuple[str, str], Offer] = {}
# Why one is not loaded again: its module is there, and would not register anything anew.
_refused: dict[Offer, str] = {}


@dataclass(frozen=True)
class Offer:
    """An entry point of an installed package.

    kind: the plural. value: `module:Class`. package, version: of the distribution.
    """

    kind: str
    name: str
    value: str
    package: str
    version: str

    @property
    def top(self) -> str:
        """The package that is imported: the first part of the module's name."""
        return self.value.partition(":")[0].partition(".")[0].strip()

    @property
    def source(self) -> str:
        """`optcli-charbonnier 1.0`."""
        return f"{self.package} {self.version}"


def offers(kind: str, name: str | None = None) -> list[Offer]:
    """What installed packages offer of a kind, or of this name, sorted by name and package.

    Of two installations of a package the one that is found first counts, as for imports.
    Packages whose metadata cannot be read are passed over.
    """
    from importlib import metadata  # takes as long to import as all of core

    found: set[Offer] = set()
    for distribution in metadata.distributions():
        try:
            own = distribution.entry_points.select(group=f"optcli.{kind}")
            if not own:
                continue
            package, version = str(distribution.metadata["Name"]), str(distribution.version)
            if metadata.version(package) == version:
                found |= {Offer(kind, each.name, each.value, package, version) for each in own}
        except Exception:  # metadata may be damaged in any way
            continue
    found = {offer for offer in found if name in (None, offer.name)}
    return sorted(found, key=lambda offer: (offer.name, offer.package, offer.value))


def load(registry: Any, name: str, registries: Mapping[str, Any]) -> bool:
    """Register what an installed package offers under the name; whether one does.

    registries: all, by their plurals. Where loading fails nothing stays registered, and it is
    InvalidInput with the package, its version, the entry point and what is wrong.
    """
    found = offers(registry.plural, name)
    if not found:
        return False
    what = f"{registry.kind} '{name}'"
    if len(found) > 1:
        several = " and ".join(f"{offer.source} ({offer.value})" for offer in found)
        raise InvalidInput(f"{what} is offered by {several}; uninstall all but one")
    [offer] = found
    before = {plural: each.state() for plural, each in registries.items()}
    try:
        _register(registry, offer, registries, before)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        for plural, each in registries.items():
            each.restore(before.get(plural))
        wrong = error.faults[0].message if isinstance(error, OptcliError) else _raised(error)
        where = f"{what} of {offer.source} (entry point {offer.value})"
        raise InvalidInput(f"{where} {wrong}") from error
    loaded[registry.plural, name] = offer
    return True


def _register(
    registry: Any, offer: Offer, registries: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """Import the class and see that it, and nothing that is not offered, is registered."""
    from importlib.metadata import EntryPoint

    if offer in _refused:
        raise InvalidInput(_refused[offer])
    cls = EntryPoint(offer.name, offer.value, f"optcli.{offer.kind}").load()
    base = f"optcli.plugins.{registry.base.__name__}"
    if not (isinstance(cls, type) and issubclass(cls, registry.base)):
        what = f"the class {cls.__name__}" if isinstance(cls, type) else f"a {type(cls).__name__}"
        raise InvalidInput(f"is {what}; must be a class derived from {base}")
    own, others = vars(cls).get("name", offer.name), vars(cls).get("aliases", ())
    if offer.name not in (own, *others):
        raise InvalidInput(f"registers itself as '{own}'; the entry point must have that name")
    if not registry.holds(cls, own):
        registry.register(own, *others)(cls)
    offered = functools.cache(offers)
    for plural, each in registries.items():
        for name, of in each.since(before.get(plural)):
            top = of.__module__.partition(".")[0]
            tops = {rival.top for rival in offered(plural) if rival.name == name}
            if (plural, name) != (offer.kind, offer.name) and top not in tops:
                message = f"registers {each.kind} '{name}' too, which has no entry point; add"
                message += f' {name} = "{of.__module__}:{of.__qualname__}" to optcli.{plural}'
                _refused[offer] = message
                raise InvalidInput(message)
            if len(tops) > 1:
                each.forget(name)  # who asks for it is told that several packages offer it


def _raised(error: BaseException) -> str:
    """`fails on import: ImportError: No module named 'nothere' (module package.losses, line 3)`."""
    text = f"fails on import: {type(error).__name__}: {error}".removesuffix(": ")
    *_, place = ["", *_places(error)]
    return f"{text} ({place})" if place else text


def _places(error: BaseException) -> Iterator[str]:
    """Where an error passed through code that is neither Python's importing nor optcli's."""
    if isinstance(error, SyntaxError) and error.filename:
        yield f"{error.filename}, line {error.lineno}"
        return
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in ("optcli", "importlib", "importlib_metadata"):
            yield f"module {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
