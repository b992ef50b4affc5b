"""The leaderboard: what its page says follows from the runs of a comparison."""

import json
import math

import pytest

import optcli
from tests.studies.leaderboard import (
    PACKED,
    PAGE,
    Board,
    main_table,
    pack,
    page,
    rate_table,
    state_arrays,
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Three optimizers on two configs, one of which diverges with large rates."""
    folder = tmp_path_factory.mktemp("compared")
    own = {"optimizer": "sgd", "training": {"epochs": 6, "batch_size": 16}}
    classes = {"dataset": {"name": "moons", "samples": 80}, "model": "mlp", "loss": "cross_entropy"}
    values = {"dataset": {"name": "linear", "samples": 80}, "model": "linear", "loss": "mse"}
    for name, config in {"classes": classes, "values": values}.items():
        (folder / f"{name}.json").write_text(json.dumps(config | own))
    settings = optcli.ComparisonSettings(tune=5, seeds=12)
    labels = ["sgd", "adam", "lion"]
    return optcli.compare(labels, suite=folder, settings=settings, out=folder / "out", plots=False)


def test_packed_runs_say_what_the_comparison_said(compared, tmp_path):
    pack(compared.folder, tmp_path, times=False)
    first = (tmp_path / "runs.csv.gz").read_bytes()
    pack(compared.folder, tmp_path, times=False)
    assert (tmp_path / "runs.csv.gz").read_bytes() == first
    board = Board.read(tmp_path)
    assert board.problems == ["classes", "values"]
    diverged = 0
    for problem, found in compared.found.items():
        for row in found.summary["optimizers"]:
            own = board.tuned[problem][row["label"]]
            assert own.finalists == [each["lr"] for each in row["finalists"]]
            for values, each in zip(own.values, row["finalists"], strict=True):
                assert sorted(values) == pytest.approx(sorted(each["values"]), rel=1e-8)
            assert sorted(own.untuned) == pytest.approx(sorted(row["default"]["values"]), rel=1e-8)
            band = row["band"]
            assert (own.band is None) == (band is None)
            assert band is None or (own.band.low, own.band.high) == (band["low"], band["high"])
            reached = [run.to_target[0] for run in own.final[own.chosen]]
            assert sorted(reached) == sorted(row["steps_to_target"]["values"])
            diverged += sum(math.inf in values for values in own.tried.values())
    assert diverged, "nothing diverged here"
    for pair in compared.summary["pairs"]:
        found = board.pair(pair["a"], pair["b"])
        assert found.better_in == pytest.approx(pair["better_in"])
    text = page(board)
    assert "All 3 optimizers" in text
    assert "{" not in text
    assert "}" not in text


def test_state_is_counted():
    assert state_arrays("sgd") == 0
    assert state_arrays("momentum") == 1
    assert state_arrays("adam") == 2


@pytest.fixture(scope="module")
def board():
    return Board.read(PACKED)


def test_the_page_has_the_rows_that_follow_from_the_runs(board):
    lines = PAGE.read_text(encoding="utf-8").replace(" ", "")
    for label in ("adam", "sgd"):
        for row in main_table(board, board.main, [label])[1] + rate_table(board, [label])[1]:
            assert f"|{'|'.join(row)}|".replace(" ", "") in lines


@pytest.mark.long
def test_the_page_is_what_its_command_makes(board):
    assert page(board) == PAGE.read_text(encoding="utf-8")
