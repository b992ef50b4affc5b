"""The examples in the docstrings of the public functions run, and say what they print."""

import doctest
import inspect
import shutil
from pathlib import Path

import pytest

import optcli

CONFIGS = Path(__file__).parent.parent / "configs"
FIRST = ("train", "resume")  # they make what others read
FUNCTIONS = [name for name in optcli.__all__ if inspect.isfunction(getattr(optcli, name))]


def examples(name):
    function = getattr(optcli, name)
    return doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example(name):
    assert f"optcli.{name}(" in "".join(each.source for each in examples(name))


@pytest.mark.long
def test_the_examples_of_public_functions_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CONFIGS, "configs")
    for name in (*FIRST, *(each for each in FUNCTIONS if each not in FIRST)):
        test = doctest.DocTest(examples(name), {}, name, None, None, None)
        said = []
        failed, tried = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
        assert tried, name
        assert not failed, "".join(said)
