"""The page on run folders: whole, harmless, and the numbers are those of the folders."""

import base64
import hashlib
import json
import math
import re
import shutil
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import optcli
from optcli.cli.main import run
from optcli.comparison import read_back
from optcli.core.errors import InvalidInput
from optcli.display import compare_report
from optcli.display.report import charts, document, markup
from optcli.display.report.charts import Axis, Chart, Series
from optcli.display.report.run import headline
from optcli.plots.looks import DARK, Look

OLD = Path(__file__).parent / "v0_1"
NASTY = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "<!--<script>&lt;b&gt;'`${1}",
]
VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """What a page consists of; fails where an element is not closed by its own end."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.feed(content.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pytest.fail(f"<{tag}/>")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)
        if "script" not in self.open and "style" not in self.open:
            self.words.append(data)

    def attributes(self, tag, name):
        return [attrs[name] for each, attrs in self.tags if each == tag and name in attrs]

    @property
    def said(self):
        return " ".join(" ".join(self.words).split())

    @property
    def charts(self):
        return json.loads(self.texts["script"][0])

    def numbers(self):
        """The exact numbers that stand behind rounded ones, with what is shown."""
        return {float(value) for value in self.attributes("data", "value")}


def page_of(*folders, out):
    path = optcli.report(folders, out=out)
    return Page(path.read_bytes())


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Runs, a comparison and a trace."""
    place = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    rows = ['a,"<i>b</i>",</script><b>y']
    for i in range(90):
        a, b = rng.normal(size=2) + i % 3
        cell = NASTY[i % 3].replace('"', '""')
        rows.append(f'{a},{b},"{cell}"')
    (place / "t.csv").write_text("\n".join(rows) + "\n")
    config = {
        "dataset": {"name": "csv", "path": str(place / "t.csv"), "target": "</script><b>y"},
        "split": {"validation": 0.2, "test": 0.2},
        "model": "linear",
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.5},
        "training": {"epochs": 4},
    }
    optcli.train(config, out=place / "run")
    optcli.train(config, ["optimizer.lr=0.1"], out=place / "slow <b>", plots=False)
    settings = {"resamples": 30, "importance": True, "repeats": 2}
    optcli.evaluate(place / "run", place / "t.csv", **settings, out=place / "evaluation")
    moons = {
        "dataset": {"name": "moons", "samples": 60, "noise": 0.2},
        "model": "linear",
        "loss": "binary_cross_entropy",
        "optimizer": "sgd",
        "training": {"epochs": 3, "batch_size": 16},
    }
    settings = optcli.ComparisonSettings(tune=3, tune_seeds=2, seeds=7, target=0.4)
    words = ("sgd", "adam", "sgd:lr=1e30")
    optcli.compare(words, moons, settings=settings, out=place / "compared", plots=False)
    optcli.trace("rosenbrock", ["sgd", "adam"], steps=1500, out=place / "trace", plots=False)
    return place


EVERY = ("run", "slow <b>", "compared", "trace", "evaluation")


