"""The whole evaluation on a tiny shard set: figures, baselines, refusals."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from skimage.metrics import peak_signal_noise_ratio

from emotalk.checkpoints.load import load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.errors import Stopped, WrongUse
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.output import claimed_output
from emotalk.evaluation.report import Report
from emotalk.evaluation.summary import summary_table
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.media.decode import decode_video_window
from emotalk.schema import EMOTIONS
from tests.helpers.drawn_shards import DrawnClip, write_shard_set
from tests.helpers.shard_set import rewrite_index

Clips = dict[tuple[int, str, str], DrawnClip]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shards: Path, checkpoint: Path) -> Path:
    output = tmp_path_factory.mktemp("report") / "out"
    evaluate(EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=output,
                            as_reported=True))  # fmt: skip
    return output


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text())


def test_every_figure_stands_beside_its_baselines(report: Report) -> None:
    assert report.clips == 5
    assert report.actors == ("1001", "1002")
    for quantity in ("psnr", "ssim", "psnr_mouth", "nlmd", "nlmd_iod", "mouth_correlation"):
        assert set(report.figures[quantity]) == {
            "generated", "repeat", "other_speech", "reencoded",
        }  # fmt: skip


def test_the_true_video_reencoded_is_nearly_perfect_and_a_still_follows_nothing(
    report: Report,
) -> None:
    def mean(quantity: str, row: str) -> float:
        value = report.figures[quantity][row].mean
        assert value is not None
        return value

    assert mean("psnr", "reencoded") > 30 > mean("psnr", "generated")
    assert mean("ssim_mouth", "reencoded") > 0.9 > mean("ssim_mouth", "generated")
    assert mean("mouth_correlation", "reencoded") > 0.95
    assert mean("mouth_correlation", "repeat") == 0
    assert mean("nlmd", "reencoded") < 0.3 * mean("nlmd", "repeat")
    assert mean("missed_share", "generated") == 0


def test_a_clips_psnr_is_that_of_the_generators_own_frames(
    report: Report, checkpoint: Path, shards: Path, drawn_clips: Clips
) -> None:
    from emotalk.shards.reader import SampleReader
    from emotalk.shards.shard_set import ShardSet

    shard_set = ShardSet.open(str(shards))
    sample = next(s for s in shard_set.split("test").samples if s.key == "1001_IEO_happiness")
    data = SampleReader(shard_set).read(sample, ["mp4"])["mp4"]
    truth = decode_video_window(data, 0, sample.frames)
    speech = drawn_clips[0, "IEO", "happiness"].speech_S
    emotion = np.zeros(6, np.float32)
    emotion[EMOTIONS.index("happiness")] = 1
    stored = ((speech * 32767).round() / 32768).astype(np.float32)
    image = np.ascontiguousarray(truth[0].transpose(2, 0, 1))
    request = ClipRequest(image, stored, emotion, sample.key)
    (video,) = generate_clips(load_generator(checkpoint), [request], seed=0)
    by_hand = peak_signal_noise_ratio(truth / 255.0, video / 255.0, data_range=1.0)
    assert report.per_clip[sample.key]["generated"]["psnr"] == pytest.approx(by_hand, abs=0.02)


def test_emotions_come_with_the_classifiers_ceiling(report: Report) -> None:
    assert report.emotion is not None
    assert set(report.emotion.accuracy) == {"generated", "still", "truth"}
    assert report.emotion.accuracy["truth"].mean == 1.0
    assert report.emotion.accuracy["still"].mean == pytest.approx(2 / 5)
    assert np.array(report.emotion.confusion_truth).sum() == 5
    assert report.per_clip["1002_IEO_sadness"]["emotion"]["truth"] == "sadness"


def test_the_report_names_the_models_and_names_the_faulty_figures(
    report: Report, folder: Path
) -> None:
    assert "landmark net for drawn faces" in report.judges["landmarks, NLMD, mouth opening"]
    assert "emotion net for drawn faces" in report.judges["emotion"]
    page = (folder / "report.md").read_text()
    assert "As reported (faulty)" in page
    assert "as reported (faulty)" in page.lower()
    assert "PSNR (dB), higher is better" in page
    for picture in ("mouth.png", "emotions.png", "frames.png"):
        assert (folder / picture).stat().st_size > 5000
        assert picture in page


def test_the_summary_names_figure_and_baseline(report: Report) -> None:
    console = Console(width=160, record=True, file=None, quiet=True)
    console.quiet = False
    with console.capture() as capture:
        console.print(summary_table(report))
    text = capture.get()
    words = " ".join(text.split())
    assert "other: speech of another sentence" in words
    assert "still: condition frame repeated" in words
    assert "5 clips of 2 actors" in words
    assert max(map(len, text.splitlines())) <= 80


def test_an_equal_evaluation_may_replace_its_report_and_another_may_not(
    folder: Path, tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    output = tmp_path / "out"
    shutil.copytree(folder, output)
    config = EvaluateConfig(
        checkpoint=checkpoint, shards=str(shards), output=output, as_reported=True
    )
    before = json.loads((output / "report.json").read_text())
    assert "sets" not in before, "a table by set is of several sets"
    evaluate(config)
    after = json.loads((output / "report.json").read_text())
    assert {**after, "where": {}} == {**before, "where": {}}
    with pytest.raises(WrongUse, match="not empty, and not a report of the same"):
        evaluate(config.model_copy(update={"seed": 1}))


def test_what_a_full_disk_stopped_is_finished_by_the_same_command_and_by_no_other(
    tmp_path: Path, shards: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    output = tmp_path / "new" / "out"
    settings = {"checkpoint": checkpoint, "shards": str(shards), "output": output, "clips": 1}
    more = {"landmarks": "none", "emotion": "none", "other_speech": "curve", "videos": 0}
    config = EvaluateConfig.model_validate({**settings, **more})
    with monkeypatch.context() as patch:
        patch.setattr("emotalk.evaluation.output.html_page", full)
        with pytest.raises(Stopped, match=r"No space left on device.*run the same command again"):
            evaluate(config)
        patch.setattr("emotalk.evaluation.evaluate.write_plots", full)
        with pytest.raises(Stopped, match="No space left"):
            evaluate(config.model_copy(update={"output": tmp_path / "other"}))
    assert not (tmp_path / "other").exists(), "it held nothing"
    assert (output / "frames.png").exists()
    with pytest.raises(WrongUse, match="not empty, and not a report of the same"):
        evaluate(config.model_copy(update={"seed": 1}))
    evaluate(config)
    assert (output / "report.json").exists()
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


def test_a_killed_evaluation_that_wrote_nothing_yet_makes_room_for_any_other(
    tmp_path: Path,
) -> None:
    with claimed_output(tmp_path / "out", {"seed": 0}):
        shutil.copytree(tmp_path / "out", tmp_path / "killed")
    assert [*(tmp_path / "killed").iterdir()], "by this it is known"
    with claimed_output(tmp_path / "killed", {"seed": 1}):
        pass
    assert not [*(tmp_path / "killed").iterdir()]


def test_the_report_s_times_are_those_of_its_end(
    tmp_path: Path, shards: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drift of a long video and the page's videos take as long as all clips."""
    now = [1000.0]

    def videos(*_: object) -> list[object]:
        now[0] += 500
        return []

    monkeypatch.setattr("emotalk.evaluation.evaluate.time.monotonic", lambda: now[0])
    monkeypatch.setattr("emotalk.evaluation.evaluate._videos", videos)
    settings = {"checkpoint": checkpoint, "shards": str(shards), "output": tmp_path / "out"}
    more = {"clips": 1, "landmarks": "none", "emotion": "none", "other_speech": "curve"}
    found = evaluate(EvaluateConfig.model_validate({**settings, **more}))
    assert found.where["seconds"] == 500
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["where"] == found.where


