"""Former paths: import paths of version 0.1 that have moved. They work until version 0.3.

A script that imports from one gets a DeprecationWarning. A plug-in's file is looked through
before it runs, and warned of once, for all of its imports that `optcli.plugins` has now.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

UNTIL = "it works until version 0.3"
MOVED = {
    "optcli.arrays": ("optcli.core.arrays",),
    "optcli.errors": ("optcli.core.errors",),
    "optcli.lengths": ("optcli.core.durations",),
    "optcli.parameters": ("optcli.core.parameters",),
    "optcli.randomness": ("optcli.core.randomness",),
    "optcli.registry": ("optcli.core.registry",),
    "optcli.specs": ("optcli.core.specs", "optcli.training.settings", "optcli.data.split"),
    "optcli.wrappers": ("optcli.training.wrappers",),
    "optcli.data.files": ("optcli.data.csv",),
    # a package now, which has no names of its own
    "optcli.objectives": ("optcli.objectives.base", "optcli.objectives.functions"),
}
_OPTCLI = __file__.rpartition("core")[0]
# Names that are others now, in a module that has stayed.
RENAMED = {("optcli.layers.base", "Place"): "Binding"}
# What was said of a file, by its path: line and message.
told: dict[str, tuple[int, str]] = {}


class FormerPath(DeprecationWarning):
    """An import from where a name was in version 0.1."""


class _Moved(ModuleType):
    """Stands for a module that has moved."""

    def __getattr__(self, name: str) -> object:
        return found(self.__name__, name)


class _Finder:
    """Finds modules by their former paths; it is asked last, when nothing else has one."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Moved(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        _warn(module.__name__, MOVED[module.__name__][0], stacklevel=3)


def install() -> None:
    """Let former paths be found."""
    sys.meta_path.append(_Finder())


def found(module: str, name: str) -> object:
    """A name of a module that has moved; raises AttributeError."""
    return _found(module, name)[1]


def _found(module: str, name: str) -> tuple[str, object]:
    """Where a name is that was in a module, and what it stands for; raises AttributeError."""
    name = RENAMED.get((module, name), name)
    if not name.startswith("__"):
        for home in MOVED.get(module, (module,)):
            there = vars(import_module(home))
            if name in there:
                return home, there[name]
    raise AttributeError(f"module '{module}' has no attribute '{name}'")


def moved(module: str, name: str) -> object:
    """`found`, for a module that is there but has lost the name; with a warning."""
    if module not in MOVED and (module, name) not in RENAMED:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    home, value = _found(module, name)
    _warn(f"{module}.{name}", f"{home}.{RENAMED.get((module, name), name)}", stacklevel=4)
    return value


def _warn(what: str, now: str, stacklevel: int) -> None:
    if not _by_a_file_that_was_told():
        message = f"{what} is {now} now; {UNTIL}"
        more = "plug-ins import from optcli.plugins"
        warnings.warn(f"{message} ({more})", FormerPath, stacklevel=stacklevel)


def _by_a_file_that_was_told() -> bool:
    """Whether an import that is going on is that of a plug-in that was looked through."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_OPTCLI) or "importlib" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return frame.f_code.co_filename in told


def look_through(content: bytes, file: str, public: ModuleType) -> None:
    """Warn of a plug-in that imports what `public` has from elsewhere in optcli, in one line."""
    import ast

    told.pop(file, None)
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # it is said when the file is run
        return
    names = {id(value): name for name, value in vars(public).items() if name[:1] != "_"}
    modules: dict[str, int] = {}
    new: dict[str, set[str]] = {}
    for line, module, name in _imports(tree):
        try:
            home, value = _found(module, name)
        except (ImportError, AttributeError):  # likewise
            continue
        public_name = names.get(id(value))
        if public_name or module in MOVED:
            modules.setdefault(module, line)
            new.setdefault("optcli.plugins" if public_name else home, set()).add(
                public_name or name
            )
    if modules:
        instead = [
            f"'from {home} import {', '.join(sorted(new[home], key=_order))}'"
            for home in sorted(new, key="optcli.plugins".__ne__)
        ]
        message = f"imports from {', '.join(modules)}; write {' and '.join(instead)}; {UNTIL}"
        line = min(modules.values())
        told[file] = line, message
        warnings.warn_explicit(message, FormerPath, file, line)


def _order(name: str) -> tuple[bool, bool, str]:
    """Constants, classes, functions."""
    return not name.isupper(), name[0].islower(), name


def _imports(tree: object) -> Iterator[tuple[int, str, str]]:
    """Line, module and name of each `from optcli.… import name`, but those of optcli.plugins."""
    import ast

    assert isinstance(tree, ast.AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            parts = node.module.split(".")
            if parts[0] == "optcli" and len(parts) > 1 and parts[1] != "plugins":
                yield from ((node.lineno, node.module, alias.name) for alias in node.names)
