"""Command lines that are not as they should be, and places that are hard to work in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optcli.cli.main import run
from optcli.storage.dispatch import scheduler
from tests import systems
from tests.for_each import for_each

CONFIG = """\
dataset: {name: moons, samples: 60}
model: {name: mlp, hidden: [4]}
loss: binary_cross_entropy
optimizer: adam
training: {epochs: 3}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    return tmp_path


REFUSED = {
    "trian c.yaml": "no command 'trian'; did you mean 'train'? (optcli --help)",
    "train c.yaml --ovrewrite": "no option --ovrewrite; did you mean '--overwrite'?",
    "train c.yaml --lr 0.1": "no option --lr; use --set optimizer.lr=0.1",
    "train c.yaml --learning-rate=0.1": "no option --learning-rate; use --set optimizer.lr=0.1",
    "train c.yaml --epochs": "no option --epochs; use --set training.epochs=VALUE",
    "train c.yaml --batch-size 3": "no option --batch-size; use --set training.batch_size=3",
    "train c.yaml --steps 9": "no option --steps; use --set training.steps=9",
    "train c.yaml --optimizer sgd": "no option --optimizer; use --set optimizer=sgd",
    "train c.yaml --loss mse": "no option --loss; use --set loss=mse",
    "train c.yaml --hidden 8": "no option --hidden; use --set model.hidden=8",
    "compare sgd adam --lr 0.1": "no option --lr; write adam:lr=0.1, say",
    "compare --optimizer adam": "no option --optimizer; name optimizers as arguments",
    "trace beale sgd --epochs 5": (
        "no option --epochs; training.epochs is a config key, which this command does not take"
    ),
    "train c.yaml d.yaml": "unexpected argument 'd.yaml' (optcli train --help)",
    "train": "CONFIG: is missing; name a YAML file, or --resume RUN",
    "train d.yaml": "d.yaml: no such file",
    "check": "missing CONFIG (optcli check --help)",
    "runs": "missing command; must be one of list, show, diff, plot, verify, merge, remove "
    "(optcli runs --help)",
    "runs shwo": "no command 'shwo'; did you mean 'show'? (optcli runs --help)",
    "train c.yaml --set optimizer=adma": (
        "--set optimizer.name: unknown optimizer 'adma'; did you mean 'adam'? "
        "(optcli list optimizers)"
    ),
    "train c.yaml --set foo.bar=1": (
        "--set foo.bar: unknown key; must be one of dataset, objective, split, model, loss, "
        "optimizer, schedule, regularization, training, metrics, seed, dtype, tune"
    ),
    "train c.yaml --set optimizer.lr=": ("--set optimizer.lr: has no value; write null for none"),
    "train c.yaml --set optimizer.lr": "--set: is 'optimizer.lr'; must be KEY=VALUE",
    "train c.yaml --set =1": "--set: is '=1'; must be KEY=VALUE",
    "train c.yaml --set optimizer.lr=[": ("--set optimizer.lr: ends inside a quote or bracket"),
    "train c.yaml --seed abc": "--seed: is 'abc'; must be a whole number",
    "train c.yaml --seed 1.5": "--seed: is '1.5'; must be a whole number",
    "train c.yaml --seed -1": "--seed: is '-1'; must be at least 0",
    "train c.yaml --seed 1 --set seed=2": (
        "--seed: is 1, but --set seed=2 is given as well; give one"
    ),
    "train c.yaml --on-divergence go": "--on-divergence: is 'go'; must be stop or continue",
    "train c.yaml --resume run": "--resume: cannot be combined with c.yaml",
    "train --resume none": "none: is not a run folder",
    "train --resume c.yaml": "c.yaml: is not a run folder",
    "train c.yaml --out c.yaml": "--out: c.yaml is a file; must be a folder, or new",
    **{
        f"{words} --out c.yaml/x/y": (
            "--out: c.yaml/x/y cannot be made, as c.yaml is a file; choose another place"
        )
        for words in (
            "train c.yaml",
            "compare sgd adam",
            "trace beale sgd",
            "gradcheck tanh --plots",
        )
    },
    "gradcheck tanh --plots --out c.yaml": "--out: c.yaml is a file; must be a folder, or new",
    "compare": "missing ENTRY, one or more (optcli compare --help)",
    "compare sgd": ("ENTRY: 1 given; a comparison takes two or more (optcli list optimizers)"),
    "compare sgd sgd": "sgd: is listed twice",
    "compare sgd adam --jobs 0": "--jobs: is 0; must be 1 to 1,024",
    "compare sgd adam --jobs -1": "--jobs: is -1; must be 1 to 1,024",
    "compare sgd adam --jobs many": "--jobs: is 'many'; must be a whole number",
    "compare sgd adam --tune 0": "--tune: is 0; must be 1 to 1,000",
    "compare sgd adam --tune-seeds 0": "--tune-seeds: is 0; must be 1 to 10,000",
    "compare sgd adam --finalists 0": "--finalists: is 0; must be 1 to 100",
    "compare sgd adam --at end": "--at: is 'end'; must be best or last",
    "compare sgd adam --seeds 0": "--seeds: is 0; must be 1 to 10,000",
    "compare sgd adam --seeds 1e3": "--seeds: is '1e3'; must be a whole number",
    "compare sgd adam --tune 3 --budget 3": (
        "--tune: cannot be combined with --budget; give one of the two"
    ),
    "compare sgd adam --budget -1": "--budget: is -1; must be 1 to 10,000",
    "compare sgd adam --target nan": "--target: is nan; must be a number",
    "compare sgd adam --target low": "--target: is 'low'; must be a number",
    "compare sgd adam --backend mpi": "--backend: is 'mpi'; must be dask, dask://host:port or tls://host:port",
    "trace": "missing OBJECTIVE (optcli trace --help)",
    "trace quadratic": "missing OPTIMIZER, one or more (optcli trace --help)",
    "trace adam rosenbrock": "OBJECTIVE: 'adam' is an optimizer; the objective comes first",
    "train c.yaml epochs=3": ("unexpected argument 'epochs=3'; use --set training.epochs=3"),
    "trace quadratic sgd --steps 0": "--steps: is 0; must be 1 to 100,000",
    "trace quadratic sgd --steps x": "--steps: is 'x'; must be a whole number",
    "trace quadratic sgd --start 1": "--start: must have 2 numbers for quadratic, not 1",
    "trace quadratic sgd --start nan,1": (
        "--start: is 'nan,1'; must be numbers between commas, as 1,-0.5"
    ),
    "gradcheck --rtol -1": "--rtol: is '-1'; must be at least 0",
    "gradcheck --rtol nan": "--rtol: is 'nan'; must be at least 0",
    "gradcheck --atol x": "--atol: is 'x'; must be a number",
    "gradcheck --seed x": "--seed: is 'x'; must be a whole number",
    "gradcheck msee": (
        "no loss, activation, layer, model or objective is called 'msee'; "
        "did you mean 'mse'? (optcli list)"
    ),
    "explain": "missing NAME, one or more (optcli explain --help)",
    "list optimiser": "KIND: unknown kind 'optimiser'; did you mean 'optimizers'?",
    "runs list none": "none: no such folder",
    "runs list c.yaml": "c.yaml: no such folder",
    "runs show none": "none: no such folder",
    "runs diff none": "missing RUN (optcli runs diff --help)",
    "runs verify none --epochs 0": "--epochs: is '0'; must be at least 1",
    "runs remove .": ".: was not made by optcli, and is left alone",
}


