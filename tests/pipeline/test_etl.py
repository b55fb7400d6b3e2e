"""From clips made on the fly to a shard set, in this process: what is written, what is refused."""

import dataclasses
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
import webdataset

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.faces.draw import CAPTION_HEIGHT
from emotalk.faces.template import template_LP
from emotalk.media.decode import decode_audio, decode_video_window
from emotalk.shards.inspect import inspect
from emotalk.shards.manifest import Manifest
from etl.clip.sample import make_sample
from etl.executor import WorkerDied
from etl.job.finished_set import is_finished
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.verdict import Verdict
from etl.job.worker import _detector
from tests.helpers.clips import tone, write_clip, write_crema_d, write_sidecar
from tests.helpers.etl_run import digests

BAD = {
    "1001_IWW_ANG_XX": "empty_file",
    "1001_IWW_DIS_XX": "git_lfs_pointer",
    "1001_IWW_FEA_XX": "no_audio",
    "1001_IWW_HAP_XX": "silent",
    "1001_IWW_SAD_XX": "unreadable",
    "1001_IWL_ANG_XX": "no_face",
    "1001_IWL_DIS_XX": "no_landmarks",
    "1001_IWL_FEA_XX": "too_short",
    "1001_IWL_JOY_XX": "unknown_name",
}


@dataclasses.dataclass
class ThisProcess:
    """Works off tasks one after the other, forwards or backwards; may die after some."""

    backwards: bool = False
    dies_after: int | None = None
    workers: int = 1
    done: int = 0

    def stream(
        self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
    ) -> Iterator[tuple[Any, Any]]:
        for item in sorted(items, key=str, reverse=self.backwards):
            if self.dies_after is not None and self.done >= self.dies_after:
                raise KeyboardInterrupt
            self.done += 1
            yield item, function(item, *shared)


@dataclasses.dataclass
class Silent:
    kept: int = 0

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        del verdict
        self.kept += reused

    def recording_done(self, stretches: int) -> None:
        del stretches


def config_for(source: Path, output: Path, **more: object) -> EtlConfig:
    return EtlConfig.model_validate(
        {
            "corpus": "crema_d",
            "source": str(source),
            "output": str(output),
            "landmarks": {"backend": "sidecar"},
            "samples_per_shard": 4,
            **more,
        }
    )


