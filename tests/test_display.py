"""Displays: what they say, where, and what they survive."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.cli.parameter_names import CommandLine
from optcli.core.errors import EnvironmentFailed, Fault, InvalidInput, setting
from optcli.core.events import Ended, EpochEnded, Progress, Started
from optcli.display import text as words
from optcli.display import train
from optcli.display.faults import faults
from optcli.display.listener import Quiet
from optcli.display.table import Column, Table
from optcli.display.train import LiveTable, PlainLines, TrainJsonLines, columns
from optcli.display.train.closing import closing
from optcli.display.train.record import Record, round_stride
from tests.for_each import for_each


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Broken(Terminal):
    """A stream whose reader goes after so many writes."""

    def __init__(self, writes=0, number=errno.EPIPE):
        super().__init__()
        self.writes, self.number = writes, number

    def write(self, text):
        if not self.writes:
            raise OSError(self.number, "gone")
        self.writes -= 1
        return super().write(text)


class Clock:
    def __init__(self, step=1.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def one(value, dtype=float):
    return np.array([value, 777], dtype)  # replica 1 is nobody's business


def events(epochs=3, validates=True, metrics=("accuracy",), losses=None, first=1):
    """A made-up run whose loss is 1/epoch."""
    state = SimpleNamespace(epoch=first - 1, step=10 * (first - 1))
    yield Started(state, epochs, 10 * epochs, 10, 1000, 99, metrics, validates)
    best = math.inf
    for epoch in range(first, epochs + 1):
        loss = 1 / epoch if losses is None else losses[epoch - 1]
        found = {name: one(0.25) for name in metrics}
        is_best, best = loss < best, min(loss, best)
        yield Progress(state, 10 * epoch - 5, epoch - 0.5)
        yield EpochEnded(
            state,
            epoch,
            10 * epoch,
            one(0.01),
            one(loss),
            found,
            one(loss) if validates else None,
            found if validates else {},
            one(2.0),
            one(0.5),
            one(is_best, bool),
            float(epoch),
        )
    counts = (one(epochs, int), one(10 * epochs, int), one(1, int))
    yield Ended(state, ("completed", "diverged"), *counts, 1.5, 12345.0, counts[1])


SUMMARY = {
    "outcome": "completed",
    "epochs": 3,
    "steps": 30,
    "best": {"epoch": 3, "lr": 0.01, "train_loss": 0.5, "validation_loss": 0.25},
    "final": {"lr": 0.01, "train_loss": 0.5, "validation_loss": 0.25},
    "test": {"loss": 0.125, "accuracy": 0.75},
    "seconds": 1.5,
    "samples_per_second": 12345.0,
    "parameters": 99,
}
SUMMARY["best"]["validation_accuracy"] = 0.9


def told(listener, *args, **keywords):
    for event in events(*args, **keywords):
        listener(event)
    listener.finish(SUMMARY, Path("runs/x"), ["column [b] is constant"])
    listener.close()
    return listener.output.stream.getvalue()


# Words


@for_each(
    ("value", "text"),
    [
        (0.693147, "0.69315"),
        (0.012343, "0.01234"),
        (1.1, "1.10000"),
        (12.3456789, "12.3457"),
        (1234.56, "1234.56"),
        (0.00123456, "0.001235"),
        (0.0001, "0.0001000"),
        (0.00001234, "1.234e-05"),
        (123456.0, "123456"),
        (9999999.0, "9999999"),
        (12345678.0, "1.235e+07"),
        (-2.5, "-2.50000"),
        (0.0, "0"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(("lr", "text"), [(0.01, "0.01"), (1e-5, "1e-05"), (1 / 3, "0.3333")])
def test_learning_rate(lr, text):
    assert words.short(lr) == text


@for_each(
    ("value", "text"),
    [
        (0.0, "0"), (987.4, "987"), (999.9, "1.00k"), (12345, "12.3k"), (150000, "150k"),
        (999_900, "1.00M"), (4.56e6, "4.56M"), (3e10, "30.0G"), (math.inf, "-"), (math.nan, "-"),
    ],
)  # fmt: skip
def test_rate(value, text):
    assert words.rate(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40 s"), (12.34, "12.3 s"), (59.99, "1 min 00 s"), (185, "3 min 05 s"),
     (7384, "2 h 03 min")],
)  # fmt: skip
def test_duration(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(7.4, "0:07"), (754, "12:34"), (3723, "1:02:03")])
def test_remaining(seconds, text):
    assert words.remaining(seconds) == text


def test_sparkline():
    assert words.sparkline([0, 1, 2, 3], 4, fancy=True) == "▁▃▆█"
    assert words.sparkline([4, 4], 10, fancy=False) == "__"
    # by decades, when there are more than 1.5
    assert words.sparkline([1, 10, 100], 3, fancy=True) == "▁▅█"
    assert words.sparkline([1, math.nan, 2], 3, fancy=False) == "_x#"
    assert words.sparkline([math.nan], 5, fancy=True) == ""
    assert len(words.sparkline(list(range(1000)), 33, fancy=True)) == 33
    assert words.sparkline([-1e308, 1e308], 2, fancy=True) == "▁█"


@pytest.mark.parametrize(("share", "text"), [(0, "----"), (0.5, "##--"), (1, "####"), (9, "####")])
def test_bar(share, text):
    assert words.bar(share, 4, fancy=False) == text


def test_closing_lines():
    assert closing(SUMMARY, Path("runs/x"), ["mind the gap"]) == [
        "completed after 3 epochs (30 steps) in 1.50 s, 12.3k rows/s",
        "best epoch 3: validation loss 0.25000, accuracy 0.9000",
        "test (weights of epoch 3): loss 0.12500, accuracy 0.7500",
        "note: mind the gap",
        "run folder: runs/x",
    ]


def test_closing_lines_without_validation_or_anything():
    summary = {"outcome": "timed_out", "epochs": 1, "steps": 1, "final": {"train_loss": 0.5}}
    assert closing(summary) == [
        "reached its time limit after 1 epoch (1 step) in 0.00 s, 0 rows/s",
        "last epoch: training loss 0.50000",
    ]
    assert closing({"outcome": "diverged", "best": None, "final": None})


# Record and table


@pytest.mark.parametrize(
    ("count", "stride"), [(1, 1), (50, 1), (51, 2), (100, 2), (101, 5), (501, 20), (10**6, 20000)]
)
def test_round_stride(count, stride):
    assert round_stride(count, 50) == stride


def test_record_keeps_first_best_and_last_of_any_run():
    losses = np.linspace(2, 1, 5000)
    losses[3210] = 0.5
    started, *rest = events(5000, losses=losses)
    record = Record(started)
    for event in rest:
        if isinstance(event, EpochEnded):
            record.add(event)
    epochs = [row["epoch"] for row in record.thinned(20)]
    assert {1, 3211, 5000} <= set(epochs)
    assert epochs == sorted(set(epochs))
    assert len(epochs) <= 24
    assert len(list(record)) <= 512


@for_each("width", [17, 40, 60, 80, 120, 500])
@for_each("validates", [True, False])
def test_columns_fit(width, validates):
    """The loss that decides which epoch is the best is always there."""
    found = columns.table(("accuracy", "a_very_long_metric_name"), validates, 100, width)
    assert max(map(len, found.heading())) <= width
    decides = "validation_loss" if validates else "train_loss"
    assert {"epoch", decides} <= {each.key for each in found.columns}


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (500, []),
        (80, ["train_accuracy"]),
        (69, ["rows_per_second", "train_accuracy"]),
        (59, ["gradient_norm", "rows_per_second", "train_accuracy"]),
        (49, ["gradient_norm", "lr", "rows_per_second", "train_accuracy"]),
        (20, sorted({"gradient_norm", "lr", "rows_per_second", "train_accuracy",
                     "train_loss", "validation_accuracy"})),
    ],
)  # fmt: skip
def test_order_in_which_columns_go(width, missing):
    everything = {each.key for each in columns.table(("accuracy",), True, 9, 999).columns}
    found = {each.key for each in columns.table(("accuracy",), True, 9, width).columns}
    assert sorted(everything - found) == missing


def shown(width):
    rows = {"name": ["adam", "sgd:momentum=0.9,nesterov=true"], "loss": ["0.5", "12.25"]}
    rows |= {"note": ["", "a text of so many words that it takes several lines"]}
    return Table(
        [
            Column("name", "optimizer", rows["name"], left=True, cut=True),
            Column("loss", "median\nloss", rows["loss"]),
            Column("spare", "spare", ["1", "2"], rank=1),
            Column("note", cells=rows["note"], wrap=True),
        ],
        width,
    ).lines()


def test_a_table_gives_up_columns_then_cuts_names_and_wraps_its_text():
    assert shown(90) == [
        "                                median",
        "optimizer                         loss  spare",
        "adam                               0.5      1",
        "sgd:momentum=0.9,nesterov=true   12.25      2  a text of so many words that it takes",
        "                                               several lines",
    ]
    assert shown(30) == [
        "                        median",
        "optimizer                 loss",
        "adam                       0.5",
        "sgd:momentum=0.9,ne...   12.25",
        "    a text of so many words",
        "    that it takes several",
        "    lines",
    ]


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([0.01049, 24.5], ["0.01049", "24.50000"]),
        ([123456.7, 2345.6], ["123457", "2346"]),
        ([1e-7, 2.0], ["1.000e-07", "2.000e+00"]),
        ([0.5, math.inf, math.nan, 0.0], ["0.5000", "inf", "nan", "0.0000"]),
        ([math.nan], ["nan"]),
    ],
)
def test_the_numbers_of_a_column_have_one_format(values, cells):
    assert words.alike(values) == cells


# Plain lines


def test_plain_lines_word_for_word():
    assert told(PlainLines(io.StringIO()), 2) == (
        "epoch 1/2  train_loss 1.00000  train_accuracy 0.2500  "
        "validation_loss 1.00000  validation_accuracy 0.2500  lr 0.01  best\n"
        "epoch 2/2  train_loss 0.50000  train_accuracy 0.2500  "
        "validation_loss 0.50000  validation_accuracy 0.2500  lr 0.01  best\n"
        "completed after 3 epochs (30 steps) in 1.50 s, 12.3k rows/s\n"
        "best epoch 3: validation loss 0.25000, accuracy 0.9000\n"
        "test (weights of epoch 3): loss 0.12500, accuracy 0.7500\n"
        "note: column [b] is constant\n"
        "run folder: runs/x\n"
    )


@pytest.mark.parametrize("epochs", [1, 50, 51, 100, 999, 5001])
def test_plain_lines_are_thinned(epochs):
    text = told(PlainLines(io.StringIO()), epochs)
    said = [int(line.split("/")[0].split()[1]) for line in text.splitlines() if "/" in line[:12]]
    assert said[0] == 1
    assert said[-1] == epochs
    assert min(epochs, 25) <= len(said) <= 52
    assert len(set(said)) == len(said)


def test_the_last_line_that_is_marked_best_is_the_best_epoch():
    losses = np.linspace(2, 1, 100)
    losses[36] = 0.5
    told_best = [line for line in told(PlainLines(io.StringIO()), 100, losses=losses).splitlines()
                 if line.endswith("best")]  # fmt: skip
    assert told_best[-1].startswith("epoch  37/100 ")


def test_the_last_epoch_of_a_run_that_stops_early_is_said():
    listener = PlainLines(io.StringIO())
    for event in events(1000):
        if not isinstance(event, EpochEnded) or event.epoch <= 333:
            listener(event)
    assert listener.output.stream.getvalue().splitlines()[-1].startswith("epoch  333/1000")


def test_a_resumed_run_says_its_first_epoch():
    text = told(PlainLines(io.StringIO()), 1000, first=701)
    assert text.startswith("epoch  701/1000")


# JSON lines


def test_json_lines():
    text = told(TrainJsonLines(io.StringIO()), losses=[1.0, math.nan, math.inf])

    def refuse(name):
        raise AssertionError(name)

    lines = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["started", *["epoch"] * 3, "ended", "summary"]
    started, first, second, _, ended, summary = lines
    assert started["parameters"] == 99
    assert started["metrics"] == ["accuracy"]
    assert list(first)[1:] == [
        "epoch", "step", "lr", "train_loss", "train_accuracy", "validation_loss",
        "validation_accuracy", "gradient_norm", "update_norm", "seconds", "best",
    ]  # fmt: skip
    assert first["best"] is True
    assert second["train_loss"] is None
    assert second["best"] is False
    assert ended["outcome"] == "completed"
    assert ended["epochs"] == 3
    assert summary == {
        "event": "summary",
        **SUMMARY,
        "folder": "runs/x",
        "notes": ["column [b] is constant"],
    }


def test_json_of_arrays_and_paths():
    stream = io.StringIO()
    fields = {"a": np.array([1.0, np.inf]), "b": np.float32(0.5), "c": Path("x"), "d": (1, None)}
    TrainJsonLines(stream).emit("any", fields)
    assert json.loads(stream.getvalue()) == {
        "event": "any", "a": [1.0, None], "b": 0.5, "c": "x", "d": [1, None],
    }  # fmt: skip


# The live table


@pytest.fixture
def eighty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def without_codes(text):
    from rich.text import Text

    return Text.from_ansi(text).plain


def test_live_table_leaves_a_table_and_the_words(eighty):
    text = told(LiveTable(Terminal()), 3)
    lines = without_codes(text).splitlines()
    assert lines[0].split() == ["training", "validation", "validation", "learning", "gradient"]
    assert lines[1].split() == [
        "epoch", "loss", "loss", "accuracy", "rate", "norm", "rows/s",
    ]  # fmt: skip
    assert lines[2].split()[:2] == ["1", "1.00000"]
    assert lines[4].split()[:3] == ["●", "3", "0.33333"]
    assert lines[-2:] == ["note: column [b] is constant", "run folder: runs/x"]


def test_live_table_draws_at_most_four_times_a_second(eighty):
    calls = []

    class Counted(LiveTable):
        def _draw(self):
            calls.append(self.clock())
            super()._draw()

    told(Counted(Terminal(), Clock(step=0.01)), 300)
    assert len(calls) > 10
    assert min(np.diff(calls)) >= 0.25


def test_live_view_shows_course_progress_and_remaining_time(eighty):
    stream = Terminal()
    listener = LiveTable(stream, Clock())
    for event in list(events(40))[:41]:  # 20 epochs
        listener(event)
    text = without_codes(stream.getvalue())
    listener.close()
    assert " loss █" in text
    assert "best 0.05000" in text
    assert "20/40 epochs, " in text


def test_live_table_hides_no_cursor_for_good(eighty):
    stream = Terminal()
    listener = LiveTable(stream, Clock())
    for event in list(events(5))[:5]:
        listener(event)
    text = stream.getvalue()
    listener.close()
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


@pytest.mark.parametrize("width", ["5", "20", "40", "60", "120"])
def test_live_table_keeps_to_the_width(eighty, width):
    eighty.setenv("COLUMNS", width)
    text = told(LiveTable(Terminal(), Clock()), 30)
    shown = [line.split("\r")[-1] for line in without_codes(text).splitlines()]
    assert max(len(line) for line in shown if "runs/x" not in line) <= int(width)


def test_user_text_is_never_markup(eighty):
    listener = LiveTable(Terminal())
    for event in events(2, metrics=("[/red]",)):
        listener(event)
    listener.finish(SUMMARY, Path("runs/[bold]/[/x]"), [":smile: [link=x]"])
    text = listener.output.stream.getvalue()
    assert "run folder: runs/[bold]/[/x]" in text
    assert "note: :smile: [link=x]" in text
    assert "[/red]" in text


def test_no_color(eighty):
    eighty.setenv("NO_COLOR", "1")
    text = told(LiveTable(Terminal(), Clock()), 10)
    assert not any(f"{code}m" in text for code in (31, 32, 36))


@pytest.mark.parametrize("make", [LiveTable, PlainLines, TrainJsonLines])
def test_an_ascii_stream_gets_ascii(eighty, make):
    class Ascii(Terminal):
        encoding = "ascii"

        def write(self, text):
            text.encode("ascii")
            return super().write(text)

    keywords = {"clock": Clock()} if make is LiveTable else {}
    listener = make(Ascii(), **keywords)
    for event in events(30, metrics=("größe",)):
        listener(event)
    listener.finish(SUMMARY, Path("runs/ä\udcff"), ["日本"])
    assert listener.output.stream.getvalue()


def test_the_c_locale_gets_ascii(eighty):
    eighty.setenv("LC_ALL", "C")
    assert told(LiveTable(Terminal(), Clock()), 30).isascii()


@pytest.mark.parametrize("writes", [0, 1, 4])
@pytest.mark.parametrize("make", [LiveTable, PlainLines, TrainJsonLines])
def test_a_closed_pipe_ends_the_display_alone(eighty, make, writes):
    keywords = {"clock": Clock()} if make is LiveTable else {}
    listener = make(Broken(writes), **keywords)
    told(listener, 30)
    assert not listener.output.open
    assert listener.output.error is None


def test_a_full_disk_is_kept_for_the_caller():
    listener = PlainLines(Broken(1, errno.ENOSPC))
    told(listener)
    assert listener.output.error.errno == errno.ENOSPC


def test_a_closed_stream_ends_the_display_alone():
    listener = PlainLines(io.StringIO())
    listener.output.stream.close()
    for event in events():
        listener(event)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell's pipe")
@pytest.mark.parametrize("kind", ["PlainLines", "TrainJsonLines"])
def test_no_noise_when_the_reader_goes(kind):
    code = (
        "import sys; from optcli.display import train\n"
        f"listener = train.{kind}(sys.stdout)\n"
        "for k in range(20000): listener.finish({'outcome': str(k)})\n"
        "print('still here', file=sys.stderr)"
    )
    command = f'"{sys.executable}" -c "$CODE" | head -1'
    environment = {**os.environ, "CODE": code}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == "still here\n"


# Pick


@pytest.mark.parametrize(
    ("quiet", "json_", "stream", "term", "kind"),
    [
        (False, False, Terminal(), "xterm", LiveTable),
        (False, False, Terminal(), "dumb", PlainLines),
        (False, False, Terminal(), "", PlainLines),
        (False, False, io.StringIO(), "xterm", PlainLines),
        (True, False, Terminal(), "xterm", Quiet),
        (False, True, Terminal(), "xterm", TrainJsonLines),
        (True, True, Terminal(), "xterm", TrainJsonLines),
        (False, False, None, "xterm", Quiet),
        (False, True, None, "xterm", Quiet),
    ],
)
def test_pick(monkeypatch, quiet, json_, stream, term, kind):
    monkeypatch.setenv("TERM", term)
    assert type(train.listener(quiet, json_, stream)) is kind


def test_quiet_says_nothing(capfd):
    listener = Quiet()
    for event in events():
        listener(event)
    listener.finish(SUMMARY, Path("x"), ["y"])
    listener.close()
    assert capfd.readouterr() == ("", "")


def test_rich_is_imported_for_a_terminal_alone():
    code = (
        "import io, sys; from optcli.display import train\n"
        "listener = train.listener(False, False, io.StringIO())\n"
        "listener.finish({'outcome': 'completed'})\n"
        "sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Faults


def test_faults_are_one_plain_line_each():
    stream = io.StringIO()
    error = InvalidInput(
        Fault("is 1.2; must be in [0, 1)", "optimizer.beta2", "a.yaml", 12),
        Fault("unknown column 'a\x1b[31m\nb'", file="x" * 300),
    )
    faults(error, stream)
    first, second = stream.getvalue().splitlines()
    assert first == "error: a.yaml:12: optimizer.beta2: is 1.2; must be in [0, 1)"
    assert second == "error: " + "x" * 300 + ": unknown column 'a\\x1b[31m\\nb'"


TABLE = """\
dataset: {name: csv, path: t.csv, target: y}
model: linear
loss: mse
optimizer: sgd
training: {epochs: 1}
"""
DOORS = {
    "the entries": (
        lambda: optcli.compare(["sgd"]),
        "compare sgd",
        "{}: 1 given; a comparison takes two or more (optcli list optimizers)",
        ("entries", "ENTRY"),
    ),
    "a number": (
        lambda: optcli.compare(["sgd", "adam"], settings=optcli.ComparisonSettings(tune_seeds=0)),
        "compare sgd adam --tune-seeds 0",
        "{}: is 0; must be 1 to 10,000",
        ("tune_seeds", "--tune-seeds"),
    ),
    "a setting": (
        lambda: optcli.train({}, ["optimizer.lr="]),
        "train c.yaml --set optimizer.lr=",
        "{}: has no value; write null for none",
        ("overrides: optimizer.lr", "--set optimizer.lr"),
    ),
    "a remedy": (
        lambda: optcli.train("c.yaml", out="run"),
        "train c.yaml --out run",
        "{}: run holds a training run; choose another, or add {}",
        ("out", "--out"),
        ("overwrite=True", "--overwrite"),
    ),
    "a table that has moved": (
        lambda: optcli.resume("run"),
        "train --resume run",
        "no such file; if it has moved, add {}",
        ('overrides=["dataset.path=FILE"]', "--set dataset.path=FILE"),
    ),
    "a plug-in": (
        lambda: Fault(f"add {setting('plugin', 'mine.py')}"),
        None,
        "add {}",
        ('optcli.plugins.loading.load([Path("mine.py")])', "--plugin mine.py"),
    ),
}


@pytest.mark.parametrize("case", DOORS)
def test_a_fault_speaks_the_words_of_its_door(case, tmp_path, monkeypatch, capsys):
    """Python has parameters, the command line options: the same fault, told in either."""
    call, words, message, *pairs = DOORS[case]
    python, shell = (message.format(*both) for both in zip(*pairs, strict=True))
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i % 3}\n" for i in range(20)))
    Path("c.yaml").write_text(TABLE)
    if "run" in str(words):
        optcli.train("c.yaml", out="run", plots=False)
    if "resume" in str(words):
        Path("t.csv").unlink()
    if words is None:
        fault = call()
        assert (str(fault), fault.told(CommandLine())) == (python, shell)
        return
    with pytest.raises(InvalidInput) as caught:
        call()
    assert str(caught.value).endswith(python)
    assert run(words.split()) == 2
    assert capsys.readouterr().err.endswith(f"{shell}\n")


def test_faults_of_other_errors_and_streams():
    stream = io.StringIO()
    faults(EnvironmentFailed("disk full: /data"), stream)
    assert stream.getvalue() == "error: disk full: /data\n"
    faults(EnvironmentFailed("disk full"), None)
    faults(EnvironmentFailed("disk full"), Broken())
