"""`optcli trace`: paths, outcomes, tuning; the table, the folder and the pictures."""

import csv
import io
import json

import numpy as np
import pytest

import optcli
from optcli import plots
from optcli.cli.main import run
from optcli.config import inline_spec
from optcli.core.errors import InvalidInput
from optcli.display.trace import table
from optcli.objectives.base import OBJECTIVES
from optcli.objectives.outcome import TOLERANCE, reached
from optcli.optimizers.base import OPTIMIZERS
from optcli.storage import files
from optcli.training.trace import TracedOptimizer, rates, trace, tune
from tests.for_each import for_each

SGD = OPTIMIZERS.find("sgd")
ADAM = OPTIMIZERS.find("adam")
MOMENTUM = OPTIMIZERS.find("momentum")


def objective(name, **keys):
    return OBJECTIVES.find(name)(**keys)


def entries(*optimizers):
    return [TracedOptimizer(f"{i}", optimizer) for i, optimizer in enumerate(optimizers)]


def by_label(traced):
    return {path.label: path for path in traced.paths}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- paths ---------------------------------------------------------------------------


def test_a_path_is_that_of_plain_descent():
    found = trace(objective("rosenbrock"), entries(SGD(lr=1e-3)), steps=50, start=(-1.2, 1.0))
    (path,) = found.paths
    x, y = -1.2, 1.0
    for step in range(51):
        assert path.x[step] == pytest.approx([x, y], rel=1e-12)
        assert path.loss[step] == pytest.approx(100 * (y - x * x) ** 2 + (1 - x) ** 2, rel=1e-12)
        assert path.distance[step] == pytest.approx(np.hypot(x - 1, y - 1), rel=1e-12)
        dx = -400 * x * (y - x * x) - 2 * (1 - x)
        dy = 200 * (y - x * x)
        x, y = x - 1e-3 * dx, y - 1e-3 * dy


def test_a_path_is_the_same_in_company():
    names = ["adam", "sgd", "momentum", "adagrad", "adam"]
    some = [OPTIMIZERS.find(name)(lr=0.01 * (i + 1)) for i, name in enumerate(names)]
    together = by_label(trace(objective("noisy_quadratic"), entries(*some), steps=300, seed=3))
    for i, optimizer in enumerate(some):
        alone = trace(objective("noisy_quadratic"), entries(optimizer), steps=300, seed=3)
        assert np.array_equal(alone.paths[0].x, together[f"{i}"].x)


