"""Pictures: what they say, that they stand on odd data, that they are the same every time."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from optcli import plots
from optcli.core.errors import EnvironmentFailed
from optcli.optimizers.base import OPTIMIZERS
from optcli.plots import fonts, ticks
from optcli.plots.looks import ORDER, PALETTE, looks
from optcli.plots.style import elided, plain, style, text_width

PNG = b"\x89PNG\r\n\x1a\n"


def history(train, validation=None, **metrics):
    columns = {"epoch": range(1, len(train) + 1), "train_loss": train}
    if validation is not None:
        columns["validation_loss"] = validation
    return columns | metrics


def words(figure):
    """All that is written in a figure."""
    import matplotlib.text

    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def test_a_seed_that_diverged_counts_as_the_worst():
    steps, inf = np.arange(3.0), np.inf
    low = np.array([[9, i, i] for i in range(1, 4)] + [[9, inf, inf]] * 2, float)
    axes = plots.curves({"a": (steps, low)}, "validation loss").axes[0]
    (band,) = axes.collections
    assert (9.0, 3.0, 3.0) in lines(axes), "the median of 1, 2, 3 and two that are infinite"
    tops = band.get_paths()[0].vertices[:, 1]
    assert np.nanmax(tops[1:]) <= 9, "the upper quartile is infinite and not drawn"
    axes = plots.curves({"a": (steps, -low)}, "validation accuracy").axes[0]
    assert (-9.0, -3.0, -3.0) in lines(axes), "so where more is better"


def lines(axes):
    return {tuple(np.asarray(line.get_ydata(), float)) for line in axes.get_lines()}


# Scales


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 0.5, 0.04], False),  # a ratio of 25
        ([1.0, 0.5, 0.03], True),  # of 33
        ([1.0, 0.0, 1e-9], False),  # 0 has no logarithm
        ([1e9, -1.0], False),
        ([1.0, np.nan, np.inf, 0.5], False),
        ([np.nan], False),
        ([], False),
    ],
)
def test_rule_of_the_logarithmic_axis(values, expected):
    assert ticks.wants_log(np.array(values)) is expected


number = st.floats(min_value=-1e290, max_value=1e290, allow_subnormal=False)


@given(st.lists(number, min_size=1, max_size=5))
def test_linear_scale_shows_all_values_with_distinct_labels(values):
    scale = ticks.scale(np.array(values), count=4)
    assert scale.low < min(values)
    assert scale.high > max(values)
    assert 1 <= len(scale.ticks) <= 13
    assert len(set(scale.labels)) == len(scale.labels) == len(scale.ticks)


@given(st.lists(st.floats(min_value=1e-290, max_value=1e290), min_size=2, max_size=5, unique=True))
def test_log_scale_shows_all_values(values):
    if not ticks.wants_log(np.array(values)):
        return
    scale = ticks.scale(np.array(values), count=4, log=True)
    assert 0 < scale.low <= min(values)
    assert scale.high >= max(values)
    assert 1 <= len(scale.ticks) <= 10
    assert len(set(scale.labels)) == len(scale.ticks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-0.02, 1.02, ["0.0", "0.5", "1.0"]),
        (-1.2, 1.2, ["−1", "0", "1"]),
        (0, 4.1e5, ["0", "200,000", "400,000"]),
        (0.1e-12, 1.9e-12, ["0.5×10⁻¹²", "1.0×10⁻¹²", "1.5×10⁻¹²"]),
    ],
)
def test_linear_labels(low, high, labels):
    assert ticks.linear(low, high, count=3).labels == labels


def test_log_labels():
    assert ticks.scale(np.array([0.01, 1.0]), 4, log=True, margin=0).labels == [
        "0.01", "0.1", "1",
    ]  # fmt: skip
    assert "10⁻⁶" in ticks.scale(np.array([1e-7, 1.0]), 4, log=True).labels


def test_one_far_value_does_not_flatten_the_others():
    values = np.append(np.linspace(-3, -2, 40), 4e3)
    assert ticks.without_outliers(values).max() == -2
    assert ticks.without_outliers(values[:40]).size == 40


# The loss curve


def test_loss_curve_draws_the_history_and_marks_the_best_epoch():
    train, validation = [0.9, 0.5, 0.3], [0.8, 0.6, 0.7]
    figure = plots.loss_curve(history(train, validation), best_epoch=2, title="moons")
    (axes,) = figure.axes
    assert {tuple(train), tuple(validation), (0.6,)} <= lines(axes)
    said = words(figure)
    assert {"moons", "epoch", "loss", "training", "validation"} <= set(said)
    assert "best: epoch 2, validation loss 0.6000" in said
    assert axes.get_yscale() == "linear"


def test_loss_curve_has_the_sharpness_where_it_was_measured_beside_its_limit():
    nan = float("nan")
    known = history([1.0, 0.5, 0.4, 0.3], [1.0, 0.6, 0.5, 0.4])
    known |= {"sharpness": [nan, 3.0, nan, 5.0], "lr": [0.5, 0.5, 0.25, 0.01]}
    panels = plots.loss_curve(known, limit=2).axes
    assert [each.get_ylabel() for each in panels] == ["loss", "sharpness"]
    measured, limit = panels[1].lines
    assert measured.get_xydata().tolist() == [[2, 3], [4, 5]]
    np.testing.assert_array_equal(limit.get_ydata(), [4, 4, 8, nan])  # 200 is out of sight
    assert [text.get_text() for text in panels[1].texts] == ["2/lr"]
    without = plots.loss_curve(known).axes[1]
    assert len(without.lines) == 1


def test_loss_curve_is_logarithmic_by_the_rule():
    figure = plots.loss_curve(history([1.0, 0.1, 0.01]))
    assert figure.axes[0].get_yscale() == "log"
    assert "loss (log)" in words(figure)


def test_a_panel_for_each_of_three_metrics():
    two = [0.1, 0.2]
    metrics = {f"{part}_{m}": two for m in "abcd" for part in ("train", "validation")}
    figure = plots.loss_curve(history(two, two, **metrics, lr=two, seconds=two))
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "a", "b", "c"]


def test_metric_of_nan_alone_has_no_panel():
    figure = plots.loss_curve(history([1.0, 2.0], train_auc=[np.nan, np.nan]))
    assert len(figure.axes) == 1


def test_values_that_are_not_finite_are_gaps_and_are_said():
    train = [1.0, 2.0, np.inf, np.nan, 3.0]
    figure = plots.loss_curve(history(train))
    assert figure.axes[0].get_ylim() == pytest.approx((0.9, 3.1))
    assert "epoch   (training loss not finite in epoch 3)" in words(figure)


def test_labels_of_lines_that_end_together_do_not_touch():
    figure = plots.loss_curve(history([1.0, 0.5], [1.1, 0.5]))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    low, high = sorted(boxes, key=lambda box: box.y0)
    assert low.y1 <= high.y0


@pytest.mark.parametrize("best", [1, 2, 40])
def test_words_about_the_best_epoch_stay_over_the_frame(best):
    figure = plots.loss_curve(history(np.linspace(1, 0.5, 40), np.linspace(1, 0.5, 40)), best)
    (said,) = [t for t in figure.texts if t.get_text().startswith("best")]
    frame, box = figure.axes[0].get_window_extent(), said.get_window_extent()
    assert frame.x0 - 1 <= box.x0
    assert box.x1 <= frame.x1 + 1
    assert box.y0 >= frame.y1


odd = st.sampled_from([0.0, -1.0, 1e-12, 1.0, 1e12, 1e38, 1e308, -1e308, np.nan, np.inf, -np.inf])


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(odd, odd, odd), min_size=1, max_size=6), st.integers(1, 6))
def test_any_history_gives_a_picture(rows, best):
    train, validation, metric = zip(*rows, strict=True)
    figure = plots.loss_curve(history(train, validation, train_m=metric), best, "t")
    assert plots.render(figure).startswith(PNG)


def test_long_runs_show_the_running_median():
    rng = np.random.default_rng(0)
    figure = plots.loss_curve(history(1 + rng.random(1000)))
    raw, smooth = figure.axes[0].get_lines()
    assert len(raw.get_ydata()) == 1000
    assert np.ptp(smooth.get_ydata()) < 0.6 * np.ptp(raw.get_ydata())
    assert "epoch   (thick lines: running median)" in words(figure)


def test_resumed_and_thinned_epochs_keep_their_numbers():
    columns = {"epoch": [51, 52, 60], "train_loss": [3.0, 2.0, 1.0]}
    line = plots.loss_curve(columns, 60).axes[0].get_lines()[0]
    assert list(line.get_xdata()) == [51, 52, 60]


# The others


def test_decision_boundary_colours_each_side():
    x = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    figure = plots.decision_boundary(
        lambda p: np.stack([-p[:, 0], p[:, 0]], axis=1),
        x,
        np.array([0, 1, 1]),
        ("width", "height"),
        ("_no", "$yes$"),
        np.array([False, False, True]),
    )
    image = figure.axes[0].get_images()[0].get_array()
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 2
    assert (image[:, 0] != image[:, -1]).any()
    assert {"width", "height", "_no", "$yes$", "held out"} <= set(words(figure))


def test_decision_boundary_of_one_score_equals_that_of_two():
    x, y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([0, 1])
    one = plots.decision_boundary(lambda p: p[:, 1:] - p[:, :1], x, y)
    two = plots.decision_boundary(lambda p: np.stack([p[:, 0], p[:, 1]], axis=1), x, y)
    assert plots.render(one) == plots.render(two)


def test_scores_that_are_not_finite_leave_the_plane_white():
    x, y = np.zeros((1, 2)), np.array([0])
    figure = plots.decision_boundary(lambda p: np.full((len(p), 3), np.nan), x, y)
    assert (figure.axes[0].get_images()[0].get_array() == 1).all()


def test_predicted_against_true_says_r2_and_rmse_of_each_part():
    true = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    predicted = true + np.array([1.0, -1.0, 1.0, -1.0, np.nan])
    parts = ["train"] * 4 + ["test"]
    said = words(plots.predicted_against_true(predicted, true, "price (EUR)", parts))
    # by hand: the error is 1, the variance of 1, 2, 3, 4 is 1.25
    assert {"R² = 0.200", "RMSE = 1", "4 rows", "0 rows", "1 not finite,\nnot shown"} <= set(said)
    assert {"true price (EUR)", "predicted price (EUR)", "training", "test"} <= set(said)


def test_confusion_writes_counts_and_row_shares():
    figure = plots.confusion(np.array([[1999, 1], [2, 6]]), ["no", "yes"], "t")
    assert {"1,999\n>99%", "1\n<1%", "2\n25%", "6\n75%"} <= set(words(figure))


@pytest.mark.parametrize("classes", [2, 5, 12, 20])
@pytest.mark.parametrize("name", ["{}", "a class whose name is very, very long: {}"])
def test_confusion_fits_its_cells(classes, name):
    counts = np.full((classes, classes), 12345)
    figure = plots.confusion(counts, [name.format(k) for k in range(classes)])
    plots.render(figure)
    axes = figure.axes[0]
    cell = axes.get_window_extent().width / classes
    for text in axes.texts:
        assert text.get_window_extent().width <= cell
    whole = figure.bbox
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        box = label.get_window_extent()
        assert whole.x0 <= box.x0
        assert whole.y0 <= box.y0
    below = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(below))


def test_confusion_without_rows_of_a_class():
    assert plots.render(plots.confusion(np.zeros((2, 2), int), ["a", "b"])).startswith(PNG)


# User text


@pytest.mark.parametrize("text", ["$x_1$", "a_b", "\\frac{", "$", "50 % \\$", "_x", "数据", "𝒳"])
def test_user_text_is_text(text):
    figure = plots.loss_curve(history([1.0]), None, text)
    assert plain(text) in words(figure)
    for kind in ("png", "svg", "pdf"):
        assert plots.render(figure, kind)


def test_control_characters_and_lone_surrogates_are_taken_out():
    assert plain("a\x1b[31m\nb\ud800\x00") == "a [31m b?"


def test_elided_text_fits_and_keeps_both_ends():
    with style():
        short = elided("first " + "x" * 500 + " last", 2.0, 9)
        assert text_width(short, 9) <= 2.0
    assert short.startswith("first")
    assert short.endswith("last")
    assert "…" in short


# Files


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_gives_the_same_bytes(kind):
    def picture():
        return plots.render(plots.loss_curve(history([3.0, 2.0], [3.0, 2.5]), 2, "t"), kind)

    assert picture() == picture()


def test_save_writes_each_format_and_leaves_nothing_else(tmp_path):
    figure = plots.loss_curve(history([1.0]))
    paths = plots.save(figure, tmp_path / "lr0.01", ("png", "svg"))
    assert sorted(tmp_path.iterdir()) == paths
    assert [p.name for p in paths] == ["lr0.01.png", "lr0.01.svg"]
    with pytest.raises(EnvironmentFailed):
        plots.save(figure, tmp_path / "missing" / "loss")


def test_the_users_settings_are_neither_used_nor_changed(tmp_path):
    """In a process of its own: a backend that does not exist, a matplotlibrc, no home."""
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfigure.dpi: 7\n")
    code = (
        "import sys, hashlib; from optcli import plots; "
        "assert 'matplotlib' not in sys.modules; "
        "f = plots.loss_curve({'epoch': [1], 'train_loss': [1.0]}, 1, 't'); "
        "print(hashlib.sha256(plots.render(f)).hexdigest()); "
        "import matplotlib; assert matplotlib.rcParams['figure.dpi'] in (7, 100); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    seen = set()
    for extra in ({}, {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(tmp_path)}):
        environment = {**os.environ, **extra}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        seen.add(done.stdout)
    assert len(seen) == 1


# Samples


def images(count=60, channels=1, seed=0):
    random = np.random.default_rng(seed)
    return random.random((count, channels, 8, 6)), random.integers(0, 3, count)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_samples_show_wrong_ones_first(channels):
    pixels, true = images(channels=channels)
    said = true.copy()
    said[[7, 20]] = (true[[7, 20]] + 1) % 3
    margins = np.linspace(0, 1, 60)
    figure = plots.samples(pixels, true, said, margins, ["a", "b", "c"], "digits")
    written = words(figure)
    assert (
        "2 of 60 misclassified (framed, most confident first); then correct, least confident first"
        in written
    )
    captions = written[2:]
    names = np.array(["a", "b", "c"])
    pairs = [("predicted", said[20]), ("true", true[20]), ("predicted", said[7]), ("true", true[7])]
    assert captions[:4] == [f"{word} {names[k]}" for word, k in pairs]
    right = [i for i in range(60) if i not in (7, 20)]
    assert captions[4:] == names[said[right[:38]]].tolist()
    shown = figure.axes[0].images[0].get_array()
    grey = 1 - (pixels[20].mean(0) - pixels.min()) / np.ptp(pixels)
    if channels < 3:
        assert np.allclose(shown[..., 0], grey)
    assert plots.render(figure).startswith(PNG)


@pytest.mark.parametrize("count", [1, 8, 9])
def test_samples_of_few_or_constant_images(count):
    zeros = np.zeros(count, int)
    figure = plots.samples(np.zeros((count, 1, 8, 8)), zeros, zeros, np.ones(count), ["$x$"])
    assert f"all {count} correct; least confident first" in words(figure)
    assert plots.render(figure, "svg").count(b"<image") == count
    assert plots.render(figure).startswith(PNG)


# ---- what a picture says of itself ---------------------------------------------------


def test_metrics_that_are_not_drawn_are_named():
    five = {f"train_m{i}": [0.1, 0.2, 0.3] for i in range(5)}
    figure = plots.loss_curve(history([1.0, 0.5, 0.2], **five))
    assert len(figure.axes) == 4
    assert "epoch   (not drawn: m3, m4)" in words(figure)


def test_long_remarks_have_lines_of_their_own_inside_the_picture():
    many = {f"train_a_metric_of_some_length_{i}": [0.1, 0.2, 0.3] for i in range(12)}
    figure = plots.loss_curve(history([1.0, 0.5, np.nan], **many))
    said = " ".join(words(figure))
    for i in range(3, 12):
        assert f"a_metric_of_some_length_{i}" in said
    plots.render(figure)
    inside(figure)


def inside(figure):
    """Hold every text to the picture's edges."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.bbox.max
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text():
            box = text.get_window_extent(renderer)
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= width + 1, text
            assert box.y1 <= height + 1, text


