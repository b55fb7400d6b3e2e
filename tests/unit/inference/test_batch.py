"""A batch makes what is missing, skips what is done by content, and stops at nothing."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from emotalk.faces.on_demand import OnDemandDetector
from emotalk.inference import batch
from emotalk.inference.batch import BatchMaker, Outcome, notes_once, run_here, summary
from emotalk.inference.batch_table import BatchRow, read_batch
from emotalk.inference.request_mark import mark_of
from emotalk.inference.talking_video import VideoReport, VideoRequest, make_video
from tests.helpers.tiny_model import tiny_loaded, write_tiny_model

RATE = 16_000
TEMPLATE = VideoRequest(image=Path(), audio=Path(), emotion="", output=Path(), landmarks=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, shade in (("a", 150), ("b", 190)):
        Image.new("RGB", (128, 128), (shade, 140, 130)).save(tmp_path / f"{name}.png")
    tone = 0.3 * np.sin(np.arange(RATE // 2) / 9)
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    write_tiny_model(tmp_path / "model")
    return tmp_path


def run(folder: Path, *lines: str, template: VideoRequest = TEMPLATE) -> list[Outcome]:
    path = folder / "jobs.csv"
    path.write_text("\n".join(["image,audio,emotion,output", *lines]))
    loaded = replace(tiny_loaded(), folder=folder / "model")
    shown: list[Outcome] = []
    outcomes = run_here(read_batch(path, template), loaded, shown.append)
    assert shown == outcomes
    return outcomes


def states(outcomes: list[Outcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]


def test_a_second_run_makes_only_what_is_missing(folder: Path) -> None:
    lines = ["a.png,a.wav,sad,1.mp4", "a.png,a.wav,happy,2.webm", "b.png,a.wav,sad,3.gif"]
    assert states(run(folder, *lines)) == ["made"] * 3
    before = (folder / "1.mp4").read_bytes()
    (folder / "2.webm").unlink()
    assert states(run(folder, *lines)) == ["skipped", "made", "skipped"]
    assert (folder / "1.mp4").read_bytes() == before


def test_what_is_done_is_known_by_content_not_by_name(folder: Path) -> None:
    run(folder, "a.png,a.wav,sad,1.mp4")
    (folder / "a.png").rename(folder / "c.png")
    (folder / "1.mp4").rename(folder / "2.mp4")
    assert states(run(folder, "c.png,a.wav,sad,2.mp4")) == ["skipped"]


@pytest.mark.parametrize("line", ["b.png,a.wav,sad,1.mp4", "a.png,a.wav,anger,1.mp4"])
def test_a_video_made_of_something_else_is_kept_unless_told(folder: Path, line: str) -> None:
    run(folder, "a.png,a.wav,sad,1.mp4")
    before = (folder / "1.mp4").read_bytes()
    (outcome,) = run(folder, line)
    assert outcome.state == "failed"
    assert "made before from other files or settings" in outcome.message
    assert (folder / "1.mp4").read_bytes() == before
    assert states(run(folder, line, template=replace(TEMPLATE, overwrite=True))) == ["made"]
    assert (folder / "1.mp4").read_bytes() != before


def test_somebody_elses_file_is_never_taken_for_done(folder: Path) -> None:
    (folder / "1.mp4").write_bytes(b"mine")
    (outcome,) = run(folder, "a.png,a.wav,sad,1.mp4")
    assert "exists already" in outcome.message
    assert (folder / "1.mp4").read_bytes() == b"mine"
    assert mark_of(folder / "1.mp4") is None


def test_bad_rows_stop_nothing_and_leave_nothing(folder: Path) -> None:
    (folder / "text.png").write_text("no picture")
    outcomes = run(
        folder,
        "none.png,a.wav,sad,1.mp4",
        "a.png,a.wav,mellow,2.mp4",
        "text.png,a.wav,sad,3.mp4",
        "a.png,a.png,sad,4.mp4",
        "a.png,a.wav,sad,none/5.mp4",
        f"a.png,a.wav,sad,{'n' * 300}.mp4",
        "a.png,a.wav,,7.mp4",
        "a.png,a.wav,sad,8.mp4",
    )
    assert states(outcomes) == ["failed"] * 7 + ["made"]
    wanted = ["no such file", "mellow", "not an image", "no audio", "does not exist", "name too"]
    for outcome, part in zip(outcomes, wanted, strict=False):
        assert part in outcome.message.replace("File", "file")
    made = {path.name for path in folder.iterdir()} - {"model", "jobs.csv", "a.wav"}
    assert made == {"a.png", "b.png", "text.png", "8.mp4"}


def test_an_error_of_the_program_costs_one_row_and_keeps_its_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def failing(request: VideoRequest, *args: object, **options: object) -> VideoReport:
        if request.output == folder / "1.mp4":
            raise ZeroDivisionError("of ours")
        return make_video(request, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "make_video", failing)
    outcomes = run(folder, "a.png,a.wav,sad,1.mp4", "a.png,a.wav,sad,2.mp4")
    assert states(outcomes) == ["failed", "made"]
    assert outcomes[0].message == "an error of the program: ZeroDivisionError: of ours"
    assert "Traceback" in caplog.text


def test_all_rows_share_one_face_finder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def record(*args: object, detector: object = None) -> str:
        given.append(detector)
        return "done"

    monkeypatch.setattr(batch, "make_video", record)
    monkeypatch.setattr(batch, "request_mark", lambda request, model: "0" * 64)
    maker = BatchMaker(replace(tiny_loaded(), folder=folder / "model"))
    request = replace(TEMPLATE, image=folder / "a.png", audio=folder / "a.wav", emotion="sad")
    with_finder = replace(request, landmarks="any")  # type: ignore[arg-type]
    for line in (2, 3):
        assert maker.make(BatchRow(line, "o.mp4", with_finder)).state == "made"
    assert isinstance(given[0], OnDemandDetector)
    assert given == [given[0], given[0]]


def test_the_summary_counts_and_names(folder: Path) -> None:
    made: Callable[[int], Outcome] = lambda line: Outcome(line, "a.mp4", "made", "")  # noqa: E731
    outcomes = [Outcome(9, "z.mp4", "failed", "x"), made(2), Outcome(4, "b.mp4", "skipped", "")]
    outcomes.append(Outcome(3, "y.mp4", "failed", "x"))
    assert summary(Path("jobs.csv"), outcomes) == (
        "jobs.csv: 4 rows: 1 made, 1 made before, 2 failed: line 3 (y.mp4), line 9 (z.mp4)"
    )
    assert summary(Path("a.csv"), [made(2)]) == "a.csv: 1 row: 1 made, 0 made before, 0 failed"


def test_a_note_that_is_the_same_for_all_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("emotalk.generate")
    with notes_once():
        for text in ("drawn faces", "drawn faces", "another"):
            log.warning("%s", text)
    log.warning("drawn faces")
    assert caplog.messages == ["drawn faces", "another", "drawn faces"]