def test_the_seed_decides_the_noise():
    x = [
        trace(objective("noisy_quadratic"), entries(SGD(lr=0.01)), steps=9, seed=seed).paths[0].x
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(x[0], x[1])
    assert not np.array_equal(x[0], x[2])


def test_outcomes():
    # on x²/20 + y² the rate 0.1 halves nothing fast, 2 throws y ever further
    found = trace(objective("ravine"), entries(SGD(lr=0.9), SGD(lr=2.0), SGD(lr=1e-4)), steps=200)
    outcomes = {label: path.outcome for label, path in by_label(found).items()}
    assert outcomes == {"0": "reached", "1": "diverged", "2": "not converged"}
    assert [path.label for path in found.paths] == ["0", "2", "1"], "the best first"
    assert not found.diverged
    settled = trace(objective("rastrigin"), entries(SGD(lr=1e-3)), steps=500, start=(3.1, 2.1))
    assert settled.paths[0].outcome == "elsewhere"
    gone = trace(objective("rosenbrock"), entries(SGD(lr=1.0)), steps=50)
    assert gone.diverged
    assert gone.paths[0].outcome == "diverged"


def test_reached_is_for_good():
    # y ← (1 − 2·0.25)·y, x ← (1 − 0.1·0.25)·x: 7·0.975ᵗ ≤ 0.01 from t = 259
    (path,) = trace(objective("ravine"), entries(SGD(lr=0.25)), steps=300).paths
    assert path.reached == int(np.ceil(np.log(0.01 / 7) / np.log(0.975)))
    assert (path.distance[path.reached :] <= TOLERANCE).all()
    assert path.distance[path.reached - 1] > TOLERANCE
    assert reached(np.array([1.0, 0.001, 1.0, 0.001, 0.002])) == 3
    assert reached(np.array([0.001, 0.001])) == 0
    assert reached(np.array([0.001, np.nan])) is None
    # noise brings a path near at times: only the last fifth counts
    late = np.r_[np.ones(9), np.zeros(2)]
    assert (reached(late), reached(late, noisy=True)) == (9, None)
    assert reached(np.r_[np.ones(8), np.zeros(3)], noisy=True) == 8


def test_the_nearest_minimum_counts():
    found = trace(objective("himmelblau"), entries(SGD(lr=0.01)), steps=200, start=(3.5, -2.0))
    assert found.paths[0].outcome == "reached"
    assert found.paths[0].x[-1] == pytest.approx([3.584428, -1.848127], abs=1e-5)


def test_tuning_finds_the_rate_that_reaches_first():
    (found,) = tune(objective("ravine"), entries(SGD()), steps=300)
    tried = trace(objective("ravine"), entries(*[SGD(lr=rate) for rate in rates(1e-3)]), steps=300)
    first = min(path.reached for path in tried.paths if path.reached is not None)
    assert trace(objective("ravine"), [found], steps=300).paths[0].reached == first


def test_tuning_takes_a_given_rate_as_it_is():
    fixed = TracedOptimizer("fixed", SGD(lr=0.123), tunable=False)
    found = tune(objective("ravine"), [TracedOptimizer("free", ADAM()), fixed], steps=50)
    assert found[1] == fixed
    assert found[0].optimizer.lr != ADAM().lr


def test_candidates_hold_the_default_and_reach_three_decades():
    found = rates(0.02)
    assert 0.02 in found
    assert found[0] == pytest.approx(2e-5)
    assert found[-1] == pytest.approx(20)


ON_OBJECTIVES = [name for name in OPTIMIZERS.names() if not OPTIMIZERS.find(name).needs_model]


@for_each("name", ON_OBJECTIVES)
def test_every_optimizer_leaves_a_path(name):
    optimizer = OPTIMIZERS.find(name)()
    (path,) = trace(objective("booth"), entries(optimizer), steps=20).paths
    assert path.x.shape == (21, 2)
    assert path.x[0].tolist() == [-8.0, -4.0]
    assert not np.array_equal(path.x[-1], path.x[0])


# ---- words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "optimizer"),
    [
        ("adam", ADAM()),
        ("adam:lr=0.01,beta1=0.8", ADAM(lr=0.01, beta1=0.8)),
        ("sgd:momentum=0.9,nesterov=true", SGD(momentum=0.9, nesterov=True)),
        ("gradient_descent:lr=1e-2", SGD(lr=0.01)),
    ],
)
def test_words_become_optimizers(word, optimizer):
    assert inline_spec.chosen(OPTIMIZERS, word) == optimizer


FAULTS = {
    "adma": "adma: unknown optimizer 'adma'; did you mean 'adam'? (optcli list optimizers)",
    "sgd:lr=-1": "sgd:lr=-1: lr: is -1; must be above 0",
    "sgd:rate=1": "sgd:rate=1: rate: unknown key; must be one of lr, momentum, dampening, "
    "nesterov, weight_decay",
    "sgd:lr": "sgd:lr: holds 'lr'; after the colon must be key=value",
    "sgd:": "sgd:: holds ''; after the colon must be key=value",
    "sgd:lr=1,lr=2": "sgd:lr=1,lr=2: sets 'lr' twice",
    "sgd:lr=[1": "sgd:lr=[1: lr: ends inside a quote or bracket",
}


@pytest.mark.parametrize("word", FAULTS)
def test_wrong_words_are_refused_in_words(word):
    with pytest.raises(InvalidInput) as caught:
        inline_spec.chosen(OPTIMIZERS, word)
    if word == "adma":
        assert str(caught.value).startswith("adma: unknown optimizer 'adma'; did you mean 'ad")
    else:
        assert str(caught.value) == FAULTS[word]