@pytest.mark.parametrize("name", [*EVERY, "several"])
def test_a_page_is_whole_and_nothing_in_it_loads_or_runs(here, tmp_path, name):
    names = EVERY if name == "several" else (name,)
    out = tmp_path / "page.html"
    page = page_of(*(here / each for each in names), out=out)
    content = out.read_bytes()
    assert len(content) < document.LIMIT
    assert optcli.report([here / each for each in names], out=out).read_bytes() == content
    # nothing is loaded, nothing but the two pieces of the package is run
    for tag, attrs in page.tags:
        assert not any(key.startswith("on") or key == "style" for key in attrs), (tag, attrs)
    places = [*page.attributes("a", "href"), *page.attributes("link", "href")]
    assert all(place.startswith(("#", "data:,")) for place in places)
    assert all(s.startswith("data:image/png;base64,") for s in page.attributes("img", "src"))
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "link", "style", "body", "a", "header", "h1", "bdi"),
        *("p", "nav", "ul", "li", "main", "noscript", "section", "h2", "h3", "h4", "figure"),
        *("figcaption", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "data"),
        *("svg", "line", "dl", "dt", "dd", "span", "details", "summary", "pre", "code", "img"),
        "script",
    }
    # ids are there once, and what leads to one finds it
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {place[1:] for place in places if place.startswith("#")} <= set(ids)
    # the policy names what is there by its hash
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a]
    said = dict(part.split(" ", 1) for part in policy.split("; "))
    style, script = page.texts["style"], page.texts["script"]
    assert len(style) == 1
    assert len(script) == 2
    for key, text in (("style-src", style[0]), ("script-src", script[1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert said[key] == f"'sha256-{digest}'"
    assert (said["default-src"], said["base-uri"]) == ("'none'", "'none'")
    assert script[1] == files("optcli.display.report").joinpath("page.js").read_text("utf-8")
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
    assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", content.decode()) is None


def test_scores_and_curves_are_those_of_the_run(here, tmp_path):
    page = page_of(here / "run", out=tmp_path / "p.html")
    summary = json.loads((here / "run" / "summary.json").read_text())
    scores = {**summary["test"]}
    scores |= {k: v for k, v in summary["best"].items() if k.startswith(("train_", "valid"))}
    assert set(scores.values()) <= page.numbers()
    loss, accuracy, norms, rate = page.charts
    assert [chart["title"] for chart in page.charts] == [
        *("Loss", "Accuracy", "Norms of gradient and update", "Learning rate")
    ]
    history = optcli.load(here / "run").history
    for chart, name in ((loss, "loss"), (accuracy, "accuracy")):
        for own, part in zip(chart["series"], ("train", "validation"), strict=True):
            np.testing.assert_allclose(own["y"], history[f"{part}_{name}"], rtol=1e-5)
            assert own["xs"][:2] == [list(history["epoch"]), list(history["step"])]
            np.testing.assert_allclose(own["xs"][2], history["seconds"], rtol=1e-5)
    assert [axis["name"] for axis in loss["x"]] == ["epoch", "step", "seconds of training"]
    assert loss["lines"][0]["name"] == f"best epoch {summary['best']['epoch']}"
    assert loss["lines"][1]["y"] == pytest.approx(summary["constant_loss"], rel=1e-5)
    assert [own["name"] for own in norms["series"]] == ["gradient norm", "update norm"]
    assert rate["series"][0]["y"] == [0.5] * 4
    assert "optcli runs verify" in page.said
    assert "completed after 4 epochs" in page.said
    assert "Cross-entropy" in page.said  # what the loss is
    guess = summary["baseline"]["guess"]
    assert any(name in guess for name in NASTY)
    assert f"Baseline: {guess}." in page.said
    assert {*summary["baseline"]["best"].values(), *summary["baseline"]["test"].values()} <= (
        page.numbers()
    )
    for png in ("confusion.png", "boundary.png"):
        assert f"({png})" in page.said
    for key in ("</script><b>y", "numpy", "config.yaml"):
        assert key in page.said


def test_a_comparison_says_what_the_terminal_says(here, tmp_path):
    page = page_of(here / "compared", out=tmp_path / "p.html")
    summary = read_back.summary(here / "compared")
    assert summary["verdict"] in page.said
    for column in compare_report.columns(summary):
        for cell in column.cells:
            assert cell in page.said
    for words in compare_report.rests_on(summary).values():
        assert words in page.said
    medians = [row["median"] for row in summary["optimizers"]]
    assert medians[-1] == math.inf  # diverged
    assert set(medians) <= page.numbers()
    assert {pair["p_value"] for pair in summary["pairs"]} <= page.numbers()
    curves, rates, targets, pairs = page.charts
    labels = [row["label"] for row in summary["optimizers"]]
    assert [own["name"] for own in curves["series"]] == labels
    for own in curves["series"]:
        for low, middle, high in zip(own["low"], own["y"], own["high"], strict=True):
            assert low <= middle <= high
    lines = {own["name"]: own for own in rates["series"] if own["kind"] == "line"}
    for row in summary["optimizers"]:
        tried = [rate["lr"] for rate in row["learning_rates"]]
        assert row["label"] not in lines or lines[row["label"]]["xs"][0] == tried
    for own, row in zip(targets["series"], summary["optimizers"], strict=True):
        (steps,) = row["steps_to_targets"]
        assert own["y"][-1] == pytest.approx(steps["reached"] / summary["seeds"], rel=1e-5)
    assert len(pairs["rows"]) == len(summary["pairs"]) == 3


def test_a_trace_has_its_map_and_its_paths(here, tmp_path):
    page = page_of(here / "trace", out=tmp_path / "p.html")
    map_, loss, distance = page.charts
    rows = json.loads((here / "trace" / "summary.json").read_text())["paths"]
    assert {row["loss"] for row in rows} | {row["distance"] for row in rows} <= page.numbers()
    assert [own["name"] for own in map_["series"]] == [
        *(row["label"] for row in rows),
        "start",
        "minimum",
    ]
    for own, row in zip(map_["series"], rows, strict=False):
        end = [own["xs"][0][-1], own["y"][-1]]
        np.testing.assert_allclose(end, row["end"], rtol=1e-5)
        assert own["notes"][-1].startswith("step 1,500, loss ")
    assert map_["series"][-1]["xs"] == [[1]]
    assert len(map_["areas"]) > 5
    assert all(ring[:2] == ring[-2:] for area in map_["areas"] for ring in area)
    assert loss["thinned"] == "curves of more than 1,000 points are thinned; all are in paths.csv"
    for own, row in zip(distance["series"], rows, strict=True):
        assert own["y"][-1] == pytest.approx(row["distance"], rel=1e-5)
    command = re.search(r"optcli trace \S+ sgd:lr=\S+ .*?--start=-1.2,1.0", page.said)
    assert command is not None


def test_an_evaluation_has_its_numbers_and_its_curves(here, tmp_path):
    page = page_of(here / "evaluation", out=tmp_path / "p.html")
    report = optcli.load(here / "evaluation", optcli.EvaluationReport)
    numbers = {each.value for each in report.measures.values()}
    numbers |= {m.value for each in report.classes for m in each.measures.values()}
    numbers |= {each.loss.value for each in report.importance.columns}
    assert numbers | set(report.baseline.values()) <= page.numbers()
    roc, precision, reliability, loss, accuracy = page.charts
    assert [own["name"].rsplit(" (", 1)[0] for own in roc["series"][1:]] == list(report.names)
    for own, curve in zip(roc["series"][1:], report.curves, strict=True):
        np.testing.assert_allclose(own["xs"][0], curve.false_positive_rate, rtol=1e-5)
        np.testing.assert_allclose(own["y"], curve.recall, rtol=1e-5)
    for own, curve in zip(precision["series"], report.curves, strict=True):
        np.testing.assert_allclose(own["y"], curve.precision[::-1], rtol=1e-5)
    (own,) = reliability["series"][1:]
    np.testing.assert_allclose(own["low"], [b.ci_low for b in report.calibration.bins], rtol=1e-5)
    assert [row["name"] for row in loss["rows"]] == [c.name for c in report.importance.columns]
    ends = [row["high"] for row in accuracy["rows"]]
    of = [c.metric.interval or (0, c.metric.value) for c in report.importance.columns]
    np.testing.assert_allclose(ends, [high for _, high in of], rtol=1e-5)
    matrix = " ".join(map(str, report.confusion[0].astype(int)))
    assert f"{report.names[0]} {matrix}" in page.said
    said = f"The loss is lower than that of a constant prediction: {report.values['loss']:.5f}"
    assert said in page.said
    assert "rows were among the training rows" in page.said
    assert "optcli evaluate " in page.said


def test_evaluations_of_two_classes_of_labels_and_of_values(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 4))
    np.savetxt(
        tmp_path / "t.csv",
        np.column_stack([x, x[:, :3] > 0]),
        "%.4g",
        ",",
        header="a,b,c,d,p,q,r",
        comments="",
    )
    base = {"model": "linear", "optimizer": "adam", "training": {"epochs": 2}}
    titles = {}
    for target, loss in (
        ("p", "binary_cross_entropy"),
        (["p", "q"], "binary_cross_entropy"),
        (["a", "b"], "mse"),
    ):
        dataset = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": target}
        name = "-".join(target)
        run_ = optcli.train(
            {**base, "dataset": dataset, "loss": loss}, out=tmp_path / name, plots=False
        )
        out = tmp_path / f"e-{name}"
        optcli.evaluate(run_, tmp_path / "t.csv", resamples=0, out=out, plots=False)
        page = page_of(out, out=tmp_path / "p.html")
        titles[name] = [chart["title"].partition(":")[0] for chart in page.charts]
    curves = ["ROC curve", "Precision-recall curve", "Reliability diagram", "By threshold"]
    assert titles["p"] == curves
    assert titles["p-q"] == ["ROC curves", "Precision-recall curves", "Reliability diagram"]
    assert titles["a-b"] == 2 * ["Residuals by prediction", "Normal Q-Q plot of the residuals"]


def test_runs_are_drawn_one_over_the_other(here, tmp_path):
    page = page_of(here / "run", here / "slow <b>", out=tmp_path / "p.html")
    loss = page.charts[0]
    assert loss["title"] == "Validation loss"
    assert [own["name"] for own in loss["series"]] == ["run", "slow <b>"]
    for own, name in zip(loss["series"], ("run", "slow <b>"), strict=True):
        history = optcli.load(here / name).history
        np.testing.assert_allclose(own["y"], history["validation_loss"], rtol=1e-5)
    losses = {
        name: json.loads((here / name / "summary.json").read_text())["test"]["loss"]
        for name in ("run", "slow <b>")
    }
    assert set(losses.values()) <= page.numbers()
    best = min(losses, key=losses.get)
    assert f"Lowest test loss: {best}, " in page.said
    assert "optimizer.lr 0.5 0.1" in page.said
    assert "differ in" not in page.said
    mixed = page_of(*(here / name for name in EVERY), out=tmp_path / "p.html")
    assert mixed.charts[0] == loss
    assert "Comparison: compared" in mixed.said
    assert "Trace: trace" in mixed.said


def test_runs_of_different_things_are_not_ranked_without_a_word(here, tmp_path):
    shutil.copytree(here / "run", tmp_path / "other")
    path = tmp_path / "other" / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace("label_smoothing: 0.0", "label_smoothing: 0.1"))
    assert path.read_text() != text
    (tmp_path / "other" / "checksums.json").write_text("{}")
    page = page_of(here / "run", tmp_path / "other", out=tmp_path / "p.html")
    assert "The runs differ in loss: their losses measure different things." in page.said


# ---- where it goes -------------------------------------------------------------------


def test_the_page_lies_in_the_folder_and_does_no_harm_there(here, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(here / "run", folder)
    shutil.copy(here / "t.csv", tmp_path)
    assert run(["report", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"report: {folder}/report.html (")
    first = (folder / "report.html").read_bytes()
    assert run(["report", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "event": "report",
        "file": str(folder / "report.html"),
        "bytes": len(first),
        "folders": [str(folder)],
    }
    assert (folder / "report.html").read_bytes() == first
    assert run(["runs", "show", str(folder)]) == 0
    assert run(["runs", "verify", str(folder)]) == 0
    # what goes on has no page on what it was before
    assert run(["train", "--resume", str(folder), "--set", "training.epochs=5", "-q"]) == 0
    assert not (folder / "report.html").exists()
    assert run(["report", str(folder), "-q"]) == 0
    assert "report.html" not in json.loads((folder / "checksums.json").read_text())
    assert run(["report", str(folder), "-q"]) == 0
    assert run(["runs", "show", str(folder)]) == 0
    assert run(["runs", "remove", str(folder)]) == 0
    assert not folder.exists()


def test_a_page_is_written_where_it_is_wanted(here, tmp_path, monkeypatch, capsysbinary):
    monkeypatch.chdir(tmp_path)
    both = [str(here / "run"), str(here / "trace")]
    assert run(["report", *both]) == 0
    assert (tmp_path / "report.html").is_file()
    assert run(["report", *both, "-o", "a.htm"]) == 0
    assert (tmp_path / "a.htm").read_bytes() == (tmp_path / "report.html").read_bytes()
    capsysbinary.readouterr()
    assert run(["report", *both, "-o", "-"]) == 0
    assert capsysbinary.readouterr().out == (tmp_path / "a.htm").read_bytes()
    assert optcli.report(here / "trace", out=tmp_path / "t.html") == tmp_path / "t.html"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}", "-o", "a.txt"], "a.txt: its suffix is '.txt'; must be one of .html, .htm"),
        (["{run}", "-o", "{trace}/x.html"], "x.html: lies in a run folder; write elsewhere"),
        (["{run}", "-o", "no/x.html"], "no/x.html: there is no folder no; make it"),
        (["{run}", "{trace}", "{run}"], "run: is listed twice"),
        (["nothing"], "nothing: no such folder"),
        (["."], ".: is not a run folder"),
    ],
)
def test_what_is_refused(here, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    filled = [word.format(run=here / "run", trace=here / "trace") for word in words]
    assert run(["report", *filled]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_has_no_page(here, tmp_path):
    shutil.copytree(here / "trace", tmp_path / "t")
    (tmp_path / "t" / "paths.csv").write_text("optimizer,step\n")
    with pytest.raises(InvalidInput, match=r"paths\.csv: is damaged"):
        optcli.report(tmp_path / "t")
    with pytest.raises(InvalidInput, match="folders: is missing"):
        optcli.report([])


def test_what_was_interrupted_says_so(here, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(here / "run", folder)
    for name in ("summary.json", "checksums.json", "model.npz"):
        (folder / name).unlink()
    page = page_of(folder, out=tmp_path / "p.html")
    assert "unfinished: the run has not ended; 4 epochs so far" in page.said
    assert f"continue with: optcli train --resume {folder}" in page.said
    assert len(page.charts) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train/finished", "completed after"),
        ("train/objective", "end: loss"),
        ("train/killed", "the run has not ended"),
        ("compare/finished", "Made by optcli 0.1: measured on the validation rows"),
        ("compare/interrupted", "the comparison has not ended"),
        ("compare/benchmark", "Made by optcli 0.1: its results over all configs"),
        ("trace/rosenbrock", "no optimizer converged"),
        ("gradcheck/moons", "Error of the numerical gradient"),
    ],
)
def test_folders_of_version_0_1_have_pages(name, said, tmp_path):
    page = page_of(OLD / name, out=tmp_path / "p.html")
    assert said in page.said
    if name == "train/objective":  # where each epoch is a step
        assert [axis["name"] for axis in page.charts[0]["x"]] == ["step", "seconds of training"]
        assert "Scores" not in page.said


def test_a_run_that_diverged_at_once_has_no_empty_charts(tmp_path):
    data = {"name": "linear", "samples": 60}
    optimizer = {"name": "sgd", "lr": 1e30}
    config = {"dataset": data, "model": "linear", "loss": "mse", "optimizer": optimizer}
    done = optcli.train(config, out=tmp_path / "r", plots=False)
    assert done.summary["outcome"] == "diverged"
    page = page_of(tmp_path / "r", out=tmp_path / "p.html")
    assert "diverged after 1 epoch" in page.said
    for chart in page.charts:
        assert chart["series"]
        for own in chart["series"]:
            assert any(value is not None for value in own["y"])


# ---- its parts -----------------------------------------------------------------------


def test_thinned_curves_keep_their_ends_and_their_extremes():
    rng = np.random.default_rng(1)
    y = rng.normal(size=50_000)
    y[[77, 30_001]] = 40, -50
    y[123] = np.inf
    x = np.arange(50_000.0)
    own = charts.thinned(Series("a", Look(0), [x], y), 400)
    assert 200 < len(own.y) <= 403
    assert (own.xs[0][0], own.xs[0][-1]) == (0, 49_999)
    assert {40.0, -50.0, np.inf} <= set(own.y)
    assert all(y[int(t)] == value for t, value in zip(own.xs[0], own.y, strict=True))
    angle = x / 500
    path = Series("p", Look(0), [np.cos(angle)], np.sin(angle), kind="path")
    thin = charts.thinned(path, 400)
    assert 100 < len(thin.y) <= 401
    few = Series("b", Look(0), [[1.0, 2.0]], [3.0, 4.0])
    assert charts.thinned(few, 400) is few


def test_names_of_measures_as_headings():
    assert headline("validation rmse") == "Validation RMSE"
    assert headline("r2") == "R2"
    assert headline("crossentropy mse") == "Crossentropy mse"


def test_many_long_curves_stay_below_the_limit():
    y = np.random.default_rng(2).normal(size=2000)
    x = [np.arange(2000.0)] * 3
    notes = ["a point with a note"] * len(y)
    series = [Series(f"s{i}", Look(i % 60), x, y, y, y, notes=notes) for i in range(40)]
    drawn = [Chart("a", [Axis("x")] * 3, Axis("y"), series)] * 3
    assert 0.2 * document.LIMIT < len(json.dumps(charts.data(drawn))) < document.LIMIT
    text = markup.element("p", "x" * (document.LIMIT // 2))
    content = document.whole("t", "w", text, drawn)
    assert len(content) < document.LIMIT
    assert all(len(own["y"]) >= charts.FEWEST for own in Page(content).charts[0]["series"])


def test_text_can_be_read_on_both_grounds():
    """Contrast 4.5 for text, also of the dark scheme's curves; print is the light scheme."""
    style = files("optcli.display.report").joinpath("page.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    for scheme in (light, dark):
        colours = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        for ground in ("paper", "card", "notice"):
            for ink in ("ink", "grey", "link"):
                assert contrast(colours[ink], colours[ground]) >= 4.5
    assert all(contrast(colour, colours["paper"]) >= 4.5 for colour in DARK)
    assert len(set(DARK)) == len(DARK) == 12


def contrast(one, other):
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """As WCAG 2 defines it."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
