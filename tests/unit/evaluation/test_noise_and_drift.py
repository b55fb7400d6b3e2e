"""Noise in the speech is as loud as said; a long video is measured clip by clip where it lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from emotalk.checkpoints.load import load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation import drift
from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.drift import Part, describe_drift, measure_drift
from emotalk.evaluation.drift_loss import drift_loss
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.joined_video import generate_joined
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.noise_curve import add_noise
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import DriftLoss, DriftReport, Report
from emotalk.evaluation.report_blocks import sections
from emotalk.evaluation.report_blocks.drift import loss_text, verdict
from emotalk.inference.generate import generate_clips
from emotalk.shards.sample_table import Sample
from tests.helpers.drawn_shards import drawn_clip, write_shard_set
from tests.helpers.evaluation_clips import plain_clip

FRAMES = 42  # the lip-sync model compares no clip of fewer than 40


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Report:
    said = ((0, "IEO", "happiness"), (0, "MTI", "neutral"), (1, "WSI", "anger"))
    clips = {label: drawn_clip(5, *label, frames=FRAMES) for label in said}
    shards = write_shard_set(tmp_path_factory.mktemp("shards"), clips)
    settings = {
        "checkpoint": checkpoint, "shards": str(shards), "clips": 3, "emotion": "none",
        "output": tmp_path_factory.mktemp("report") / "out", "videos": 0,
        "noise_db": [20, 0], "noise_clips": 2, "drift_seconds": 8,
    }  # fmt: skip
    return evaluate(EvaluateConfig.model_validate(settings))


@pytest.mark.parametrize("level_db", [20.0, 0.0, -5.0])
def test_the_noise_has_the_power_that_the_ratio_says(level_db: float) -> None:
    speech = plain_clip(frames=50).audio_S
    noise = add_noise(speech, level_db, "white", seed=1, key="k").astype(float) - speech
    ratio_db = 10 * np.log10(np.square(speech.astype(float)).mean() / np.square(noise).mean())
    assert ratio_db == pytest.approx(level_db, abs=0.01)


def test_a_clip_hears_the_same_noise_at_every_level_and_no_other_clip_does() -> None:
    speech = plain_clip(frames=50).audio_S
    loud, soft, other, pink = (
        add_noise(speech, level_db, kind, seed=1, key=key).astype(float) - speech
        for level_db, kind, key in (
            (0, "white", "k"), (20, "white", "k"), (0, "white", "l"), (0, "pink", "k"),
        )
    )  # fmt: skip
    np.testing.assert_allclose(loud, 10 * soft, atol=1e-5)
    assert abs(np.corrcoef(loud, other)[0, 1]) < 0.05
    assert abs(np.corrcoef(loud, pink)[0, 1]) < 0.95


def test_the_curve_begins_with_the_clips_own_figures_without_noise(report: Report) -> None:
    curve = report.noise_curve
    assert curve is not None
    assert (curve.levels, curve.clips) == (("clean", "20 dB", "0 dB"), 2)
    clean = curve.figures["psnr"]["clean"].mean
    rows = [rows["generated"]["psnr"] for rows in report.per_clip.values()]
    pairs = [(float(a or 0) + float(b or 0)) / 2 for a in rows for b in rows if a != b]
    assert any(clean == pytest.approx(pair) for pair in pairs)
    assert curve.figures["psnr"]["0 dB"].mean != clean
    assert {"mouth_correlation", "nlmd"} <= curve.figures.keys()


def test_own_speech_is_told_from_anothers_with_noise_and_in_the_long_video(report: Report) -> None:
    assert report.noise_curve is not None
    assert report.drift is not None
    levels = report.noise_curve.figures["sync_own_above_other"]
    assert all(levels[level].mean is not None for level in ("clean", "20 dB", "0 dB"))
    early = report.drift.windows["0 to 4 s"]["sync_own_above_other"]
    assert early["joined"].mean is not None
    assert early["alone"].mean is not None


def sample(key: str, actor: str, frames: int = 30, emotion: str = "anger") -> Sample:
    return Sample(key, frames, actor, emotion, 1.0, 0, {})


class Given:
    """Reads the clips that it was given, by key."""

    def __init__(self, clips: list[Any]) -> None:
        self.known = {clip.key: clip for clip in clips}

    def clips(self, samples: Any) -> Any:
        return (self.known[one.key] for one in samples)

    def speeches(self, samples: Any) -> Any:
        return tuple(self.known[one.key].audio_S for one in samples)


def test_a_part_is_compared_with_the_true_clip_at_its_place(checkpoint: Path) -> None:
    loaded = load_generator(checkpoint)
    clips = [plain_clip(key, seed=seed, frames=frames)
             for seed, (key, frames) in enumerate((("a", 12), ("b", 20), ("c", 15)))]  # fmt: skip
    evaluator = Evaluator(loaded, "first_frame", None, seed=1)
    parts = measure_drift(
        evaluator, Given(clips), [sample(c.key, "x") for c in clips], size=2,  # type: ignore[arg-type]
    )  # fmt: skip
    joined = generate_joined(loaded, clips, clips[0].video_THWC[0], seed=1).video_THWC
    assert [(part.begin_s, part.end_s) for part in parts] == [(0, 0.48), (0.48, 1.28), (1.28, 1.88)]
    for part, clip, own in zip(parts, clips, np.split(joined, [12, 32]), strict=True):
        psnr = peak_signal_noise_ratio(clip.video_THWC / 255.0, own / 255.0, data_range=1.0)
        assert part.rows["joined"]["psnr"] == pytest.approx(psnr, abs=1e-3)
        assert part.rows["alone"]["psnr"] != part.rows["joined"]["psnr"]
        assert "short" not in part.rows, "they end within 8 s"


def test_a_part_beyond_8_s_is_compared_with_itself_at_the_end_of_8_s(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip of more than 8 s has nothing before it there."""
    loaded = load_generator(checkpoint)
    clips = [plain_clip(str(seed), seed=seed, frames=frames)
             for seed, frames in enumerate((80, 80, 80, 80, 204))]  # fmt: skip
    videos: dict[int, list[Any]] = {}  # frames -> of the speech that the videos are made for

    def generated(loaded: Any, requests: Any, **options: Any) -> Any:
        made = generate_clips(loaded, requests, **options)
        for request, video in zip(requests, made, strict=True):
            videos.setdefault(len(video), []).append((request.speech_S, video))
        return made

    monkeypatch.setattr(drift, "generate_clips", generated)
    parts = measure_drift(
        Evaluator(loaded, "first_frame", None, seed=1), Given(clips),  # type: ignore[arg-type]
        [sample(c.key, "x") for c in clips], size=3,
    )  # fmt: skip
    assert ["short" in part.rows for part in parts] == [False, False, False, True, False]
    assert {frames: len(made) for frames, made in videos.items()} == {80: 4, 200: 1, 204: 1}
    ((speech_S, video),) = videos[200]
    spoken = [clip.audio_S / np.abs(clip.audio_S).max() for clip in clips[1:4]]
    np.testing.assert_allclose(speech_S, np.concatenate(spoken)[-8 * 8000 :], atol=1e-6)
    own = video[-80:]
    psnr = peak_signal_noise_ratio(clips[3].video_THWC / 255.0, own / 255.0, data_range=1.0)
    assert parts[3].rows["short"]["psnr"] == pytest.approx(psnr, abs=1e-3)


