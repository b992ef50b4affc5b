"""Types from outside: what `import optcli` offers, as mypy and pyright see it in a script."""

import ast
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import optcli

ROOT = Path(__file__).parent.parent
TYPED = Path(__file__).parent / "typed"


def refused(lines):
    """Lines by file from `FILE:LINE` of each refusal; a line may be refused for two reasons."""
    return sorted({(Path(file).name, int(line)) for file, line in lines})


def mistakes():
    lines = enumerate((TYPED / "wrong.py").read_text("utf-8").splitlines(), 1)
    return [("wrong.py", number) for number, line in lines if "# wrong" in line]


def test_every_name_is_typed_and_imported_when_it_is_asked_for():
    tree = ast.parse(Path(optcli.__file__).read_text("utf-8"))
    (typed,) = (
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    homes = {alias.name: node.module for node in typed for alias in node.names}
    assert sorted(homes) == sorted(optcli._HOMES) == sorted(optcli.__all__)
    for name, home in homes.items():
        assert home == f"optcli.{optcli._HOMES[name]}"
        assert getattr(optcli, name) is getattr(import_module(home), name)
    assert (Path(optcli.__file__).parent / "py.typed").is_file()


@pytest.mark.long
def test_mypy_accepts_a_users_script_and_refuses_mistakes():
    words = [sys.executable, "-m", "mypy", "--strict", "tests/typed/right.py"]
    words += ["tests/typed/wrong.py", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    errors = re.findall(r"^(.+?):(\d+): error", done.stdout, re.MULTILINE)
    assert refused(errors) == mistakes(), done.stdout + done.stderr


@pytest.mark.long
def test_pyright_accepts_a_users_script_and_refuses_mistakes():
    """The command gets pyright itself from npm the first time; without either it is skipped."""
    words = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    try:
        version = subprocess.run([*words[:3], "--version"], capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("pyright does not start in two minutes")
    if version.returncode:
        pytest.skip(f"pyright does not start: {version.stderr.decode()[-200:]}")
    done = subprocess.run(
        [*words, "--outputjson", str(TYPED)], cwd=ROOT, capture_output=True, text=True
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [(each["file"], each["range"]["start"]["line"] + 1) for each in found]
    assert refused(errors) == mistakes(), found
