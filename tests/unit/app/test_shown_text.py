from pathlib import Path

import numpy as np

from emotalk.app import shown_text
from emotalk.app.order_queue import Job
from emotalk.schema import EMOTIONS

HOSTILE = "<script>alert(1)</script>"


def test_nothing_of_the_users_becomes_html() -> None:
    for text in (
        shown_text.message(HOSTILE),
        shown_text.done(f"{HOSTILE}; note: {HOSTILE}"),
        shown_text.timeline_strip(f"0={HOSTILE}", EMOTIONS),
    ):
        assert "<script" not in text
        assert "alert" in text


def test_the_progress_says_place_then_frames() -> None:
    job = Job("a", Path("a.mp4"), 60.0)
    assert "Place 2 in the queue: 2 videos come before yours" in shown_text.progress(job, 2)
    assert "1 video comes before" in shown_text.progress(job, 1)
    assert "value" not in shown_text.progress(job, 0)
    job.show(30, 120)
    assert 'value="0.2500"' in shown_text.progress(job, 0)
    assert "30 of 120 frames" in shown_text.progress(job, 0)


def test_a_report_and_its_notes_are_lines_of_their_own() -> None:
    text = shown_text.done("13 frames; note: one; note: two")
    assert text.count("<li>") == 2
    assert ">13 frames<" in text


def test_a_time_line_is_drawn_to_scale_or_its_fault_is_said() -> None:
    strip = shown_text.timeline_strip("0=neutral,1.5=anger:0.5", EMOTIONS)
    assert strip.count("width:50.00%") == 2, "1.5 s each, the last one being open"
    assert "<b>neutral</b><i>0 s</i>" in strip
    assert "--level:0.5" in strip
    assert 'class="told say bad"' in shown_text.timeline_strip("1=anger", EMOTIONS)


def test_the_crop_is_shown_and_several_faces_are_said() -> None:
    crop = np.zeros((128, 128, 3), np.uint8)
    assert "click another face" in shown_text.crop(crop, 3)
    assert "click" not in shown_text.crop(crop, 1)
    assert 'src="data:image/jpeg;base64,' in shown_text.crop(crop, 1)
