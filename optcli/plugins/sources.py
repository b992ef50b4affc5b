"""Sources: the files that a plug-in is made of, its own and those of local modules it imports.

What a checksum is of is what runs: code is compiled from the very bytes that were summed,
never from a compiled copy, which may be that of an earlier version.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import importlib.machinery
import os
import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType

from optcli.core import former_paths

_PACKAGES = {"site-packages", "dist-packages"}
_INSTALLED = [
    Path(sysconfig.get_path("stdlib")).resolve(),
    Path(sysconfig.get_path("platstdlib")).resolve(),
    Path(__file__).resolve().parents[1],
]

# SHA-256 of each file as it was when it was last compiled.
_sums: dict[Path, str] = {}
# The folders of plug-ins: modules beside one are found there, as beside a script.
_folders: list[str] = []


class SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module from its text, and keeps the text's checksum."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is now; raises SyntaxError, OSError."""
        from optcli.plugins import public

        content = self.get_data(self.path)
        former_paths.look_through(content, self.path, public)
        _sums[Path(self.path).resolve()] = hashlib.sha256(content).hexdigest()
        code: CodeType = self.source_to_code(content, self.path)
        return code


class _Beside(importlib.abc.MetaPathFinder):
    """Finds modules beside plug-ins; those of the standard library and of optcli go before."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's place, where it lies in the folder of a plug-in."""
        if fullname.partition(".")[0] in sys.stdlib_module_names:
            return None
        places = _folders if path is None else path
        spec = importlib.machinery.PathFinder.find_spec(fullname, places)
        if spec is None or spec.origin is None or not is_local(Path(spec.origin)):
            return None
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = SourceLoader(fullname, spec.origin)
        return spec


_finder = _Beside()


def open_folder(folder: Path) -> None:
    """Let modules that lie in the folder be imported by plug-ins."""
    if str(folder) not in _folders:
        _folders.append(str(folder))
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def is_local(file: Path) -> bool:
    """Whether a module's file is the user's own: neither installed nor of Python or optcli."""
    file = file.resolve()
    installed = any(file.is_relative_to(place) for place in _INSTALLED)
    return not installed and not _PACKAGES & set(file.parts)


def checksums(path: Path, before: Collection[str]) -> tuple[str, dict[str, str]]:
    """SHA-256 of a plug-in's file, and of each local module of its by the path from its folder.

    path: the file, resolved; it was run just now. before: the names of the modules that
    were there before. Modules are those that came with it, and all that are named in an
    import of it or of theirs, at whatever depth.
    """
    came = [sys.modules[name] for name in sys.modules.keys() - set(before)]
    ahead = [file for module in came if (file := _file(module))]
    found: dict[Path, None] = {}
    ahead.append(path)
    while ahead:
        file = ahead.pop()
        if file not in found:
            found[file] = None
            ahead += [each for each in _imported(file, path.parent) if is_local(each)]
    sums = {file: _sums.get(file) or _sum(file) for file in found}
    own = sums.pop(path)
    names = {Path(os.path.relpath(file, path.parent)).as_posix(): file for file in sums}
    return own, {name: sums[names[name]] for name in sorted(names)}


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _file(module: ModuleType | None) -> Path | None:
    """The file of a local module."""
    name = getattr(module, "__file__", None)
    if not isinstance(name, str) or not Path(name).is_file():
        return None
    return Path(name).resolve() if is_local(Path(name)) else None


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    """The files that the imports of a file may mean, packages on the way included."""
    if file.suffix != ".py":
        return
    with suppress(SyntaxError, ValueError, IndexError):  # it is told when it is imported
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from _named(alias.name, folder)
            elif isinstance(node, ast.ImportFrom):
                base = folder if not node.level else file.parents[node.level - 1]
                inside = [".".join(filter(None, (node.module, a.name))) for a in node.names]
                for name in (node.module or "__init__", *inside):
                    yield from _named(name, base, known=not node.level)


def _named(name: str, folder: Path, *, known: bool = True) -> Iterator[Path]:
    """The files of a dotted name and of the packages above it, as seen from a folder."""
    words = name.split(".")
    if known and words[0] in sys.stdlib_module_names:
        return
    for count in range(1, len(words) + 1):
        there = _file(sys.modules.get(".".join(words[:count]))) if known else None
        place = folder.joinpath(*words[:count])
        for file in (there, place.with_suffix(".py"), place / "__init__.py"):
            if file is not None and file.is_file():
                yield file.resolve()