def part(middle_s: float, joined: float, alone: float) -> Part:
    rows = {"joined": {"psnr": joined}, "alone": {"psnr": alone}, "short": {"psnr": alone + 2}}
    return Part(f"clip at {middle_s}", middle_s - 1, middle_s + 1, rows)


def loss(
    values: Sequence[tuple[float, ...]], better: Any, keys: list[str] | None = None
) -> DriftLoss | None:
    """Return the loss of parts, each with joined, alone and true values of one figure."""
    rows = [
        {row: {"q": value} for row, value in zip(("joined", "alone", "truth"), part, strict=False)}
        for part in values
    ]
    names = keys or [str(place) for place in range(len(rows))]
    return drift_loss(names, rows, "q", Quantity("q", better, 2), control="alone", seed=0)


def test_worse_is_the_share_lost_against_the_clips_alone() -> None:
    values = [(18.0, 20.0), (27.0, 30.0), (float("nan"), 1.0)]
    higher, lower = loss(values, "higher"), loss(values, "lower")
    assert higher is not None
    assert lower is not None
    assert higher.clips == 2
    assert [higher.share, higher.low, higher.high] == pytest.approx([0.1, 0.1, 0.1])
    assert lower.share == pytest.approx(-0.1)
    assert loss([], "higher") is None
    assert loss([(1.0, 0.0)], "lower") is None


def test_a_figure_with_a_target_is_worse_by_how_much_further_it_is_from_there() -> None:
    """Else a video whose lips lose their motion would not be said to be worse."""
    near_1, near_truth = loss([(1.3, 0.9)], "near_1"), loss([(2.0, 3.0, 4.0)], "near_truth")
    assert near_1 is not None
    assert near_truth is not None
    assert near_1.share == pytest.approx(0.2)
    assert near_truth.share == pytest.approx(0.25)
    assert loss([(2.0, 3.0)], "near_truth") is None


def test_the_interval_is_over_clips_and_a_clip_that_comes_again_counts_as_one() -> None:
    rng = np.random.default_rng(0)
    values = [(1.0 + step, 1.0) for step in rng.normal(0.05, 0.2, 12)]
    own, doubled = loss(values, "lower"), loss(values * 2, "lower", [*"abcdefghijkl"] * 2)
    assert own is not None
    assert doubled is not None
    assert own.low is not None
    assert own.high is not None
    assert own.low < own.share < own.high
    assert doubled.clips == 12
    assert doubled.low == pytest.approx(own.low, abs=0.02)
    assert doubled.high == pytest.approx(own.high, abs=0.02)


