"""What the job measured of each clip and saw of the rejected ones lies beside the manifest."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from emotalk.cli import cli
from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.media.decode import decode_audio, decode_video_window
from emotalk.media.loudness import loudness_db
from emotalk.quality_report.page import is_report
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from etl.clip.quality import sharpness
from etl.job import results
from etl.job.finished_set import is_finished
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.update import needs_update, update_set
from tests.helpers.clips import face_in_frame, tone, write_clip, write_crema_d, write_sidecar
from tests.helpers.etl_run import digests
from tests.helpers.real_shards import InThisProcess, Quiet

SECONDS, FRAMES = 0.6, 18
SILENT, SHORT, SMALL = "1001_IWW_ANG_XX", "1001_IWW_DIS_XX", "1001_IWW_FEA_XX"
EMPTY = "1001_IWW_SAD_XX"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_crema_d(tmp_path_factory.mktemp("corpus"), seconds=SECONDS)
    flash, landmarks = root / "VideoFlash", root / "landmarks"
    for stem in (SILENT, SHORT, SMALL, EMPTY):
        write_sidecar(landmarks, stem, FRAMES)
    write_clip(flash / f"{SILENT}.flv", seconds=SECONDS, sound=0 * tone(SECONDS))
    write_clip(flash / f"{SHORT}.flv", seconds=0.2)
    write_clip(flash / f"{SMALL}.flv", seconds=SECONDS)
    small = np.repeat(0.4 * face_in_frame()[None] + 20, FRAMES, 0)
    np.save(landmarks / f"{SMALL}.npy", small.astype(np.float32), allow_pickle=False)
    (flash / f"{EMPTY}.flv").touch()
    return root


def config_for(source: Path, output: Path) -> EtlConfig:
    tree = {"corpus": "crema_d", "source": str(source), "output": str(output)}
    sidecar = {"landmarks": {"backend": "sidecar"}}
    return EtlConfig.model_validate({**tree, **sidecar, "samples_per_shard": 4})


def make(source: Path, output: Path) -> EtlConfig:
    config = config_for(source, output)
    with lock_output(output):
        run_job(config, make_plan(config), InThisProcess(), Quiet())
    return config


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    return make(corpus, tmp_path_factory.mktemp("shards") / "out").output


def lines(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    found = map(json.loads, (folder / name).read_text(encoding="utf-8").splitlines())
    return {Path(line["clip"]).stem: line for line in found}


def test_every_accepted_clip_has_its_values(shards: Path) -> None:
    measures = lines(shards, "measures.jsonl")
    with_values = {"clip", "key", "seconds", "loudness_db", "face_pixels", "sharpness"}
    shard_set = ShardSet.open(str(shards))
    reader = SampleReader(shard_set)
    samples = [
        sample for name in ("train", "val", "test") for sample in shard_set.split(name).samples
    ]
    assert len(samples) == 9
    side = np.ptp(face_in_frame(), 0).max()
    for sample in samples:
        line = measures[sample.key]
        assert set(line) >= {*with_values, "landmark_error"}
        raw = reader.read(sample, ("mp4", "flac"))
        assert line["seconds"] == sample.frames / 25
        assert line["loudness_db"] == pytest.approx(loudness_db(decode_audio(raw["flac"])), abs=0.1)
        assert line["face_pixels"] == pytest.approx(side, abs=0.1)
        crops = decode_video_window(raw["mp4"], 0, sample.frames)
        median = np.median([sharpness(crop) for crop in crops])
        assert line["sharpness"] == pytest.approx(median, rel=0.5)  # stored with losses
        assert line["landmark_error"] < 0.1  # the clips' landmarks are the template's


def test_a_rejected_clip_has_what_was_measured_until_then(shards: Path) -> None:
    measures = lines(shards, "measures.jsonl")
    assert EMPTY not in measures
    assert SILENT not in measures  # its loudness is minus infinity
    assert measures[SHORT]["seconds"] == pytest.approx(0.2, abs=0.04)
    assert "loudness_db" not in measures[SHORT]
    assert measures[SMALL]["face_pixels"] < 48
    assert measures[SMALL]["seconds"] == 0.6
    assert "sharpness" not in measures[SMALL]


def test_rejected_clips_that_can_be_decoded_have_a_picture(shards: Path) -> None:
    pictures = lines(shards, "rejected_pictures.jsonl")
    assert set(pictures) == {SILENT, SHORT, SMALL}
    for line in pictures.values():
        jpeg = np.frombuffer(base64.b64decode(line["jpeg"]), np.uint8)
        image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape == (96, 128, 3)
        assert image.std() > 10  # no flat picture


def test_they_are_part_of_no_hash(tmp_path: Path, corpus: Path, shards: Path) -> None:
    """A set without these files, as older versions made it, is finished all the same."""
    old = Path(shutil.copytree(shards, tmp_path / "old"))
    for name in ("measures.jsonl", "rejected_pictures.jsonl"):
        (old / name).unlink()
    config = config_for(corpus, old)
    plan = make_plan(config)
    assert is_finished(config, plan)
    assert not needs_update(config, plan)


def test_an_update_keeps_the_lines_of_kept_clips(tmp_path: Path, corpus: Path) -> None:
    source = Path(shutil.copytree(corpus, tmp_path / "source"))
    config = make(source, tmp_path / "out")
    before = lines(config.output, "measures.jsonl")
    write_clip(source / "VideoFlash" / f"{EMPTY}.flv", seconds=SECONDS)
    plan = make_plan(config)
    with lock_output(config.output):
        assert update_set(config, plan, InThisProcess(), Quiet())[0] is not None
    after = lines(config.output, "measures.jsonl")
    assert set(after) - set(before) == {EMPTY}
    assert {stem: after[stem] for stem in before} == before
    assert digests(config.output) == digests(make(source, tmp_path / "fresh").output)


def test_an_older_set_gets_the_lines_of_its_new_clips_alone(tmp_path: Path, corpus: Path) -> None:
    source = Path(shutil.copytree(corpus, tmp_path / "source"))
    config = make(source, tmp_path / "out")
    for name in ("measures.jsonl", "rejected_pictures.jsonl"):
        (config.output / name).unlink()
    write_clip(source / "VideoFlash" / f"{EMPTY}.flv", seconds=SECONDS)
    with lock_output(config.output):
        assert update_set(config, make_plan(config), InThisProcess(), Quiet())[0] is not None
    assert set(lines(config.output, "measures.jsonl")) == {EMPTY}


def inspect_set(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["inspect", str(folder), *words])


def test_the_job_writes_the_report_and_inspect_makes_the_same_one(
    tmp_path: Path, shards: Path
) -> None:
    written = (shards / "report.html").read_bytes()
    for words in (SILENT, "Least sharp", "quality.min_face_pixels", "11 clips, median"):
        assert words.encode() in written
    page = tmp_path / "page.html"
    found = inspect_set(shards, "--report", str(page))
    assert found.exit_code == 0
    assert page.read_bytes() == written
    assert "page.html" in found.output


def test_inspect_replaces_no_file_unasked(tmp_path: Path, shards: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    refused = inspect_set(shards, "--report", str(page))
    assert isinstance(refused.exception, WrongUse)
    assert "exists already" in str(refused.exception)
    assert page.read_text() == "mine"
    assert inspect_set(shards, "--report", str(page), "--overwrite").exit_code == 0
    assert is_report(page)
    other = inspect_set(shards, "--report", str(tmp_path / "page.pdf"))
    assert "its name ends in .html" in str(other.exception)


def test_inspect_writes_no_page_of_a_damaged_set(tmp_path: Path, shards: Path) -> None:
    damaged = Path(shutil.copytree(shards, tmp_path / "damaged"))
    tar = damaged / "train-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-1])
    assert inspect_set(damaged, "--report", str(tmp_path / "page.html")).exit_code == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("fault", ["a crash", "a user's page"])
def test_a_report_that_cannot_be_written_is_one_warning(
    fault: str,
    tmp_path: Path,
    corpus: Path,
    shards: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    output = tmp_path / "out"
    if fault == "a crash":
        monkeypatch.setattr(results, "write_report", lambda *_, **__: 1 / 0)
    else:
        (output / ".work").mkdir(parents=True)  # as a job that was broken off leaves it
        (output / "report.html").write_text("<p>mine")
    make(corpus, output)
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "the set is whole without it" in warnings[0]
    left = digests(output)
    if fault == "a user's page":
        assert (output / "report.html").read_text() == "<p>mine"
        left.pop("report.html")
    wanted = digests(shards)
    wanted.pop("report.html")
    assert left == wanted


def test_a_long_recording_without_a_stretch_has_a_picture(tmp_path: Path) -> None:
    source = tmp_path / "source"
    rows = ["clip,actor,emotion,level"]
    for number in range(4):
        write_clip(source / f"{number}.mp4", seconds=1.6 - number // 3, container="mp4")
        write_sidecar(source / "landmarks", str(number), 48)
        rows.append(f"{number}.mp4,a{number},neutral,")
    (source / "clips.csv").write_text("\n".join(rows) + "\n")
    tree = {"corpus": "folder", "source": str(source), "output": str(tmp_path / "out")}
    quality = {"quality": {"max_seconds": 1.0}, "stretches": {"min_seconds": 0.5, "max_seconds": 1}}
    config = EtlConfig.model_validate({**tree, **quality, "landmarks": {"backend": "sidecar"}})
    with lock_output(config.output):
        manifest = run_job(config, make_plan(config), InThisProcess(), Quiet())
    assert manifest.rejected_by_reason == {"no_voice": 3}  # it is a tone
    assert set(lines(config.output, "rejected_pictures.jsonl")) == {"0", "1", "2"}