def test_a_folder_with_something_else_in_it_is_refused(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(WrongUse, match="never overwritten"):
        evaluate(EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=tmp_path))
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_the_mouth_of_another_clip_can_stand_for_other_speech(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    report = evaluate(
        EvaluateConfig(
            checkpoint=checkpoint,
            shards=str(shards),
            output=tmp_path / "out",
            other_speech="curve",
            emotion=EmotionJudgeConfig(by="none"),
            condition="neutral",
            clips=3,
        )
    )
    assert report.clips == 3
    assert report.emotion is None
    assert "other_speech" in report.figures["mouth_correlation"]
    assert "other_speech" not in report.figures["psnr"]


def test_clips_without_a_neutral_still_are_named(
    tmp_path: Path, drawn_clips: Clips, checkpoint: Path
) -> None:
    shards = write_shard_set(tmp_path / "shards", drawn_clips, without_still=[1])
    report = evaluate(
        EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=tmp_path / "a")
    )
    assert report.clips == 5
    assert sorted(report.left_out) == ["1002_IEO_sadness", "1002_WSI_neutral"]
    assert report.left_out["1002_IEO_sadness"].startswith("emotion only")
    assert report.emotion is not None
    assert report.emotion.accuracy["generated"].clips == 3
    neutral = EvaluateConfig(
        checkpoint=checkpoint, shards=str(shards), output=tmp_path / "b", condition="neutral"
    )
    assert evaluate(neutral).clips == 3


def test_a_broken_clip_is_left_out_and_named(
    tmp_path: Path, drawn_clips: Clips, checkpoint: Path
) -> None:
    key = (0, "DFA", "anger")
    silent = DrawnClip(
        drawn_clips[key].frames_THWC,
        drawn_clips[key].landmarks_TLP,
        drawn_clips[key].speech_S[:3200],
    )
    shards = write_shard_set(tmp_path / "shards", {**drawn_clips, key: silent})
    report = evaluate(
        EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out")
    )
    assert report.clips == 4
    assert list(report.left_out) == ["1001_DFA_anger"]
    assert "3200 samples, expected 9600" in report.left_out["1001_DFA_anger"]