@for_each(
    ("arguments", "message"),
    [
        (["rosenbrok", "sgd"], "rosenbrok: unknown objective 'rosenbrok'; did you mean 'rosenb"),
        (["booth", "sgd", "sgd:lr=0.001"], "sgd:lr=0.001: is listed twice"),
        (["booth", "sgd", "--start", "1"], "--start: must have 2 numbers for booth, not 1"),
        (["booth", "sgd", "--start", "1,x"], "--start: is '1,x'; must be numbers between commas"),
        (["booth", "sgd", "--start", "1,inf"], "--start: is '1,inf'; must be numbers between"),
        (["booth", "sgd", "--steps", "0"], "--steps: is 0; must be 1 to 100,000"),
        (["booth", "sgd", "--seed", "-1"], "--seed: is -1; must be at least 0"),
        (["quadratic:condition=0.5", "sgd"], "quadratic:condition=0.5: condition: is 0.5; must be"),
    ],
)
def test_wrong_commands_are_refused_and_leave_nothing(arguments, message, here, capsys):
    assert run(["trace", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {message}")
    assert said.out == ""
    assert list(here.iterdir()) == []


# ---- the command ---------------------------------------------------------------------


def test_the_command_says_and_keeps_what_happened(here, capsys):
    arguments = ["ravine", "sgd:lr=0.9", "adam", "sgd:lr=2", "--steps", "200", "--out", "run"]
    assert run(["trace", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["#", "optimizer", "lr", "loss", "distance", "steps", "outcome"]
    assert lines[1].split()[:3] == ["1", "sgd:lr=0.9", "0.9"]
    assert lines[1].endswith("converged")
    assert lines[3].split()[1] == "sgd:lr=2"
    assert lines[3].endswith("diverged")
    assert lines[-1] == "run folder: run"
    names = {path.name for path in (here / "run").iterdir()}
    assert names == {
        "checksums.json", "config.yaml", "environment.json", "paths.csv", "summary.json",
        "trace.png",
    }  # fmt: skip
    found = json.loads((here / "run" / "summary.json").read_text())["paths"]
    assert [path["label"] for path in found] == ["sgd:lr=0.9", "adam", "sgd:lr=2"]
    assert found[0]["steps_to_tolerance"] is not None
    sums = json.loads((here / "run" / "checksums.json").read_text())
    assert all(files.checksum(here / "run" / name) == sums[name]["sha256"] for name in sums)


def test_the_csv_has_every_step_in_full_precision(here):
    done = optcli.trace("booth", ["sgd:lr=0.01", "adam"], steps=30, out="run", plots=False)
    with (here / "run" / "paths.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 31
    for path in done.paths:
        own = [row for row in rows if row["optimizer"] == path.label]
        assert [int(row["step"]) for row in own] == list(range(31))
        assert [[float(row["x1"]), float(row["x2"])] for row in own] == path.x.tolist()
        assert [float(row["loss"]) for row in own] == path.loss.tolist()


def test_tuning_says_which_rates_it_took(here, capsys):
    arguments = ["ravine", "sgd", "momentum:lr=0.1", "--tune", "--steps", "100", "--no-plots"]
    assert run(["trace", *arguments]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("tuned learning rates: sgd 0.")
    assert "momentum" not in first


def test_json_lines(here, capsys):
    assert run(["trace", "ravine", "sgd", "adam", "--tune", "--steps", "60", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds == ["tuned", "tuned", "path", "path", "summary"]
    assert lines[2]["hyperparameters"]["lr"] == lines[0]["lr"] or lines[2]["label"] == "adam"
    assert lines[-1]["folder"].startswith("runs/trace-ravine-")


def test_the_exit_code_is_1_only_when_all_diverged(here, capsys):
    some = ["--steps", "50", "--no-plots", "--quiet"]
    assert run(["trace", "rosenbrock", "sgd:lr=1", "adam", *some]) == 0
    assert run(["trace", "rosenbrock", "sgd:lr=1", "sgd:lr=2", *some]) == 1
    assert capsys.readouterr().out == ""


def test_an_own_folder_is_overwritten_on_request_alone(here):
    arguments = ["trace", "booth", "sgd", "--steps", "5", "--out", "run", "--no-plots", "--quiet"]
    assert run(arguments) == 0
    assert run(arguments) == 2
    assert run([*arguments, "--overwrite"]) == 0


def rows(label="adam", **changes):
    row = {
        "label": label, "hyperparameters": {"lr": 0.001}, "loss": 1.5, "distance": 0.25,
        "steps_to_tolerance": 1200, "outcome": "reached",
    }  # fmt: skip
    return [row | changes]


def test_the_table_fits():
    assert table(rows(), 100) == [
        "#  optimizer     lr   loss  distance  steps  outcome",
        "1  adam       0.001  1.500    0.2500  1,200  converged",
    ]
    long = rows("adam:lr=0.001,beta1=0.8,beta2=0.9,eps=1e-6", outcome="elsewhere")
    for width in (100, 70, 60):
        lines = table(long, width)
        assert max(map(len, lines)) <= width
        assert lines[1].endswith("stuck")
    assert "..." in table(long, 60)[1]


# ---- pictures ------------------------------------------------------------------------

TWELVE = "sgd sgd:momentum=0.9 sgd:momentum=0.5 momentum adam adam:beta1=0.5 adam:beta2=0.9"
TWELVE += " adagrad adagrad:eps=1e-3 adam:eps=0.1 sgd:momentum=0.99 momentum:momentum=0.5"


def traced(name, optimizers, steps=60, **keys):
    some = [
        TracedOptimizer(word, inline_spec.chosen(OPTIMIZERS, word)) for word in optimizers.split()
    ]
    return trace(objective(name, **keys), some, steps=steps)


def said(figure):
    import matplotlib.text

    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


@pytest.mark.long
@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_every_objective_has_a_picture(name):
    figure = plots.trace_map(traced(name, "sgd adam:lr=0.1"), name)
    assert plots.render(figure).startswith(b"\x89PNG")
    assert {"sgd, lr 0.001", "adam:lr=0.1", name, "step"} <= set(said(figure))


def test_twelve_paths_have_colours_badges_and_names_of_their_own():
    figure = plots.trace_map(traced("himmelblau", TWELVE))
    plane, panel = figure.axes
    for axes in (plane, panel):
        lines = [line for line in axes.lines if line.get_gid() is None]
        assert len({line.get_color() for line in lines}) == 12
        badges = [text for text in axes.texts if text.get_text().isdigit()]
        assert sorted(int(text.get_text()) for text in badges) == list(range(1, 13))
        places = axes.transData.transform([text.get_position() for text in badges])
        apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) / figure.dpi
        assert apart[~np.eye(12, dtype=bool)].min() > 0.16, "inches between two badges"
    names = {text.partition(", lr ")[0] for text in said(figure)}
    assert {word for word in TWELVE.split() if len(word) < 14} <= names


def test_a_path_that_leaves_is_cut_and_marked():
    figure = plots.trace_map(traced("rosenbrock", "sgd:lr=0.1 sgd"))
    plane = figure.axes[0]
    arrows = [
        line for line in plane.lines if isinstance(line.get_marker(), tuple) and line.get_gid()
    ]
    assert arrows
    for arrow in arrows:
        (x,), (y,) = arrow.get_data()
        on_edge = [abs(abs(x) - 2) < 1e-9, abs(y - 3) < 1e-9, abs(y + 1) < 1e-9]
        assert any(on_edge)
        assert -2 - 1e-9 <= x <= 2 + 1e-9
        assert -1 - 1e-9 <= y <= 3 + 1e-9
    for line in plane.lines:
        assert np.isfinite(np.array(line.get_data(), float)).all() or line.get_gid()
    assert "diverged" in said(figure)
    assert plots.render(figure).startswith(b"\x89PNG")


def test_more_than_two_dimensions_have_no_map():
    figure = plots.trace_map(traced("rosenbrock", "sgd adam", dimension=5))
    assert len(figure.axes) == 1
    assert plots.render(figure).startswith(b"\x89PNG")


@pytest.mark.long
def test_many_paths_still_give_a_picture():
    many = " ".join(f"adam:lr={0.01 * k:.2f}" for k in range(1, 46))
    figure = plots.trace_map(traced("booth", many, steps=20))
    assert "and 5 more" in said(figure)


def test_a_start_outside_the_picture_widens_it():
    found = trace(objective("rosenbrock"), entries(SGD()), steps=5, start=(4.0, -2.0))
    plane = plots.trace_map(found).axes[0]
    assert plane.get_xlim()[1] > 4
    assert plane.get_ylim()[0] < -2


def test_the_same_trace_gives_the_same_bytes():
    first, second = (plots.render(plots.trace_map(traced("beale", "sgd adam"))) for _ in range(2))
    assert first == second


def test_the_animation_ends_with_whole_paths():
    from PIL import Image

    found = traced("saddle", "sgd:lr=0.1 adam:lr=0.1", steps=40)
    with Image.open(io.BytesIO(plots.trace_animation(found))) as picture:
        assert picture.format == "GIF"
        assert 10 <= picture.n_frames <= 70
        first = np.array(picture.convert("RGB"), int)
        picture.seek(picture.n_frames - 1)
        last = np.array(picture.convert("RGB"), int)
    blue = np.array([0x00, 0x72, 0xB2])
    painted = [int((np.abs(frame - blue).sum(axis=2) < 12).sum()) for frame in (first, last)]
    assert painted[1] > 2 * painted[0] > 0


def test_a_badge_hides_neither_start_nor_minimum():
    for name in ("rosenbrock", "himmelblau", "saddle"):
        plane = plots.trace_map(traced(name, "adam sgd")).axes[0]
        marks = [line for line in plane.lines if line.get_gid() == "land"]
        places = np.concatenate([np.stack(line.get_data(), axis=1) for line in marks])
        badges = np.array([t.get_position() for t in plane.texts if t.get_text().isdigit()])
        apart = plane.transData.transform(places)[:, None] - plane.transData.transform(badges)
        assert np.hypot(*apart.T).min() / plane.figure.dpi > 0.19, "inches"
        assert all(line.get_zorder() > 6 for line in marks), "no path's end covers them"


@pytest.mark.parametrize(
    ("optimizer", "steps", "outcome"),
    [
        ("sign_sgd:lr=0.5", 300, "oscillating"),  # jumps over the minimum for good
        ("sgd:lr=1e-5", 300, "not converged"),  # slow, but straight
        ("momentum:lr=1e-4,momentum=0.99", 300, "not converged"),  # swings, and gets lower
        ("sign_sgd:lr=0.5", 20, "not converged"),  # too few to tell
    ],
)
def test_oscillation_is_told_from_progress(optimizer, steps, outcome):
    (path,) = traced("quadratic", optimizer, steps=steps).paths
    assert path.outcome == outcome


@pytest.mark.parametrize(
    ("name", "optimizer", "start", "outcome"),
    [
        ("himmelblau", "sgd:lr=0.01", None, "reached"),
        ("himmelblau", "adam:lr=1.2", None, "escaped"),  # overshoots into the next valley
        ("three_hump_camel", "momentum:lr=0.05", None, "escaped"),  # of a local minimum
        ("three_hump_camel", "momentum:lr=0.05", (0.3, 0.2), "reached"),
        ("three_hump_camel", "sgd:lr=0.01", None, "elsewhere"),
        ("rosenbrock", "newton", None, "reached"),  # where the way down is long
    ],
)
def test_a_path_has_escaped_where_the_way_down_ends_elsewhere(name, optimizer, start, outcome):
    own = TracedOptimizer("a", inline_spec.chosen(OPTIMIZERS, optimizer))
    (path,) = trace(objective(name), [own], steps=500, start=start).paths
    assert path.outcome == outcome


def test_a_list_of_rates_is_an_optimizer_with_each(here, capsys):
    words = ["trace", "ravine", "sgd:lr=0.1|0.9|1.05", "momentum:lr=0.1|0.2,momentum=0.5"]
    assert run([*words, "--steps", "100", "--out", "run", "--no-plots", "--html"]) == 0
    out = capsys.readouterr().out.splitlines()
    labels = {line.split()[1]: line.split()[-1] for line in out[1:6]}
    assert labels.keys() == {
        *(f"sgd:lr={rate}" for rate in ("0.1", "0.9", "1.05")),
        *(f"momentum:momentum=0.5,lr={rate}" for rate in ("0.1", "0.2")),
    }
    assert labels["sgd:lr=1.05"] == "diverged"
    assert labels["sgd:lr=0.9"] == "converged"
    assert out[-2:] == ["run folder: run", "page: run/report.html"]
    assert b"sgd:lr=1.05" in (here / "run" / "report.html").read_bytes()


def test_no_line_of_a_trace_is_wider_than_the_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    words = ["trace", "rosenbrock", "adam", "momentum:lr=0.0005,momentum=0.9", "--steps", "50"]
    assert run([*words, "--no-plots", "--out", "t"]) == 0
    said = capsys.readouterr().out
    assert "no optimizer converged" in said
    assert max(map(len, said.splitlines())) <= 60


def test_badges_on_the_losses_stand_where_the_paths_arrive():
    found = traced("quadratic", "sgd:lr=0.1 adam:lr=0.1", 200)
    figure = plots.trace_map(found)
    panel = figure.axes[1]
    starts = {line.get_xdata()[0] for line in panel.lines if line.get_gid() == "leader"}
    starts |= {line.get_xdata()[0] for line in panel.lines if line.get_marker() == "o"}
    reached = [path.reached for path in found.paths]
    assert None not in reached
    for step in reached:
        assert any(abs(x - step) < 0.5 for x in starts), (step, starts)
        assert f"reached in {step} steps" in said(figure)
