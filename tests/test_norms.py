"""A norm over a single value makes 0 of it: refused, with what works instead."""

import numpy as np
import pytest

import optcli
from optcli.cli.main import run as command
from optcli.core.errors import InvalidInput

# 60 samples, of which 36 are trained on
CONFIG = {
    "dataset": {"name": "moons", "samples": 60},
    "split": {"validation": 0.2, "test": 0.2},
    "model": {"name": "mlp", "hidden": [4], "batch_norm": True},
    "loss": "cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 1, "batch_size": 8},
}


def refused(*overrides, config=CONFIG):
    """What is said of a config, and of which key."""
    with pytest.raises(InvalidInput) as caught:
        optcli.check(config, overrides)
    (fault,) = caught.value.faults
    return fault.key, fault.message


def fits(*overrides, config=CONFIG):
    return optcli.check(config, overrides).cohort


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (
            1,
            "is 1; batch_norm outputs only zeros for a batch of one row; "
            "choose another batch size, such as 32",
        ),
        (
            7,
            "is 7; the last batch of the 36 training rows has one row, for which batch_norm "
            "outputs only zeros; choose another batch size, such as 6",
        ),
        (35, "such as 34"),
    ],
)
def test_a_batch_of_one_row_is_refused_with_a_size_that_works(size, words):
    key, message = refused(f"training.batch_size={size}")
    assert key == "training.batch_size"
    assert words in message
    instead = int(message.rpartition(" ")[2])
    assert fits(f"training.batch_size={instead}").batch == instead


def test_every_size_is_refused_or_leaves_no_batch_of_one():
    for size in range(2, 37):
        if 36 % size == 1:
            refused(f"training.batch_size={size}")
        else:
            fits(f"training.batch_size={size}")
    fits("training.batch_size=full")


def test_the_pieces_of_an_accumulated_batch_count():
    assert "such as 6" in refused("training.batch_size=7", "training.accumulate=2")[1]
    fits("training.batch_size=6", "training.accumulate=2")
    # pieces of 5, the last of one row, though no step sees but one
    assert "such as 4" in refused("training.batch_size=5", "training.accumulate=3")[1]


def test_a_run_that_never_comes_to_its_last_batch_is_let_through():
    fits("training={steps: 5, batch_size: 7}")
    refused("training={steps: 6, batch_size: 7}")
    refused("training={steps: 5, batch_size: 1}")


def test_a_single_training_row(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,y\n1,2\n2,3\n3,5\n")
    config = CONFIG | {
        "dataset": {"name": "csv", "path": str(table), "target": "y"},
        "split": {"validation": 1 / 3, "test": 1 / 3},
        "loss": "mse",
        "training": {"epochs": 1, "batch_size": "full"},
    }
    key, message = refused(config=config)
    assert key == "split"
    assert (
        message
        == "leaves 1 row to train on, for which batch_norm outputs only zeros; train without it"
    )
    fits("model.batch_norm=false", config=config)


@pytest.mark.parametrize("hidden", ["[1]", "[4, 1]", "[1, 4]"])
def test_layer_norm_over_one_unit(hidden):
    own = "model.batch_norm=false", "model.layer_norm=true"
    key, message = refused(*own, f"model.hidden={hidden}")
    assert key == "model.hidden"
    words = "layer_norm outputs only zeros for a single unit; use at least 2 in each layer"
    assert message == f"is {hidden}; {words}"
    fits(*own, "model.hidden=[2]")
    fits(*own, "training.batch_size=1")


def test_a_norm_within_a_residual_layer_is_seen():
    refused("model.hidden=[4, 4]", "model.residual=true", "training.batch_size=1")


def images(tmp_path, size):
    """A table of 20 images of size × size pixels."""
    table = tmp_path / "images.csv"
    x = np.random.default_rng(0).standard_normal((20, size * size)).round(3)
    lines = [",".join([*(f"p{i}" for i in range(size * size)), "y"])]
    lines += [",".join([*map(str, row), "ab"[i % 2]]) for i, row in enumerate(x)]
    table.write_text("\n".join(lines))
    dataset = {"name": "csv", "path": str(table), "target": "y", "image": [1, size, size]}
    return CONFIG | {
        "dataset": dataset,
        "model": {"name": "cnn", "channels": [2], "pool": 1, "hidden": [], "batch_norm": True},
        "training": {"epochs": 1, "batch_size": 1},
    }


def test_more_than_one_position_of_a_channel_is_enough(tmp_path):
    fits(config=images(tmp_path, 2))
    assert refused(config=images(tmp_path, 1))[0] == "training.batch_size"


def test_validation_batches_do_not_matter():
    # one row is left for validation, which takes running statistics
    fits("split={validation: 0.02, test: 0.2}", "training.batch_size=full")


@pytest.mark.parametrize(
    "words",
    [
        ["check", "{config}"],
        ["train", "{config}", "--out", "{folder}"],
        ["compare", "sgd", "adam", "--config", "{config}", "--out", "{folder}"],
        ["gradcheck", "--config", "{config}"],
    ],
)
def test_every_command_refuses(words, tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: moons\nmodel: {name: mlp, batch_norm: true}\n"
        "loss: cross_entropy\noptimizer: adam\ntraining: {batch_size: 1}\n"
    )
    places = {"config": config, "folder": tmp_path / "out"}
    assert command([word.format(**places) for word in words]) == 2
    assert "batch_norm outputs only zeros for a batch of one row" in capsys.readouterr().err
    assert not places["folder"].exists()
