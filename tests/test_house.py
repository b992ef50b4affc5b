"""The house: a room uses only rooms that stand before it, and libraries stay in theirs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "optcli"

# In building order; the rooms of one line do not use each other.
ROOMS = [
    ["arrays", "errors"],
    [
        "registry",
        "specs",
        "lengths",
        "randomness",
        "files",
        "folders",
        "outputs",
        "interruption",
        "parameters",
        "events",
    ],
    [
        "optimizers",
        "losses",
        "layers",
        "schedules",
        "transforms",
        "wrappers",
        "metrics",
        "objectives",
    ],
    ["baseline"],
    ["models"],
    ["data"],
    ["oracles"],
    ["training"],
    ["descent"],
    ["task"],
    ["gradients"],
    ["laws"],
    ["tracing", "recording"],
    ["dispatch"],
    ["comparison"],
    ["catalog"],
    ["plots", "sources"],
    ["display", "gallery", "plugins"],
    ["config"],
    ["run", "explanation", "tracks", "inspection"],
    ["contest", "runs"],
    ["cli"],
]
# Within a line these go by their own order.
FOUNDATION = [
    "arrays",
    "errors",
    "registry",
    "specs",
    "lengths",
    "randomness",
    "files",
    "folders",
    "outputs",
    "interruption",
    "parameters",
    "events",
]
# Where a library may be imported at all.
HOMES = {
    "typer": {"cli"},
    "rich": {"display", "cli"},
    "matplotlib": {"plots"},
    "PIL": {"plots"},
    "yaml": {"config"},
    "pydantic": {"config"},
    "polars": {"data"},
}
SPEAK = {"display", "cli"}


def modules():
    return sorted(HOUSE.rglob("*.py"))


def room(path):
    part = path.relative_to(HOUSE).parts[0]
    return part.removesuffix(".py")


def imports(tree):
    """Module names that a file imports, those for the type checker alone left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "optcli":
                yield from (f"optcli.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_room_has_its_place():
    built = {room(path) for path in modules()} - {"__init__", "__main__"}
    assert built <= {name for line in ROOMS for name in line}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_room_uses_only_rooms_before_it(path):
    own = room(path)
    if own in ("__init__", "__main__"):
        return
    place = {name: i for i, line in enumerate(ROOMS) for name in line}
    for name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "optcli" or len(parts) == 1 or parts[1] in (own, "__version__"):
            continue
        other = parts[1]
        if own in FOUNDATION and other in FOUNDATION:
            assert FOUNDATION.index(other) < FOUNDATION.index(own), f"{own} uses {other}"
        else:
            assert place[other] < place[own], f"{own} uses {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_library_stays_in_its_room(path):
    for name in imports(ast.parse(path.read_text())):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or room(path) in homes, f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_nothing_below_the_display_prints_or_exits(path):
    if room(path) in SPEAK:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "exit", "sys.exit", "os._exit"), f"{path}: {called}"


def test_importing_optcli_costs_numpy_and_little_else():
    heavy = "matplotlib polars pydantic typer rich yaml"
    code = f"import sys, optcli; optcli.train; print({{*'{heavy}'.split()}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
