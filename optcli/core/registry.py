"""Registries: name -> class, for everything a config can name.

A registry knows the modules its members live in and imports them when they
are asked for: `losses.find("mse")` imports `losses/mse.py` alone where the name
is the file's, and all of them only to list, to resolve an alias, or to guess
what a misspelled name meant. A name that none of them has may be one that an
installed package offers (`entry_points`).
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from optcli.core import entry_points
from optcli.core.errors import Fault, InvalidInput, suggestion

T = TypeVar("T")

REGISTRIES: dict[str, Registry[object]] = {}
State = tuple[dict[str, Any], dict[str, str]]  # classes and aliases by name


class Registry(Generic[T]):
    """The classes of one kind (`optimizer`, `loss`, …), by name and alias.

    home: the package or module in which its members are found. base: what all descend from.
    """

    def __init__(self, kind: str, plural: str, home: str, base: type[Any]) -> None:
        self.kind, self.plural, self.home, self.base = kind, plural, home, base
        self._classes: dict[str, type[T]] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = False
        REGISTRIES[plural] = self  # type: ignore[assignment]

    def register(self, name: str, *aliases: str) -> Callable[[type[T]], type[T]]:
        """Class decorator: make the class known under `name` and `aliases`.

        Raises InvalidInput for a name or alias that is none or is taken by another class,
        and for a class that is no dataclass, descends from elsewhere or lacks a method.
        """

        def decorate(cls: type[T]) -> type[T]:
            self._check(cls, (name, *aliases))
            if not _is_own(cls):
                self._load()  # a plug-in must not take a built-in's name
            for word in (name, *aliases):
                taken = self._classes.get(self._aliases.get(word, word))
                if taken is not None and not _is_again(cls, taken):
                    message = f"{self.kind} name '{word}' is taken by {_said(taken)}"
                    raise InvalidInput(f"{message}; choose another")
            cls.name = name  # type: ignore[attr-defined]
            cls.aliases = aliases  # type: ignore[attr-defined]
            self._classes[name] = cls
            self._aliases.update(dict.fromkeys(aliases, name))
            return cls

        return decorate

    def _check(self, cls: type[T], words: tuple[str, ...]) -> None:
        for word in words:
            if not re.fullmatch("[a-z0-9][a-z0-9_]*", str(word)):
                message = f"{self.kind} name {word!r} must be lower-case letters, digits and _"
                raise InvalidInput(message)
        base = f"optcli.plugins.{self.base.__name__}"
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise InvalidInput(f"{self.kind} '{words[0]}' must be a class derived from {base}")
        if not dataclasses.is_dataclass(cls):
            raise InvalidInput(f"{self.kind} '{words[0]}' must be a dataclass")
        if lacking := sorted(getattr(cls, "__abstractmethods__", ())):
            raise InvalidInput(f"{self.kind} '{words[0]}' lacks {', '.join(lacking)} (see {base})")

    def find(self, name: str) -> type[T]:
        """The class called `name`; raises InvalidInput with the nearest names.

        Where only an installed package has it, its code is run.
        """
        found = self.search(name)
        if found is None:
            offered = [offer.name for offer in entry_points.offers(self.plural)]
            hint = suggestion(name, [*self._classes, *self._aliases, *offered])
            message = f"unknown {self.kind} '{name}'{hint} (optcli list {self.plural})"
            raise InvalidInput(Fault(message))
        return found

    def search(self, name: str) -> type[T] | None:
        """As `find`; None where nothing is called so.

        Raises InvalidInput for one that an installed package offers and that cannot be loaded.
        """
        found = self.known(name)
        if found is None and entry_points.load(self, name, REGISTRIES):
            found = self.known(name)
        return found

    def known(self, name: str) -> type[T] | None:
        """The class called `name` of optcli or of what was loaded; None where there is none."""
        if name not in self._classes and name.isidentifier():
            self._import(f"{self.home}.{name}")
        if name not in self._classes:
            self._load()
        return self._classes.get(self._aliases.get(name, name))

    def names(self) -> list[str]:
        """Every registered name, sorted, aliases left out."""
        self._load()
        return sorted(self._classes)

    def foreign(self) -> set[str]:
        """Names and aliases of what is registered and not optcli's own."""
        found = {name for name, cls in self._classes.items() if not _is_own(cls)}
        return found | {alias for alias, name in self._aliases.items() if name in found}

    def built_in(self) -> set[str]:
        """Names and aliases of optcli's own."""
        self._load()
        return {*self._classes, *self._aliases} - self.foreign()

    def holds(self, cls: type[Any], name: object) -> bool:
        """Whether the class is registered under the name."""
        return self._classes.get(str(name)) is cls

    def state(self) -> State:
        """What is registered now; `restore` brings it back, `since` says what came after."""
        return dict(self._classes), dict(self._aliases)

    def restore(self, state: State | None) -> None:
        """Forget what is not optcli's own and was registered since; None for a registry of then."""
        classes, aliases = state or ({}, {})
        for name in [name for name, _ in self.since(state)]:
            self.forget(name)
        self._classes |= classes
        self._aliases |= aliases

    def since(self, state: State | None) -> list[tuple[str, type[T]]]:
        """Names and aliases that were registered since, by others than optcli; their classes."""
        classes, aliases = state or ({}, {})
        names = self.foreign() - {*classes, *aliases}
        return [(name, self._classes[self._aliases.get(name, name)]) for name in sorted(names)]

    def forget(self, name: str) -> None:
        """Let the name or alias be unknown again."""
        self._classes.pop(name, None)
        self._aliases.pop(name, None)

    def here(self) -> list[type[T]]:
        """The classes that were imported so far."""
        return list(self._classes.values())

    def __iter__(self) -> Iterator[type[T]]:
        return iter([self._classes[name] for name in self.names()])

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        home = importlib.import_module(self.home)
        for module in pkgutil.iter_modules(getattr(home, "__path__", [])):
            importlib.import_module(f"{self.home}.{module.name}")

    @staticmethod
    def _import(module: str) -> None:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            # `home` may be a plain module, or have no file of that name
            if error.name is None or not module.startswith(error.name):
                raise


def _is_own(cls: type[object]) -> bool:
    return cls.__module__.split(".")[0] == "optcli"


# The names of modules that plug-ins are loaded as begin with this; each is loaded once.
PLUGIN = "optcli_plugin_"


def _is_again(cls: type[object], before: type[object]) -> bool:
    """Whether a class is another defined again, as in a notebook, and not a second one."""
    same = (cls.__module__, cls.__qualname__) == (before.__module__, before.__qualname__)
    return cls is before or (same and not cls.__module__.startswith(PLUGIN))


def _said(cls: type[object]) -> str:
    """`optcli.losses.mse.MSE`, or `Mine in p.py` of a plug-in."""
    if not cls.__module__.startswith(PLUGIN):
        return f"{cls.__module__}.{cls.__qualname__}"
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__
    return f"{cls.__qualname__} in {Path(file).name}"


def homes() -> set[str]:
    """The modules that have registered something, but for optcli's own and plug-ins' files."""
    return {
        cls.__module__
        for registry in REGISTRIES.values()
        for cls in registry.here()
        if not _is_own(cls) and not cls.__module__.startswith(PLUGIN)
    }
