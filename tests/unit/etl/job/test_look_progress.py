"""The driver says how far workers are with long recordings."""

import logging
import os
from pathlib import Path

import pytest

from etl.job import look_progress as progress
from etl.job.look_progress import look_progress, notes, shown_looks


def test_a_worker_notes_how_far_it_is_and_takes_the_note_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "NOTE_EVERY_S", 0.0)
    with look_progress(tmp_path, "talk_mp4") as on_progress:
        assert notes(tmp_path) == []
        on_progress(240.0, 7200.0)
        assert notes(tmp_path) == ["talk_mp4: 4 of 120 min looked at"]
        on_progress(300.0, 7200.0)
        assert notes(tmp_path) == ["talk_mp4: 5 of 120 min looked at"]
    assert list(tmp_path.iterdir()) == []


def test_notes_are_written_now_and_then_only(tmp_path: Path) -> None:
    with look_progress(tmp_path, "talk_mp4") as on_progress:
        on_progress(1.0, 60.0)
        assert notes(tmp_path) == []


def test_the_note_of_a_dead_worker_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "talk.looking").write_text("9 of 10 min looked at")
    assert len(notes(tmp_path)) == 1
    os.utime(tmp_path / "talk.looking", (1.0, 1.0))
    assert notes(tmp_path) == []


def test_the_driver_logs_the_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SHOW_EVERY_S", 0.01)
    monkeypatch.setattr(logging.getLogger("emotalk"), "propagate", True)
    (tmp_path / "talk.looking").write_text("9 of 10 min looked at")
    with caplog.at_level(logging.INFO, "emotalk.etl"), shown_looks(tmp_path):
        while not caplog.records:
            pass
    assert caplog.records[0].getMessage() == "talk: 9 of 10 min looked at"