@pytest.mark.parametrize(
    ("spread", "said"), [(2e-4, "0.02 %"), (0.005, "0.5 %"), (0.05, None), (0.0, None)]
)
def test_an_axis_that_spans_little_of_its_values_says_so(spread, said):
    values = 2.0 * (1 + spread * np.linspace(0, 1, 5))
    figure = plots.loss_curve(history(values))
    assert any(f"the loss axis spans {said}" in w for w in words(figure)) == bool(said)
    courses = {"adam": (np.arange(5.0), np.tile(values, (3, 1)))}
    label = plots.curves(courses, "validation loss").axes[0].get_ylabel()
    assert label == (f"validation loss (spans {said})" if said else "validation loss")


def accuracies(higher):
    """The tuning of one optimizer on accuracy: better than at the start, and far worse."""
    rates = [0.01, 0.1, 1.0]
    tried = [
        plots.Tried(lr, mean, [mean - 0.01, mean + 0.01], 0, lr == 0.1)
        for lr, mean in zip(rates, (0.5, 0.95, 0.8), strict=True)
    ]
    return plots.sensitivity(
        {"adam": tried}, {"adam": 0.01}, "validation accuracy", start=0.3, higher=higher
    )


def test_sensitivity_turns_where_higher_is_better():
    axes = accuracies(higher=True).axes[0]
    low, high = axes.get_ylim()
    assert low < 0.5 < 0.96 <= high
    assert axes.get_ylabel() == "validation accuracy, higher is better"
    ring = next(line for line in axes.get_lines() if line.get_markerfacecolor() == "none")
    assert ring.get_ydata() == [0.95]
    # the same values as a loss: above the start they are out of sight, if any is below
    assert "better" not in accuracies(higher=False).axes[0].get_ylabel()


