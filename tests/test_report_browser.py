"""The page in a browser: drawn fast, read by pointing and by keys, in three views, by axe-core.

Runs where Node, Chromium and the packages of tests/browser/package.json are: `npm install` in
that folder, or NODE_PATH.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import optcli

from .test_report import NASTY
from .test_report import here as here

BROWSER = Path(__file__).parent / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EIGHT = ("sgd", "momentum", "adam", "rmsprop", "adagrad", "nesterov", "adamw", "lion")


def lacking():
    """What is not there, in words; empty where all is."""
    node = shutil.which("node")
    if node is None or CHROMIUM is None:
        return "Node and Chromium are needed"
    packages = "require.resolve('playwright-core'), require.resolve('axe-core')"
    there = subprocess.run([node, "-e", packages], cwd=BROWSER, capture_output=True)
    return "" if there.returncode == 0 else "npm install in tests/browser is needed"


@pytest.fixture(scope="module")
def looks(here, tmp_path_factory):
    """What the browser says of six pages."""
    if why := lacking():
        pytest.skip(why)
    place = Path(os.environ.get("OPTCLI_PICTURES") or tmp_path_factory.mktemp("looks"))
    settings = optcli.ComparisonSettings(tune=5, tune_seeds=2, seeds=11)
    config = {
        "dataset": {"name": "moons", "samples": 200, "noise": 0.2},
        "model": {"name": "mlp", "hidden": [8]},
        "loss": "binary_cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 30, "batch_size": 16},
    }
    eight = here / "eight"
    if not eight.exists():
        optcli.compare(EIGHT, config, settings=settings, out=eight, plots=False)
    pages = [
        optcli.report(here / "run", out=place / "run.html"),
        optcli.report(eight, out=place / "eight.html"),
        optcli.report(here / "trace", out=place / "trace.html"),
        optcli.report(here / "evaluation", out=place / "evaluation.html"),
        optcli.report([here / "run", here / "slow <b>"], out=place / "runs.html"),
        optcli.report(two_starts(here), out=place / "starts.html"),
    ]
    words = ["node", "look.cjs", CHROMIUM, place, *pages]
    done = subprocess.run(list(map(str, words)), cwd=BROWSER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def two_starts(here):
    """Traces of an objective with four minima from two starts."""
    folders = []
    for i, start in enumerate([(0.0, 0.0), (-4.0, 0.5)]):
        folders.append(here / f"start-{i}")
        if not folders[-1].exists():
            words = ["sgd:lr=0.001|0.01", "adam:lr=1.2"]
            keys = {"start": start, "steps": 300, "plots": False}
            optcli.trace("himmelblau", words, out=folders[-1], **keys)
    return folders


pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("view", ["light", "dark", "phone"])
@pytest.mark.parametrize("name", ["run", "eight", "trace", "evaluation", "runs", "starts"])
def test_a_page_is_drawn_and_breaks_no_rule(looks, name, view):
    found = looks[name][view]
    assert found["violations"] == []
    assert found["passes"] > 20
    assert found["said"] == []
    assert [url for url in found["asked"] if not url.startswith("file:")] == []
    assert len(found["asked"]) == 1
    assert found["width"] <= found["room"]
    assert found["curves"] > 0
    assert found["paper"] == ("rgb(20, 23, 27)" if view == "dark" else "rgb(255, 255, 255)")


def test_a_comparison_of_eight_is_drawn_in_less_than_a_second(looks):
    assert looks["eight"]["light"]["boards"] == 4
    assert min(looks["eight"][view]["drawn"] for view in ("light", "dark", "phone")) < 1000


@pytest.mark.parametrize("name", ["run", "eight", "runs"])
def test_values_are_read_by_pointing_and_by_keys(looks, name):
    found = looks[name]["used"]
    assert found["said"] == []
    assert found["left"] == ""
    assert found["tabs"] < 60
    assert found["outline"] == "solid"
    unit = "step" if name == "eight" else "epoch"
    assert found["home"].startswith(f"{unit} {0 if name == 'eight' else 1}: ")
    assert found["right"] != found["home"]
    first, *rows = (row.strip() for row in found["pointed"].splitlines() if row.strip())
    assert found["end"].startswith(f"{first}: ")
    assert all(value in found["end"] for row in rows for value in row.split("\t"))
    assert found["shown"].split() == found["pointed"].split()
    assert found["escaped"] == ""


def test_what_is_read_are_the_numbers_of_the_run(looks, here):
    history = optcli.load(here / "run").history
    said = looks["run"]["used"]["end"]
    for part, words in (("train", "training"), ("validation", "validation")):
        value = history[f"{part}_loss"][-1]
        (shown,) = (p.split()[-1] for p in said.split(": ", 1)[1].split("; ") if words in p)
        assert float(shown) == pytest.approx(value, rel=1e-4)


def test_series_and_axes_are_switched(looks):
    found = looks["eight"]["used"]
    assert found["curves"] == 8
    assert found["buttons"] == 9  # the last shows all
    assert found["without"] == [7, "false"]
    assert (found["alone"], found["together"]) == (1, 8)
    (before, texts), (after, others) = found["before"], found["after"]
    assert {before, after} == {"true", "false"}
    assert any("(log)" in text for text in texts) != any("(log)" in text for text in others)
    assert "step" in looks["run"]["used"]["against"]
    assert "epoch" not in looks["run"]["used"]["against"]


def test_all_is_open_in_print_and_closed_again(looks):
    for name in ("run", "eight", "trace"):
        assert (looks[name]["used"]["closed"], looks[name]["used"]["open"]) == (0, 0)


def test_names_full_of_markup_are_text(looks):
    assert "slow <b>" in looks["runs"]["light"]["texts"]
    assert any(name in looks["run"]["light"]["text"] for name in NASTY)  # a class, in the baseline


@pytest.mark.parametrize("name", ["trace", "starts"])
def test_paths_are_played_stepped_and_dragged(looks, name):
    found = looks[name]["used"]["played"]
    last = found["whole"][0]
    assert last == (1500 if name == "trace" else 300)
    assert found["home"][::2] == [0, f"step 0 of {last:,}"]
    assert found["home"][1] == (2 if name == "trace" else 3)  # the start of each
    assert found["right"][0] == 1
    assert found["on"][0] == 2
    assert found["back"] == found["right"]
    assert 0.3 * last < found["dragged"][0] < 0.7 * last
    assert found["home"][1] < found["dragged"][1] < found["whole"][1]
    assert found["paused"][0] > found["dragged"][0]
    assert found["still"] == found["paused"]


def test_a_start_is_chosen_among_those_that_were_run(looks):
    found = looks["starts"]["used"]["played"]
    assert "first" not in looks["trace"]["used"]["played"]
    assert len(found["first"]) == len(found["second"]) == 1
    assert found["first"] != found["second"]