def test_where_nearly_every_clip_alone_has_nothing_the_share_has_no_upper_limit() -> None:
    found = loss([(1.0, 0.0), (0.0, 0.0), (1.0, 1.0)], "lower")
    assert found is not None
    assert found.share == 1.0
    assert (found.low, found.high) == (0.0, None)
    assert loss_text(found) == "+100.0 % [+0.0, +∞]"


def test_windows_hold_the_parts_whose_middle_lies_in_them() -> None:
    parts = [part(1, 30, 30), part(5, 28, 29), part(10, 18, 20), part(40, 27, 30)]
    found = describe_drift(parts, "bo", 0, known=["psnr"])
    assert found is not None
    means = {window: of["psnr"]["joined"].mean for window, of in found.windows.items()}
    assert means == {"0 to 4 s": 30, "4 to 8 s": 28, "8 to 30 s": 18, "30 to 120 s": 27}
    assert found.worse_than_alone is not None
    assert found.worse_than_alone["psnr"].share == pytest.approx((2 + 3) / (20 + 30))
    assert found.worse["psnr"].share == pytest.approx((4 + 5) / (22 + 32))
    known = quantities()
    length, alone = verdict(found, known)
    assert "worse than at the end of a video of 8 s, by the whole interval" in length
    assert "PSNR, whole face (dB) +16.7 % [+15.6, +18.2]" in length
    assert "worse than alone, by the whole interval: PSNR, whole face (dB) +10.0 % [" in alone
    found = found.model_copy(update={"worse_than_alone": None})
    (line,) = verdict(found, known)
    assert "worse than alone" in line, "what older reports compare with"
    small = {"psnr": DriftLoss(share=0.04, low=-0.1, high=0.2, clips=3)}
    (line,) = verdict(found.model_copy(update={"worse": small}), known)
    assert "no figure is more than 5 % worse" in line
    (line,) = verdict(found.model_copy(update={"worse": {}}), known)
    assert "No clip of the video lies beyond 8 s" in line
    long_clips = {"worse": {}, "worse_than_alone": small}
    length, alone = verdict(found.model_copy(update=long_clips), known)
    assert "no clip could be compared with itself at the end of a video of 8 s" in length
    assert "no figure is more" not in length, "nothing was compared"
    assert "no figure is more than 5 % worse than alone" in alone


def test_the_last_window_holds_a_clip_whose_middle_lies_behind_120_s() -> None:
    """Clips of 2.3 s end at 121.9 s, the last one's middle at 120.75 s."""
    parts = [part(119.0, 27, 30), part(120.75, 18, 30)]
    found = describe_drift(parts, "bo", 0, known=["psnr"])
    assert found is not None
    (of,) = found.windows.values()
    assert (of["psnr"]["joined"].clips, of["psnr"]["joined"].mean) == (found.clips, 22.5)


def test_the_verdict_tells_what_is_worse_from_what_may_be_chance() -> None:
    drift = DriftReport(
        actor="bo", seconds=120, clips=40, different_clips=40, windows={},
        worse={
            "psnr": DriftLoss(share=0.2, low=0.06, high=0.3, clips=37),
            "sync_distance": DriftLoss(share=0.14, low=-0.1, high=0.6, clips=37),
            "ssim": DriftLoss(share=0.01, low=0.0, high=0.02, clips=37),
        },
    )  # fmt: skip
    surely, perhaps = verdict(drift, quantities())
    assert "by the whole interval: PSNR, whole face (dB) +20.0 % [+6.0, +30.0]." in surely
    assert "may be chance" in perhaps
    assert "+14.0 % [-10.0, +60.0]" in perhaps
    assert "SSIM" not in surely + perhaps


def test_reports_of_before_the_intervals_are_read() -> None:
    older = {"actor": "bo", "seconds": 120, "clips": 40, "different_clips": 40, "windows": {},
             "worse": {"psnr": 0.2}}  # fmt: skip
    drift = DriftReport.model_validate(older)
    assert loss_text(drift.worse["psnr"]) == "+20.0 %"


def test_the_report_shows_drift_and_noise(report: Report) -> None:
    drift = report.drift
    assert drift is not None
    assert drift.actor == "1001"
    assert drift.seconds == 5 * FRAMES / 25
    assert drift.different_clips == 2 < drift.clips
    assert drift.windows["0 to 4 s"]["psnr"].keys() >= {"joined", "alone"}
    page = " ".join(markdown_page("Evaluation", sections(report)).split())
    for words in (
        f"{drift.seconds:g} s of 1001, 5 clips of 2 different ones, some of them again.",
        "signal-to-noise ratios",
        "No clip of the video lies beyond 8 s",
    ):
        assert words in page