def test_a_long_video_is_of_somebody_whose_clips_can_be_read(
    tmp_path: Path, drawn_clips: Clips, checkpoint: Path
) -> None:
    """All three clips of the person with the most frames are broken."""
    clips = {
        key: DrawnClip(clip.frames_THWC, clip.landmarks_TLP, clip.speech_S[:3200])
        if key[0] == 0
        else clip
        for key, clip in drawn_clips.items()
    }
    shards = write_shard_set(tmp_path / "shards", clips)
    settings = {"checkpoint": checkpoint, "shards": str(shards), "output": tmp_path / "out"}
    more = {"landmarks": "none", "emotion": "none", "other_speech": "curve", "videos": 0}
    found = evaluate(EvaluateConfig.model_validate({**settings, **more, "drift_seconds": 8}))
    assert len(found.left_out) == 3
    assert found.drift is not None
    assert found.drift.actor == "1002"
    assert found.drift.seconds >= 8


def test_judges_that_fail_on_true_clips_are_left_out_and_the_report_begins_with_it(
    tmp_path: Path, drawn_clips: Clips, checkpoint: Path
) -> None:
    """Pictures in which no drawn face stands where the stored landmarks say."""
    generator = np.random.default_rng(0)
    strange = {
        key: DrawnClip(
            generator.integers(0, 255, clip.frames_THWC.shape).astype(np.uint8),
            clip.landmarks_TLP,
            clip.speech_S,
        )
        for key, clip in drawn_clips.items()
    }
    shards = write_shard_set(tmp_path / "shards", strange)
    config = EvaluateConfig(
        checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out", as_reported=True
    )
    report = evaluate(config)
    landmarks, emotions = report.warnings
    assert landmarks.startswith("NO FIGURES OF LANDMARKS AND LIPS")
    assert "landmarks=insightface" in landmarks
    assert emotions.startswith("NO FIGURES OF EMOTIONS")
    assert report.judges == {}
    assert report.emotion is None
    assert report.figures["nlmd"] == report.figures["mouth_correlation"] == {}
    assert report.figures["psnr"]["generated"].clips == 5
    assert not any("emotion" in rows for rows in report.per_clip.values())
    page = (tmp_path / "out" / "report.md").read_text()
    assert page.index("NO FIGURES OF LANDMARKS") < page.index("PSNR")
    assert "mouth.png" not in page
    Console().print(summary_table(report))


def test_without_a_landmark_model_the_pictures_are_still_measured(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    tree = {"checkpoint": checkpoint, "shards": str(shards), "output": tmp_path / "out"}
    more = {"landmarks": "none", "emotion": "none", "clips": 2, "other_speech": "curve"}
    report = evaluate(EvaluateConfig.model_validate({**tree, **more}))
    assert report.warnings == ()
    assert report.figures["psnr"]["generated"].clips == 2
    assert not any(report.figures[name] for name in ("nlmd", "mouth_correlation", "sync_distance"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shards": "/nowhere"}, "/nowhere"),
        ({"checkpoint": Path("/nowhere")}, "no such checkpoint"),
        ({"split": "train"}, "no split 'train'; it has: test"),
        ({"landmarks": "onnx"}, "finder.detector"),
    ],
)
def test_wrong_use_is_one_message(
    tmp_path: Path, shards: Path, checkpoint: Path, change: dict[str, object], message: str
) -> None:
    config = EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out")
    with pytest.raises(WrongUse, match=message):
        evaluate(config.model_copy(update=change))


def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    (tmp_path / "file").write_text("")
    config = EvaluateConfig(
        checkpoint=checkpoint, shards=str(shards), output=tmp_path / "file" / "out"
    )
    with pytest.raises(WrongUse, match="cannot be written"):
        evaluate(config)


def test_a_set_without_labels_is_measured_without_its_emotions(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    folder, output = tmp_path / "shards", tmp_path / "out"
    shutil.copytree(shards, folder)

    def unlabel(tree: dict[str, Any]) -> None:
        for sample in tree["samples"]:
            sample["emotion"] = None

    rewrite_index(folder, "test-000000", unlabel)
    settings = {"checkpoint": checkpoint, "shards": str(folder), "output": output}
    found = evaluate(
        EvaluateConfig.model_validate({**settings, "clips": 2, "other_speech": "curve"})
    )
    assert found.emotion is None
    assert found.figures["psnr"]["generated"].clips == 2
    assert any("The emotion of 2 of 2 clips is unknown" in line for line in found.caveats)
    assert {rows["clip"]["emotion"] for rows in found.per_clip.values()} == {None}
    console = Console(width=160, record=True)
    with console.capture() as capture:
        console.print(summary_table(found))
    assert "emotions: that of no clip is known" in " ".join(capture.get().split())
    assert not (output / "emotions.png").exists()
    assert (output / "frames.png").exists()
