"""How the figures of clips become a report: means by hand, rows that exist, emotions seen."""

import math

import numpy as np
import pytest

from emotalk.evaluation.emotion_results import EmotionPredictions
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.results import ClipResults, Results
from emotalk.metrics.bootstrap import bootstrap_over_actors


def saw(wanted: int, generated: int, still: int, truth: int) -> EmotionPredictions:
    """Return what a judge says that is sure of these classes."""
    rows = {"generated": generated, "still": still, "truth": truth}
    return EmotionPredictions(
        wanted, {row: np.eye(7, dtype=np.float32)[place] for row, place in rows.items()}
    )


SEEN = saw(0, 0, 4, 0)


def found(
    key: str, actor: str = "a", *, psnr: float = 30.0, other: bool = True,
    predictions: EmotionPredictions | None = None, faulty: float = 1.0,
) -> ClipResults:  # fmt: skip
    names = ("generated", "repeat", *(["other_speech"] if other else []))
    rows = {
        name: {**dict.fromkeys(quantities(), 0.5), "psnr": psnr + place}
        for place, name in enumerate(names)
    }
    return ClipResults(
        key=key, actor=actor, emotion="anger", intensity=None, rows=rows, openings={},
        voiced_T=np.ones(3, bool), predictions=predictions, as_reported={"faulty": faulty},
    )  # fmt: skip


def test_a_figure_is_the_mean_over_clips_row_by_row() -> None:
    results = Results([found("1", "a", psnr=20.0), found("2", "b", psnr=30.0, other=False)])
    table = results.figures(0)
    assert list(table) == list(quantities())
    assert list(table["psnr"]) == ["generated", "repeat", "other_speech"]
    assert table["psnr"]["generated"].mean == 25.0
    assert (table["psnr"]["generated"].low, table["psnr"]["generated"].high) == (20.0, 30.0)
    assert table["psnr"]["repeat"].mean == 26.0
    alone = table["psnr"]["other_speech"]
    assert (alone.mean, alone.clips, alone.undefined, alone.actors) == (22.0, 1, 1, 1)


def test_intervals_are_over_actors_drawn_by_the_seed() -> None:
    """Six actors of nine like clips each; clips taken for actors would narrow the interval."""
    keys = [f"{actor}{take}" for actor in "abcdef" for take in range(9)]
    actors = [key[0] for key in keys]
    psnr = [20.0 + 2 * "abcdef".index(actor) for actor in actors]
    right = [float(actor > "b") for actor in actors]
    clips = [
        found(key, key[0], psnr=value, predictions=saw(0, 1 - int(hit), 4, 0))
        for key, value, hit in zip(keys, psnr, right, strict=True)
    ]
    for seed in (4, 5):
        report = Results(clips).emotion(seed)
        assert report is not None
        for value, values in (
            (Results(clips).figures(seed)["psnr"]["generated"], psnr),
            (report.accuracy["generated"], right),
        ):
            expected = bootstrap_over_actors(values, actors, seed=seed)
            assert (value.low, value.high) == (expected.low, expected.high)
            assert value.actors == 6
    first, second = (bootstrap_over_actors(psnr, actors, seed=seed) for seed in (0, 5))
    assert (first.low, first.high) != (second.low, second.high), "the seed can be told"


def test_a_row_that_no_clip_has_is_not_in_the_table() -> None:
    table = Results([found("1", other=False)]).figures(0)
    assert list(table["ssim"]) == ["generated", "repeat"]


def test_emotions_are_counted_from_what_each_video_showed() -> None:
    seen = [
        saw(0, 0, 4, 0),
        saw(1, 0, 4, 1),
        saw(1, 1, 1, 2),
        saw(1, 1, 4, 1),
    ]
    clips = [found(str(n), "ab"[n % 2], predictions=s) for n, s in enumerate(seen)]
    report = Results([*clips, found("unseen")]).emotion(0)
    assert report is not None
    assert {row: value.mean for row, value in report.accuracy.items()} == {
        "generated": 0.75, "still": 0.25, "truth": 0.75,
    }  # fmt: skip
    assert report.accuracy["generated"].clips == 4
    assert report.accuracy["generated"].actors == 2
    assert report.confusion_generated[1][:2] == (1, 2)  # row: wanted
    assert report.confusion_truth[1][:3] == (0, 2, 1)
    assert report.recall_generated["anger"] == 1.0
    assert report.recall_generated["disgust"] == pytest.approx(2 / 3)
    assert report.recall_generated["fear"] is None


def test_without_a_classified_clip_there_is_no_emotion_report() -> None:
    assert Results([found("1")]).emotion(0) is None


def test_the_faulty_figures_are_means_too() -> None:
    table = Results([found("1", faulty=1.0), found("2", faulty=4.0)]).as_reported(0)
    assert table["faulty"].mean == 2.5


def test_every_clip_is_listed_with_its_values_and_what_was_seen() -> None:
    listed = Results([found("1", psnr=math.nan, predictions=SEEN), found("2", "b")]).per_clip()
    assert listed["1"]["clip"] == {"actor": "a", "emotion": "anger", "intensity": None}
    assert listed["1"]["generated"]["psnr"] is None
    assert listed["2"]["repeat"]["psnr"] == 31.0
    assert listed["1"]["emotion"] == {
        "wanted": "anger", "generated": "anger", "still": "neutral", "truth": "anger",
    }  # fmt: skip
    assert "emotion" not in listed["2"]