def test_curves_of_a_metric_are_neither_cut_nor_logarithmic():
    steps = np.arange(20.0)
    values = np.tile(np.linspace(0.1, 0.97, 20), (5, 1))
    axes = plots.curves({"adam": (steps, values)}, "validation accuracy", higher=True).axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[1] > 0.97


# ---- looks ---------------------------------------------------------------------------


def test_every_optimizer_has_a_look_of_its_own():
    everyone = looks(OPTIMIZERS.names())
    assert len({(look.colour, str(look.dashes)) for look in everyone.values()}) == len(everyone)
    assert len({looks([name])[name].colour for name in ORDER[: len(PALETTE)]}) == len(PALETTE)


@pytest.mark.parametrize("others", [["sgd"], ["zeta", "alpha", "sgd", "rmsprop"], []])
def test_the_colour_belongs_to_the_optimizer_and_not_to_its_rank(others):
    alone = looks(["adam"])["adam"]
    for labels in (["adam", *others], [*others, "adam"]):
        assert looks(labels)["adam"] == alone
    assert looks(["adam:lr=0.1", *others])["adam:lr=0.1"] == alone
    assert looks(["b.yaml", *others], {"b.yaml": "adam"})["b.yaml"] == alone


def test_plugins_keep_their_colour_and_take_no_one_else_s():
    names = [f"my_optimizer_{i}" for i in range(6)]
    for name in names:
        found = looks([name, "adam", "sgd"])
        assert len({look.colour for look in found.values()}) == 3
    found = looks([*names, "adam", "sgd"])
    assert len({look.colour for look in found.values()}) == 8
    assert found == looks(["sgd", *reversed(names), "adam"])


