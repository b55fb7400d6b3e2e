"""The pictures of an evaluation show what they say they show."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from emotalk.evaluation.plots import write_plots
from emotalk.evaluation.plots.confusion import draw_confusion
from emotalk.evaluation.plots.frames import draw_frames
from emotalk.evaluation.plots.intervals import draw_intervals
from emotalk.evaluation.plots.mouths import draw_mouths
from emotalk.evaluation.plots.sync import draw_sync
from emotalk.evaluation.report import EmotionReport, Report, Value
from emotalk.evaluation.results import ClipResults, Results
from emotalk.schema import EMOTIONS
from tests.helpers.evaluation_clips import noise_frames
from tests.helpers.reports import plain_report


def found(name: str, correlation: float) -> ClipResults:
    curve = np.linspace(0, 1, 50)
    return ClipResults(
        key=name, actor="a", emotion="anger", intensity=None,
        rows={"generated": {"mouth_correlation": correlation}},
        openings={"truth": curve, "generated": curve * 2, "repeat": curve * 0},
        voiced_T=np.arange(60) % 2 == 0, predictions=None, as_reported={},
    )  # fmt: skip


def line(axes: Axes, label: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    (drawn,) = [one for one in axes.lines if one.get_label() == label]
    return np.asarray(drawn.get_xdata(), float), np.asarray(drawn.get_ydata(), float)


def test_mouths_are_drawn_over_seconds_with_their_labels() -> None:
    (axes,) = draw_mouths([found("k", 0.5)]).axes
    for label, factor in (("truth", 1), ("generated", 2), ("repeat", 0)):
        seconds, opening = line(axes, label)
        np.testing.assert_allclose(seconds, np.arange(50) / 25)
        np.testing.assert_allclose(opening, factor * np.linspace(0, 1, 50))
    seconds, _ = line(axes, "voiced")
    np.testing.assert_allclose(seconds, np.arange(0, 50, 2) / 25)
    assert axes.get_title(loc="left") == "k: correlation 0.50"


def test_six_clips_are_shown_from_the_best_to_the_worst_undefined_ones_last() -> None:
    clips = [found(f"k{n}", value) for n, value in enumerate([0.1, 0.9, np.nan, -0.5])]
    titles = [axes.get_title(loc="left") for axes in draw_mouths(clips).axes]
    assert [title.split(":")[0] for title in titles] == ["k1", "k0", "k3", "k2"]
    many = [found(f"k{n}", n / 20) for n in range(11)]
    titles = [axes.get_title(loc="left") for axes in draw_mouths(many).axes]
    assert [title.split(":")[0] for title in titles] == ["k10", "k8", "k6", "k4", "k2", "k0"]


def value(mean: float) -> Value:
    return Value(mean=mean, low=mean - 0.1, high=mean + 0.1, clips=4, undefined=0, actors=2)


def test_the_left_matrix_is_of_generated_and_the_right_of_true_clips() -> None:
    generated = tuple(tuple(int(r == c) * 2 + (c == 0) for c in range(6)) for r in range(6))
    truth = tuple(tuple(7 * int(r == c) for c in range(6)) for r in range(6))
    report = EmotionReport(
        emotions=EMOTIONS,
        accuracy={"generated": value(0.25), "still": value(0.5), "truth": value(0.75)},
        confusion_generated=generated,
        confusion_truth=truth,
        recall_generated={},
    )
    left, right = draw_confusion(report).axes
    assert left.get_title() == "generated from the neutral still: 0.25 [0.15, 0.35]"
    assert right.get_title() == "true clips: 0.75 [0.65, 0.85]"
    for axes, counts in ((left, generated), (right, truth)):
        words = [text.get_text() for text in axes.texts]
        assert words == [str(count) for row in counts for count in row]
        assert [label.get_text() for label in axes.get_xticklabels()] == list(EMOTIONS)
        assert [label.get_text() for label in axes.get_yticklabels()] == list(EMOTIONS)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("seen", "wanted")
    shares = np.asarray(left.images[0].get_array(), float)
    np.testing.assert_allclose(shares[1], [1 / 3, 2 / 3, 0, 0, 0, 0])
    np.testing.assert_allclose(shares[0], [1, 0, 0, 0, 0, 0])
    assert left.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(("dark", "light"), [(1, 1), (2, 1)])
def test_counts_are_white_on_dark_cells_alone(dark: int, light: int) -> None:
    counts = np.zeros((6, 6), int)
    counts[0, :2] = dark, light
    rows = tuple(tuple(int(count) for count in row) for row in counts)
    report = EmotionReport(
        emotions=EMOTIONS, accuracy=dict.fromkeys(("generated", "truth"), value(1.0)),
        confusion_generated=rows, confusion_truth=rows, recall_generated={},
    )  # fmt: skip
    texts = draw_confusion(report).axes[0].texts
    white = [to_rgb(text.get_color()) == (1, 1, 1) for text in texts[:3]]
    assert white == [dark > light, False, False]  # a half is not yet dark


def test_frames_stand_in_two_rows_emotion_by_emotion() -> None:
    shown = {name: {"true": noise_frames(n, 11), "generated": noise_frames(9 + n, 11)}
             for n, name in enumerate(("sadness", "contempt", "anger"))}  # fmt: skip
    figure = draw_frames(Results(examples=shown))
    assert figure.get_size_inches().tolist() == pytest.approx([10.0, 9.0])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["anger", "sadness", "contempt"]
    picture = np.asarray(figure.axes[0].images[0].get_array())
    assert picture.shape == (256, 6 * 128, 3)
    true, made = shown["anger"].values()
    for place, frame in enumerate((0, 2, 4, 6, 8, 10)):
        columns = slice(128 * place, 128 * (place + 1))
        np.testing.assert_array_equal(picture[:128, columns], true[frame])
        np.testing.assert_array_equal(picture[128:, columns], made[frame])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["true", "generated"]


def test_a_baselines_frames_stand_below_and_only_where_it_made_some() -> None:
    three = {name: noise_frames(n, 6) for n, name in enumerate(("true", "generated", "baseline"))}
    two = {name: three[name] for name in ("true", "generated")}
    figure = draw_frames(Results(examples={"fear": three, "anger": two}))
    assert figure.get_size_inches().tolist() == pytest.approx([10.0, 7.5])
    heights = [np.asarray(axes.images[0].get_array()).shape[0] for axes in figure.axes]
    assert heights == [256, 384]
    picture = np.asarray(figure.axes[1].images[0].get_array())
    np.testing.assert_array_equal(picture[256:, :128], three["baseline"][0])
    labels = figure.axes[1].get_yticklabels()
    assert [label.get_text() for label in labels] == ["true", "generated", "baseline"]
    assert [label.get_position()[1] for label in labels] == [64, 192, 320]


def test_the_names_are_those_of_the_files(tmp_path: Path) -> None:
    results = Results([found("k", 0.5)], examples={"anger": {"true": noise_frames(0, 6)}})
    report = Report(
        inputs={}, where={}, judges={}, clips=1, actors=("a",), condition="first_frame",
        figures={}, emotion=None, as_reported=None, left_out={}, caveats=(), per_clip={},
    )  # fmt: skip
    assert write_plots(tmp_path, results, report) == ["frames.png", "mouth.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.png", "mouth.png"]


def test_each_figure_has_its_rows_with_their_intervals() -> None:
    shown = [axes for axes in draw_intervals(plain_report()).axes if axes.get_visible()]
    assert len(shown) == len(plain_report().figures)
    for axes in shown:
        ends, mean, still_ends, still = (
            np.asarray(line.get_xdata()).tolist() for line in axes.lines
        )
        assert (ends, mean) == ([1.0, 3.0], [2.0])
        assert (still_ends, still) == ([0.0, 2.0], [1.0])
    assert any(axes.get_title(loc="left").endswith("better: higher") for axes in shown)


def test_bars_of_sync_are_shares_of_clips_and_far_ones_stand_at_the_end() -> None:
    frames = {"generated": [0.0, 1.0, 1.2, 30.0], "other_speech": [4.0, 4.0]}
    (axes,) = draw_sync(frames, "apart").axes
    own, other = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert own == [0.25, 0.5, 0, 0, 0, 0, 0, 0, 0.25]
    assert other == [0, 0, 0, 0, 1.0, 0, 0, 0, 0]