@for_each("words", REFUSED)
def test_what_is_refused_is_said_in_one_line(words, folder, capsys):
    assert run(words.split()) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {REFUSED[words]}\n"
    assert said.out == ""
    assert [path.name for path in folder.iterdir()] == ["c.yaml"], "nothing is left behind"


@systems.needs_links
@pytest.mark.parametrize("place", ["link", "link/x"])
def test_a_link_that_leads_nowhere_is_no_place_for_a_folder(place, capsys):
    Path("link").symlink_to("nowhere")
    assert run(["train", "c.yaml", "--out", place]) == 2
    assert "is a broken link" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def test_an_unreachable_scheduler_is_said_within_ten_seconds(capsys, monkeypatch):
    pytest.importorskip("distributed")  # to import it takes its time as well
    assert scheduler.CONNECT_SECONDS < 10
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)
    with socket.socket() as silent:  # takes connections and answers nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in ("127.0.0.1:9", f"127.0.0.1:{silent.getsockname()[1]}"):
            began = time.monotonic()
            assert run(["compare", "sgd", "adam", "--backend", f"dask://{address}"]) == 3
            assert time.monotonic() - began < 5
            said = capsys.readouterr().err
            assert said.startswith(f"error: --backend: is dask://{address}; no scheduler answers ")
    assert not Path("runs").exists()


# ---- hard places ---------------------------------------------------------------------


