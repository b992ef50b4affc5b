"""The house: a room uses only rooms that stand before it, and libraries stay in theirs."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "optcli"

# In building order; a room uses itself and those before it.
ROOMS = [
    "core",
    "ideas",
    "storage",
    "optimizers",
    "losses",
    "layers",
    "schedules",
    "metrics",
    "models",
    "data",
    "objectives",
    "training",
    "evaluation",
    "surface",
    "exports",
    "gradients",
    "plugins",
    "config",
    "starter",
    "plots",
    "trackers",
    "comparison",
    "tuning",
    "display",
    "api",
    "cli",
    "sklearn",
]
# Where a library may be imported at all.
HOMES = {
    "typer": {"cli"},
    "rich": {"display", "cli"},
    "matplotlib": {"plots"},
    "contourpy": {"plots"},
    "PIL": {"plots"},
    "yaml": {"config"},
    "pydantic": {"config"},
    "polars": {"data"},
    "fastexcel": {"data"},
    "filelock": {"storage"},
    "psutil": {"core"},
    "sklearn": {"sklearn"},
    "tensorboardX": {"trackers"},
    "mlflow": {"trackers"},
}
SPEAK = {"display", "cli"}


def modules():
    return sorted(HOUSE.rglob("*.py"))


@functools.cache
def tree(path):
    """What a file says to the program: what is for the type checker alone left out."""
    found = ast.parse(path.read_text())
    for node in statements(found):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    return found


def statements(node):
    """All statements within a node; what is in an expression is left out, being most of it."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            yield inner
            yield from statements(inner)


def room(path):
    part = path.relative_to(HOUSE).parts[0]
    return part.removesuffix(".py")


def imports(path):
    """Module names that a file imports."""
    for node in statements(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path):
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def arrows():
    """The modules that each module imports, wherever in it."""
    known = {name_of(path) for path in modules()}
    found = {}
    for path in modules():
        split = [name if name in known else name.rpartition(".")[0] for name in imports(path)]
        found[name_of(path)] = {name for name in split if name in known} - {name_of(path)}
    return found


def test_the_top_level_is_what_the_architecture_page_lists():
    built = {room(path) for path in modules()} - {"__init__", "__main__"}
    page = (HOUSE.parent / "docs/architecture.md").read_text().partition("## The rooms")[2]
    listed = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", page, re.MULTILINE)
    assert listed == ROOMS
    assert built == set(ROOMS)


def test_a_room_uses_only_rooms_before_it():
    place = {name: i for i, name in enumerate(ROOMS)}
    for module, others in arrows().items():
        own = module.split(".")[1:2]
        if own and own[0] in place:
            for other in others:
                parts = other.split(".")
                assert len(parts) > 1, f"{module} imports the package itself"
                assert place[parts[1]] <= place[own[0]], f"{module} uses {other}"


# A file for each registered name, or for each command.
BY_NAME = {"optimizers", "losses", "layers", "schedules", "api", "cli", "display"}


def test_the_docstring_of_a_package_lists_its_files():
    for package in sorted(HOUSE.rglob("__init__.py")):
        if package.parent == HOUSE or package.parent.name in BY_NAME:
            continue
        text = ast.get_docstring(ast.parse(package.read_text()))
        files = {path.stem for path in package.parent.glob("*.py")} - {"__init__"}
        missing = {name for name in files if not re.search(rf"\b{name}\b", text)}
        assert not missing, f"{package.parent.name}: {missing}"


def test_no_files_import_each_other_in_a_circle():
    order = graphlib.TopologicalSorter(arrows())
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"circle: {' <- '.join(error.args[1])}")


def test_a_library_stays_in_its_room():
    for path in modules():
        for name in imports(path):
            homes = HOMES.get(name.split(".")[0])
            assert homes is None or room(path) in homes, f"{path} imports {name}"


def test_nothing_below_the_display_prints_or_exits():
    for path in modules():
        named = re.search(r"\b(print|_?exit)\b", path.read_text())
        calls = [] if room(path) in SPEAK or not named else ast.walk(tree(path))
        for called in [ast.unparse(node.func) for node in calls if isinstance(node, ast.Call)]:
            assert called not in ("print", "exit", "sys.exit", "os._exit"), f"{path}: {called}"


def test_importing_optcli_costs_numpy_and_little_else():
    heavy = "matplotlib polars pydantic typer rich yaml filelock psutil sklearn"
    code = f"import sys, optcli; optcli.train; print({{*'{heavy}'.split()}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_catalog_names_each_registry_by_its_plural():
    from optcli.plugins.catalog import KINDS

    assert [registry.plural for registry in KINDS.values()] == list(KINDS)


def test_the_citation_has_the_version():
    from optcli.core.version import __version__

    lines = (HOUSE.parent / "CITATION.cff").read_text().splitlines()
    assert f"version: {__version__}" in lines