def make(config: EtlConfig, machines: ThisProcess | None = None) -> Manifest:
    with lock_output(config.output):
        return run_job(config, make_plan(config), machines or ThisProcess(), Silent())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crema_d(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def bad_corpus(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The good corpus with one clip more for each kind of fault."""
    root = tmp_path_factory.mktemp("bad") / "corpus with spaces ü"
    shutil.copytree(corpus, root)
    flash, landmarks = root / "VideoFlash", root / "landmarks"
    for stem in BAD:
        write_sidecar(landmarks, stem, 18)
    (flash / "1001_IWW_ANG_XX.flv").touch()
    (flash / "1001_IWW_DIS_XX.flv").write_text("version https://git-lfs.github.com/spec/v1\nsize 9")
    write_clip(flash / "1001_IWW_FEA_XX.flv", seconds=0.6, silent_file=True)
    write_clip(flash / "1001_IWW_HAP_XX.flv", seconds=0.6, sound=0 * tone(0.6))
    (flash / "1001_IWW_SAD_XX.flv").write_text("I am no video\n" * 99)
    for stem in ("1001_IWL_ANG_XX", "1001_IWL_DIS_XX"):
        write_clip(flash / f"{stem}.flv", seconds=0.6)
    found = np.load(landmarks / "1001_IWL_ANG_XX.npy")
    found[7] = np.nan
    np.save(landmarks / "1001_IWL_ANG_XX.npy", found)
    (landmarks / "1001_IWL_DIS_XX.npy").unlink()
    write_clip(flash / "1001_IWL_FEA_XX.flv", seconds=0.2)
    (flash / "1001_IWL_JOY_XX.flv").touch()
    return root


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    output = tmp_path_factory.mktemp("shards") / "out"
    make(config_for(corpus, output))
    return output


def samples_of(folder: Path) -> dict[str, dict[str, bytes]]:
    tars = sorted(str(path) for path in folder.glob("*.tar"))
    data = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False)
    return {sample["__key__"]: sample for sample in data}


def test_webdataset_reads_whole_samples(shards: Path) -> None:
    samples = samples_of(shards)
    assert len(samples) == 9
    for key, sample in samples.items():
        members = [name for name in sample if not name.startswith("__")]
        assert members == ["mp4", "flac", "landmarks.npy", "neutral.png", "json"]
        facts = json.loads(sample["json"])
        frames = facts["frames"]
        assert frames == 15
        assert (facts["corpus"], facts["clip"]) == ("crema_d", f"VideoFlash/{key}.flv")
        assert decode_video_window(sample["mp4"], 0, frames).shape == (frames, 128, 128, 3)
        assert decode_audio(sample["flac"]).shape == (frames * 320,)
        landmarks = np.load(io.BytesIO(sample["landmarks.npy"]))
        assert (landmarks.shape, landmarks.dtype) == ((frames, 68, 2), np.float32)
        np.testing.assert_allclose(landmarks[0], template_LP(), atol=0.02)
        still = cv2.imdecode(np.frombuffer(sample["neutral.png"], np.uint8), cv2.IMREAD_COLOR)
        assert still is not None
        assert still.shape == (128, 128, 3)


def test_the_stored_video_is_close_to_the_crops(shards: Path, corpus: Path) -> None:
    config = config_for(corpus, shards)
    plan = make_plan(config)
    key = "1001_IEO_ANG_HI"
    exact = make_sample(plan.clips[key], _detector(config.landmarks, corpus), config).frames_THWC
    stored = decode_video_window(samples_of(shards)[key]["mp4"], 0, len(exact))
    error = np.mean((stored.astype(float) - exact) ** 2)
    assert 10 * np.log10(255**2 / error) > 42


def test_the_sound_is_the_clip_s_own(shards: Path) -> None:
    sound = decode_audio(samples_of(shards)["1001_IEO_ANG_HI"]["flac"])
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    assert np.argmax(spectrum) * 8000 / sound.size == pytest.approx(300, abs=3)
    assert np.abs(sound[1000:3000]).max() == pytest.approx(0.25, abs=0.03)


def test_neutral_stills_come_from_another_neutral_clip_of_the_actor(shards: Path) -> None:
    for key, sample in samples_of(shards).items():
        facts = json.loads(sample["json"])
        lender = Path(facts["neutral"]).stem
        assert lender.split("_")[0] == key.split("_")[0]
        assert "_NEU_" in lender
        assert lender != key


def test_stills_are_the_same_wherever_the_actor_s_clips_lie(
    tmp_path: Path, corpus: Path, shards: Path
) -> None:
    """One clip a shard, so that a still always comes from another shard; any order of work."""
    config = config_for(corpus, tmp_path / "apart", samples_per_shard=1)
    make(config, ThisProcess(backwards=True))
    assert len(list(config.output.glob("*.tar"))) == 9
    together, apart = samples_of(shards), samples_of(config.output)
    plan = make_plan(config)
    for key, sample in apart.items():
        assert sample["neutral.png"] == together[key]["neutral.png"]
        lender = json.loads(sample["json"])["neutral"]
        assert lender == json.loads(together[key]["json"])["neutral"]
        clip = plan.clips[Path(lender).stem]
        first = make_sample(clip, _detector(config.landmarks, corpus), config).frames_THWC[0]
        still = cv2.imdecode(np.frombuffer(sample["neutral.png"], np.uint8), cv2.IMREAD_COLOR)
        assert still is not None
        np.testing.assert_array_equal(still[:, :, ::-1], first)


def test_manifest_and_indices_add_up(shards: Path) -> None:
    report = inspect(shards)
    assert report.ok, report.faults
    manifest = json.loads((shards / "manifest.json").read_text())
    assert manifest["clips"] == {"found": 9, "accepted": 9, "rejected": 0, "left_out": 0}
    actors = [set(split["actors"]) for split in manifest["splits"].values()]
    assert sum(map(len, actors)) == len(set.union(*actors)) == 3
    mean_face = np.array(manifest["mean_face"])
    assert np.abs(mean_face - template_LP()).max() < 0.5
    for shard in manifest["shards"]:
        index = json.loads((shards / shard["file"].replace(".tar", ".index.json")).read_text())
        data = (shards / shard["file"]).read_bytes()
        for sample in index["samples"]:
            offset, size = sample["members"]["json"]
            assert json.loads(data[offset : offset + size])["actor"] == sample["actor"]
    assert not list(shards.glob(".*"))


def test_the_same_input_gives_the_same_bytes_in_any_order(
    tmp_path: Path, corpus: Path, shards: Path
) -> None:
    make(config_for(corpus, tmp_path / "again"), ThisProcess(backwards=True))
    assert digests(tmp_path / "again") == digests(shards)


def test_a_broken_off_run_goes_on_where_it_was(tmp_path: Path, corpus: Path, shards: Path) -> None:
    config = config_for(corpus, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        make(config, ThisProcess(dies_after=4))
    assert not (config.output / "manifest.json").exists()
    assert not list(config.output.glob("*.tar"))
    told = Silent()
    machines = ThisProcess()
    with lock_output(config.output):
        run_job(config, make_plan(config), machines, told)
    assert told.kept == 4
    assert digests(config.output) == digests(shards)


def test_every_bad_clip_is_named_and_the_rest_goes_through(
    tmp_path: Path, bad_corpus: Path
) -> None:
    manifest = make(config_for(bad_corpus, tmp_path / "out"))
    lines = (tmp_path / "out" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = [json.loads(line) for line in lines]
    assert {Path(r["clip"]).stem: r["reason"] for r in rejected} == BAD
    assert [r["clip"] for r in rejected] == sorted(r["clip"] for r in rejected)
    assert all(r["detail"] for r in rejected)
    assert manifest.clips == {"found": 18, "accepted": 9, "rejected": 9, "left_out": 0}
    assert sum(manifest.rejected_by_reason.values()) == 9
    assert inspect(tmp_path / "out").ok


def test_sound_missing_from_the_video_is_taken_from_audio_wav(tmp_path: Path, corpus: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(corpus, root)
    write_clip(root / "VideoFlash" / "1001_IEO_ANG_HI.flv", seconds=0.6, silent_file=True)
    (root / "AudioWAV").mkdir()
    soundfile.write(root / "AudioWAV" / "1001_IEO_ANG_HI.wav", tone(0.6, hertz=500), 16000)
    assert make(config_for(root, tmp_path / "out")).clips["rejected"] == 0
    sound = decode_audio(samples_of(tmp_path / "out")["1001_IEO_ANG_HI"]["flac"])
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 8000 / sound.size == pytest.approx(500, abs=3)


def test_a_clip_that_kills_its_workers_is_rejected(tmp_path: Path, corpus: Path) -> None:
    class Deadly(ThisProcess):
        def stream(
            self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
        ) -> Iterator[tuple[Any, Any]]:
            for item, result in super().stream(function, items, *shared):
                deadly = getattr(getattr(item, "label", None), "key", "") == "1001_IEO_ANG_HI"
                yield item, WorkerDied("signal 11") if deadly else result

    manifest = make(config_for(corpus, tmp_path / "out"), Deadly())
    assert manifest.rejected_by_reason == {"worker_died": 1}


def test_finished_sets_and_strangers_are_left_alone(
    tmp_path: Path, corpus: Path, shards: Path
) -> None:
    same = config_for(corpus, shards)
    assert is_finished(same, make_plan(same))
    other = config_for(corpus, shards, video={"crf": 30})
    with pytest.raises(WrongUse, match="another configuration"):
        is_finished(other, make_plan(other))
    (tmp_path / "thesis.tex").touch()
    strange = config_for(corpus, tmp_path)
    with pytest.raises(WrongUse, match=r"holds thesis\.tex"):
        is_finished(strange, make_plan(strange))


def test_two_jobs_on_one_output_refuse_each_other(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with (
        lock_output(output),
        pytest.raises(WrongUse, match="another job is writing"),
        lock_output(output),
    ):
        raise AssertionError("two jobs hold one output")


def test_an_output_that_cannot_be_written_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUse, match="cannot write"), lock_output(tmp_path / "file" / "out"):
        raise AssertionError("a folder inside a file")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: (d / "train-000000.tar").unlink(), "train-000000.tar: missing"),
        (lambda d: append(d / "train-000000.tar"), "bytes, the manifest says"),
        (lambda d: flip(d / "train-000000.tar"), "sha256 is not the manifest's"),
        (lambda d: append(d / "train-000000.index.json"), "index.json: its sha256"),
        (lambda d: append(d / "rejected.jsonl"), "not the lines of rejected.jsonl"),
        (lambda d: (d / "stray.tar").touch(), "stray.tar: not in manifest.json"),
    ],
)
def test_inspect_finds_every_fault(
    tmp_path: Path, shards: Path, spoil: Callable[[Path], object], words: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shards, copy)
    spoil(copy)
    report = inspect(copy)
    assert not report.ok
    assert words in str(report)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[2000] ^= 255
    path.write_bytes(bytes(data))


def test_inspect_counts_splits_emotions_and_levels_and_names_the_rejected(
    tmp_path: Path, bad_corpus: Path
) -> None:
    make(config_for(bad_corpus, tmp_path / "out"))
    report = inspect(tmp_path / "out")
    counted: Counter[tuple[str, str]] = sum((Counter(s.samples) for s in report.splits), Counter())
    assert counted == {("anger", "high"): 3, ("neutral", "unknown"): 6}
    assert sorted(split.actors for split in report.splits) == [1, 1, 1]
    lines = str(report).splitlines()
    assert sum(line.split()[:2] == ["anger", "1"] for line in lines) == 3
    for reason in BAD.values():
        assert any(line.split()[:2] == [reason, "1"] for line in lines)
    assert lines[-1] == "every hash and count is as promised"


def test_inspect_notices_a_manifest_that_counts_otherwise(tmp_path: Path, shards: Path) -> None:
    for name, value in (("actors", ["1001"]), ("levels", {}), ("emotions", {"anger": 9})):
        copy = tmp_path / name
        shutil.copytree(shards, copy)
        tree = json.loads((copy / "manifest.json").read_text())
        tree["splits"]["val"][name] = value
        (copy / "manifest.json").write_text(json.dumps(tree))
        report = inspect(copy)
        if value != tree["splits"]["train"].get(name):
            assert f"split val: its {name} are not those of its samples" in str(report)


def test_inspect_draws_first_frames_with_landmarks_in_rows_by_emotion(
    tmp_path: Path, shards: Path
) -> None:
    target = tmp_path / "sheet.png"
    inspect(shards, contact_sheet=target)
    sheet = cv2.imread(str(target), cv2.IMREAD_COLOR_RGB)
    assert sheet is not None
    height = 256 + CAPTION_HEIGHT
    assert sheet.shape == (2 * height, 8 * 256, 3)  # anger above neutral
    samples = samples_of(shards)
    shown = sheet[:256, :256]
    keys = [key for key in samples if "_ANG_" in key]
    landmarks = np.load(io.BytesIO(samples[keys[0]]["landmarks.npy"]))[0]
    firsts = [decode_video_window(samples[key]["mp4"], 0, 1)[0] for key in keys]
    firsts = [cv2.resize(np.ascontiguousarray(first), (256, 256)) for first in firsts]
    away = np.full((256, 256), True)
    for x, y in landmarks * 2 + 0.5:
        row, column = round(float(y)), round(float(x))
        assert shown[row, column].tolist() == [0, 255, 0]
        away[row - 4 : row + 5, column - 4 : column + 5] = False
    differences = [np.abs(shown.astype(int) - first)[away].mean() for first in firsts]
    assert min(differences) < 1
    assert (sheet[:256, 3 * 256 :] == 255).all()  # three angry clips, then nothing


def test_a_picture_that_is_there_is_not_overwritten_without_a_word(
    tmp_path: Path, shards: Path
) -> None:
    (tmp_path / "mine.png").write_bytes(b"holiday")
    with pytest.raises(WrongUse, match=r"mine\.png exists already.*--overwrite"):
        inspect(shards, contact_sheet=tmp_path / "mine.png")
    assert (tmp_path / "mine.png").read_bytes() == b"holiday"
    inspect(shards, contact_sheet=tmp_path / "mine.png", overwrite=True)
    assert cv2.imread(str(tmp_path / "mine.png")) is not None
    for bad, words in (("a.jpg", "ends in .png"), ("no/a.png", "does not exist")):
        with pytest.raises(WrongUse, match=words):
            inspect(shards, contact_sheet=tmp_path / bad)


def test_a_folder_without_a_manifest_is_no_shard_set(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no manifest\.json"):
        inspect(tmp_path)