def command(words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell, where O stands for optcli."""
    kept = {name: value for name, value in os.environ.items() if environment.get(name) != "-"}
    given = {name: value for name, value in environment.items() if value != "-"}
    return subprocess.run(
        ["bash", "-c", words.replace("O ", f"{sys.executable} -m optcli ")],
        capture_output=True,
        text=True,
        timeout=100,
        env=kept | given,
        check=False,
    )


@systems.needs_full_device
@pytest.mark.parametrize("words", ["train c.yaml --out run --no-plots", "list", "--help"])
def test_output_that_cannot_be_written_is_an_error_at_the_end(words):
    done = command(f"O {words} > /dev/full")
    assert (done.returncode, done.stderr) == (3, "error: stdout: No space left on device\n")
    assert "run" not in words or Path("run/checksums.json").is_file()


@systems.needs_posix_shell
@pytest.mark.parametrize(
    "words", ["O train c.yaml --out run >&-", "O train c.yaml --out run --no-plots <&- 2>&-"]
)
def test_closed_streams_do_not_stop_the_training(words):
    done = command(words)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("run/checksums.json").is_file()


@pytest.mark.parametrize("words", ["compare sgd adam --out run --no-plots", "gradcheck mse"])
def test_a_closed_pipe_is_no_error(words):
    done = command(f"O {words} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert "run" not in words or Path("run/checksums.json").is_file()


def test_help_for_a_reader_that_has_gone():
    done = command("O --help | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_ended_run_without_an_outcome_is_damaged(capsys):
    assert run(["train", "c.yaml", "--out", "run", "--quiet", "--no-plots"]) == 0
    Path("run/checksums.json").unlink()
    Path("run/summary.json").write_text('{"epochs": 3}')
    assert run(["train", "--resume", "run"]) == 2
    said = capsys.readouterr().err
    assert said == "error: run/summary.json: is damaged: it has no outcome\n"


ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
NOWHERE = {"HOME": "/nowhere", "MPLCONFIGDIR": "/nowhere"}
PLACES = {
    "ASCII, narrow, no home": ASCII | {"COLUMNS": "40", "HOME": "-"},
    "dumb, backend, no such home": NOWHERE | {"TERM": "dumb", "MPLBACKEND": "nonsense"},
}
TWO = (
    "import sys; from optcli.cli.main import run; "
    "sys.exit(run('train c.yaml --out run'.split()) or run('trace beale sgd --out t'.split()))"
)


@pytest.mark.parametrize("place", PLACES)
def test_hard_places_change_nothing(place):
    """All that is hard at once; whichever does harm, the command fails."""
    done = command(f'{sys.executable} -c "{TWO}"', **PLACES[place])
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("run/loss.png").stat().st_size > 10_000
    assert Path("run/checksums.json").is_file()
    assert Path("t/checksums.json").is_file()
    assert list(Path("t").glob("*.png"))
    assert "\x1b" not in done.stdout
    if place.startswith("ASCII"):
        assert done.stdout.isascii()


@systems.needs_full_device
def test_help_that_cannot_be_written_is_not_tried_again_at_the_end():
    """Nor would the interpreter's own exit code come in the place of 3."""
    done = command("O --help > /dev/full", PYTHONUNBUFFERED="-")
    assert (done.returncode, done.stderr) == (3, "error: stdout: No space left on device\n")


@pytest.mark.parametrize("columns", ["40", "1", "0", "-5", "abc"])
def test_any_number_of_columns(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    commands = ["list losses", "explain adam", "check c.yaml", "train c.yaml --out r --no-plots"]
    commands += ["runs show r", "runs list .", "gradcheck mse --fast"]
    commands += ["trace beale sgd --out t"] if columns in ("40", "0") else []  # has a picture
    for words in commands:
        assert run(words.split()) == 0, words
        said = capsys.readouterr()
        assert said.err == ""
        if columns == "40" and not words.startswith(("train", "trace", "runs show")):
            assert max(map(len, said.out.splitlines())) <= 40, words


# ---- numbers ---------------------------------------------------------------------------

WHOLE = {"": "is ''; must be a whole number"} | {
    text: f"is '{text}'; must be a whole number" for text in ("nan", "1.5", "1e3", "abc", "²")
}
HUGE = str(10**20)
NUMBERS = {
    **{
        f"{command} --seed": WHOLE
        for command in (
            "train c.yaml",
            "check c.yaml",
            "compare sgd adam",
            "explain forward c.yaml",
            "gradcheck mse",
            "tune c.yaml",
            "trace rosenbrock sgd",
            "landscape r",
            "init x.yaml",
            "evaluate r x.csv",
            "lr-find c.yaml",
        )
    },
    **{
        words: WHOLE | {text: f"is {text}; must be {span}" for text in ("0", HUGE)}
        for words, span in {
            "tune c.yaml --budget": "1 to 10,000",
            "tune c.yaml --repeats": "1 to 1,000",
            "tune c.yaml --jobs": "1 to 1,024",
            "runs merge r --jobs": "1 to 1,024",
        }.items()
    },
    **{
        f"evaluate r x.csv {option}": WHOLE
        | {text: f"is {text}; must be {span}" for text in ("-1", HUGE)}
        for option, span in {
            "--repeats": "1 to 1,000",
            "--resamples": "0 to 100,000",
            "--bins": "2 to 100",
        }.items()
    },
    "predict r x.csv --threshold": {  # more where there is a run
        text: f"is '{text}'; must be a number" for text in ("abc", "")
    },
    **{
        f"compare sgd adam {option}": WHOLE
        | {text: f"is {text}; must be 1 to {most}" for text in ("0", "-1", HUGE)}
        for option, most in {
            "--tune": "1,000",
            "--budget": "10,000",
            "--tune-seeds": "10,000",
            "--finalists": "100",
            "--seeds": "10,000",
            "--jobs": "1,024",
        }.items()
    },
    "compare sgd adam --target": {
        "abc": "is 'abc'; must be a number",
        "": "is ''; must be a number",
        "nan": "is nan; must be a number",
        "inf": "is inf; must be a number",
    },
    "lr-find c.yaml --steps": WHOLE
    | {text: f"is {text}; must be 20 to 10,000" for text in ("0", "19", HUGE)},
    "lr-find c.yaml --seeds": WHOLE
    | {text: f"is {text}; must be 1 to 100" for text in ("0", HUGE)},
    "lr-find c.yaml --min-lr": {
        "abc": "is 'abc'; must be a number",
        "0": "is 0; must be from 1e-12 to below 1e6",
        "nan": "is nan; must be from 1e-12 to below 1e6",
    },
    "lr-find c.yaml --max-lr": {
        "abc": "is 'abc'; must be a number",
        "1e-7": "is 1e-07; must be at least 10 times 1e-06, and at most 1e6",
        "inf": "is inf; must be at least 10 times 1e-06, and at most 1e6",
    },
    **{
        f"landscape r {option}": WHOLE
        | {text: f"is {text}; must be {span}" for text in ("0", "-1", HUGE)}
        for option, span in {
            "--points": "3 to 501",
            "--rows": "1 to 10,000,000",
            "--probes": "2 to 10,000",
        }.items()
    },
    "explain forward c.yaml --row": WHOLE
    | {"0": "is 0; must be 1 to 48, the number of training rows"},
    "landscape r --seed": WHOLE | {"-1": "is -1; must be at least 0"},
    "landscape r --radius": {
        "abc": "is 'abc'; must be a number",
        "0": "is 0; must be above 0, and finite",
        "inf": "is inf; must be above 0, and finite",
        "nan": "is nan; must be above 0, and finite",
    },
    "trace rosenbrock sgd --steps": WHOLE
    | {text: f"is {text}; must be 1 to 100,000" for text in ("0", "-1", HUGE)},
    "trace rosenbrock sgd --seed": WHOLE | {"-1": "is -1; must be at least 0"},
    "trace rosenbrock sgd --start": {
        text: f"is '{text}'; must be numbers between commas, as 1,-0.5"
        for text in ("nan", "abc", "", "1,", "inf,0", "1e400,1", "1;2")
    }
    | {"1,2,3": "must have 2 numbers for rosenbrock, not 3"},
    "gradcheck mse --seed": WHOLE | {"-1": "is '-1'; must be at least 0"},
    **{
        f"gradcheck mse {option}": {
            "abc": "is 'abc'; must be a number",
            "-1": "is '-1'; must be at least 0",
            "nan": "is 'nan'; must be at least 0",
            "inf": "is inf; must be finite",
            "1e400": "is inf; must be finite",
        }
        for option in ("--rtol", "--atol")
    },
    "runs verify r --epochs": WHOLE
    | {text: f"is '{text}'; must be at least 1" for text in ("0", "-1")},
}


@for_each("words", NUMBERS)
def test_wrong_numbers_are_said_in_one_line(words, capsys, folder):
    option = words.split()[-1]
    for number, (text, message) in enumerate(NUMBERS[words].items()):
        given = [text] if number % 2 else []
        arguments = [*words.split()[:-1], option if given else f"{option}={text}", *given]
        assert run(arguments) == 2, arguments
        assert capsys.readouterr() == ("", f"error: {option}: {message}\n"), arguments
    assert [path.name for path in folder.iterdir()] == ["c.yaml"]


NUMERIC = ("integer", "float")


def test_every_option_that_takes_a_number_is_in_the_table():
    from .test_help import COMMANDS

    missing, looked = [], []
    for path, command in COMMANDS.items():
        for option in command.params:
            kind = getattr(option, "type_descriptor", option)  # of typer, or click's own
            name = getattr(getattr(kind, "type", None), "name", "").partition(" ")[0]
            number = getattr(kind, "annotation", None) in (int, float) or name in NUMERIC
            if number or "--start" in option.opts:
                found = [
                    words
                    for words in NUMBERS
                    if words.startswith(path) and words.split()[-1] in option.opts
                ]
                missing.extend([] if found else [(path, option.opts)])
                looked.append(option)
    assert missing == []
    assert len(looked) == len(NUMBERS)