def test_two_of_one_optimizer_are_told_apart():
    found = looks(["adam:lr=0.1", "adam:lr=0.01", "sgd"])
    assert len({look.colour for look in found.values()}) == 3


def test_more_labels_than_looks():
    found = looks([f"adam:lr={i}" for i in range(100)])
    assert len(set(found.values())) == 60


def test_comparison_and_sensitivity_use_the_same_colour():
    steps = np.arange(5.0)
    values = np.ones((3, 5))
    first = plots.curves({"sgd": (steps, values), "adam": (steps, values)}, "validation loss")
    colours = {line.get_color() for line in first.axes[0].get_lines() if len(line.get_xdata()) == 5}
    assert colours == {looks([name])[name].colour for name in ("sgd", "adam")}
    ring = next(
        line
        for line in accuracies(True).axes[0].get_lines()
        if line.get_markerfacecolor() == "none"
    )
    assert ring.get_color() == looks(["adam"])["adam"].colour


# ---- fonts ---------------------------------------------------------------------------

CAT, DOG = "\u732b", "\u72ac"


@pytest.fixture
def font(tmp_path):
    """A font with the sign for a cat, made known to matplotlib; gone afterwards."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    def square():
        pen = TTGlyphPen(None)
        for at, move in ((0, pen.moveTo), (1, pen.lineTo), (2, pen.lineTo), (3, pen.lineTo)):
            move([(100, 0), (100, 700), (900, 700), (900, 0)][at])
        pen.closePath()
        return pen.glyph()

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord(CAT): "cat"})
    builder.setupGlyf({".notdef": square(), "cat": square()})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "cat"), (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Cats Only", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    path = tmp_path / "cats.ttf"
    builder.save(path)
    before = list(fontManager.ttflist)
    fontManager.addfont(path)
    fonts.forget()
    yield path
    fontManager.ttflist[:] = before
    fonts.forget()


def confusions(names):
    return plots.confusion(np.diag(np.arange(1, len(names) + 1)), names, f"{names[0]}, test rows")


@pytest.mark.filterwarnings("error")
def test_names_that_no_font_has_are_numbered():
    figure = confusions([CAT, DOG, "mouse"])
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert ticks == ["class 1", "class 2", "mouse"]
    assert r"class 1: \u732b, class 2: \u72ac" in words(figure)
    assert r"\u732b, test rows" in words(figure)
    assert plots.render(figure).startswith(PNG)
    inside(figure)
    assert fonts.note([CAT, DOG, "mouse"]).endswith(f"1 {CAT}, 2 {DOG}")
    assert fonts.note(["mouse", "ärger", "Ελλάδα"]) is None


@pytest.mark.parametrize(("version", "drawn"), [((3, 10, 9), False), ((3, 11, 0), True)])
def test_names_from_right_to_left_are_numbered_where_they_cannot_be_shaped(
    version, drawn, monkeypatch
):
    monkeypatch.setattr(matplotlib, "__version_info__", version)
    for name in ("\u0642\u0637\u0629", "\u05d7\u05ea\u05d5\u05dc"):
        ticks = confusions([name, "mouse"]).axes[0].get_yticklabels()
        assert [label.get_text() for label in ticks] == [name if drawn else "class 1", "mouse"]
        assert (fonts.note([name, "mouse"]) is None) == drawn


@pytest.mark.filterwarnings("error")
def test_a_font_that_has_the_characters_is_found(font):
    figure = confusions([CAT, DOG, "mouse"])
    ticks = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in ticks] == [CAT, "class 2", "mouse"]
    assert ticks[0].get_fontfamily() == ["DejaVu Sans", "Cats Only"]
    assert fonts.families(f"{CAT} mouse") == ["DejaVu Sans", "Cats Only"]
    assert fonts.families("mouse") == ["DejaVu Sans"]
    # as wide as the font says: one em
    assert text_width(CAT, 72) == pytest.approx(1.0, rel=0.02)
    assert plots.render(figure) != plots.render(confusions([DOG, DOG, "mouse"]))


@pytest.mark.filterwarnings("error")
def test_a_font_that_has_gone_or_is_damaged_has_no_characters(font):
    font.write_bytes(b"no font")
    fonts.forget()
    assert fonts.font_of(CAT) is None
    font.unlink()
    fonts.forget()
    assert fonts.font_of(CAT) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name", [CAT, "\U0001f431", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0642\u0637\u0629"]
)
def test_every_picture_draws_any_name(name):
    names = [name, "b"]
    grid = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    images = np.zeros((3, 1, 4, 4))
    one = np.ones((3, 5))
    tried = {name: [plots.Tried(0.1, 1.0, [1.0], 0, True)]}
    figures = [
        confusions(names),
        plots.decision_boundary(lambda p: p, grid, np.array([0, 1, 0]), names, names, None, name),
        plots.samples(images, [0, 1, 0], [1, 1, 0], np.ones(3), names, name),
        plots.curves({name: (np.arange(5.0), one)}, name, name),
        plots.sensitivity(tried, {name: 0.1}, name, name),
        plots.profile({name: [1.0]}, 2.0, name),
        plots.loss_curve(history([1.0, 2.0], **{f"train_{name}": [1.0, 2.0]}), 1, name),
        plots.predicted_against_true(np.arange(3.0), np.arange(3.0), name, None, name),
    ]
    for figure in figures:
        assert plots.render(figure).startswith(PNG)


def test_a_run_that_is_over_counts_with_its_last_value():
    values = np.array([[1, 0.5, np.nan], [1, 0.6, np.nan], [1, 0.9, 0.8]])
    figure = plots.curves({"sgd": (np.array([0.0, 10, 20]), values)}, "loss")
    axes = figure.axes[0]
    median = max(axes.lines, key=lambda line: line.get_linewidth())
    assert median.get_ydata().tolist() == [1, 0.6, 0.6]
    assert any("runs that ended: their last value" in text for text in words(figure))


def test_equal_default_rates_stand_side_by_side():
    tried = {
        "sgd": [plots.Tried(0.1, 1.0, [1.0], 0, True)],
        "adam": [plots.Tried(0.1, 2.0, [2.0], 0, True)],
    }
    figure = plots.sensitivity(tried, {"sgd": 0.01, "adam": 0.01}, "loss")
    ticks_ = [line for line in figure.axes[0].lines if line.get_marker() == 2]
    places = [line.get_transform().transform((0.01, 0)) for line in ticks_]
    assert np.diff(places, axis=0).tolist() == [[pytest.approx(2.4 / 72 * figure.dpi), 0]]


# ---- comparisons ---------------------------------------------------------------------


def row(a, b, difference, low, high, better=None, share=0.5):
    return plots.PairRow(a, b, difference, low, high, 0.5, better, share)


def test_few_seeds_are_drawn_one_by_one_and_many_are_not():
    steps = np.arange(5.0)
    for seeds, count in ((10, 11), (11, 1)):
        values = np.linspace(1, 2, seeds)[:, None] * np.linspace(1, 0.5, 5)
        figure = plots.curves({"sgd": (steps, values)}, "loss")
        drawn = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 5]
        assert len(drawn) == count
        assert any("single seeds" in text for text in words(figure)) == (count > 1)


def test_the_axis_of_sensitivity_ends_where_something_is_seen():
    """An extended search may have gone on to rates of a million, all far worse."""
    rates = [10.0**k for k in range(-4, 7)]
    means = [1.0, 0.5, 0.1, 0.2, 0.6] + [1e9] * 6
    both = zip(rates, means, strict=True)
    tried = {"sgd": [plots.Tried(lr, mean, [mean], 0, mean == 0.1) for lr, mean in both]}
    figure = plots.sensitivity(tried, {"sgd": 0.001}, "loss", start=1.0)
    low, high = figure.axes[0].get_xlim()
    assert low < 1e-4
    assert 10 < high < 100, "one rate beyond those that are seen"
    assert any("not shown: rates far worse" in text for text in words(figure))


def test_finalists_have_their_medians_on_the_verdicts_rows():
    tried = [
        plots.Tried(lr, 0.5, [0.5], 0, lr == 0.1, (0.4, 0.3, 0.7) if lr > 0.01 else None)
        for lr in (0.01, 0.1, 1.0)
    ]
    figure = plots.sensitivity({"adam": tried}, {"adam": 0.1}, "loss")
    bars = [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    assert [line.get_ydata().tolist() for line in bars] == [[0.4, 0.4]]
    low, high = figure.axes[0].get_ylim()
    assert low <= 0.3 < 0.7 <= high
    assert any("test median of a finalist" in text for text in words(figure))


def test_a_forest_plot_shows_all_pairs_in_the_colour_of_the_better_one():
    pairs = [
        row("adam", "sgd", -0.2, -0.3, -0.1, "adam", 0.9),
        row("adam", "lion", -0.1, -0.2, 0.1),
        row("sgd", "lion", 0.1, -np.inf, 1e9),
    ]
    figure = plots.pair_differences(pairs, "test loss")
    axes = figure.axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in points] == [-0.2, -0.1, 0.1]
    adam = looks(["adam"])["adam"].colour
    assert [line.get_color() == adam for line in points] == [True, False, False]
    low, high = axes.get_xlim()
    assert -1 < low < -0.3
    assert 0.1 < high < 1, "a far end does not stretch the axis"
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("<", ">")]
    assert arrows == ["<", ">"]
    said = words(figure)
    assert {"adam − sgd", "adam − lion", "sgd − lion", "← first better"} <= set(said)
    assert "← second better" in words(plots.pair_differences(pairs, "accuracy", higher=True))


def test_a_matrix_of_wins_has_both_sides_of_each_pair():
    pairs = [row("adam", "sgd", -0.2, -0.3, -0.1, "adam", 0.9), row("adam", "lion", 0, -1, 1)]
    pairs.append(row("sgd", "lion", 0.3, 0.1, 0.4, "lion", 0.2))
    figure = plots.wins(["adam", "lion", "sgd"], pairs, 10)
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["tie\n5/10", "win\n9/10", "tie\n5/10", "win\n8/10", "loss\n1/10", "loss\n2/10"]


def test_the_share_of_reached_targets_rises_to_what_was_reached():
    steps = {"sgd": np.array([[10.0, 20.0], [10.0, np.inf]]), "adam": np.full((2, 2), np.inf)}
    figure = plots.reached_targets(steps, 100.0)
    curve = next(line for line in figure.axes[0].lines if 0.75 in line.get_ydata())
    assert dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))[10.0] == 0.5
    assert curve.get_ydata()[-1] == 0.75
    assert 100 <= figure.axes[0].get_xlim()[1] < 110
