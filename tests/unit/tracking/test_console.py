"""One status line: fixed columns that fit a terminal, and the time left."""

import logging
import re
import time

import pytest

from emotalk.tracking.console import Console

TRAINED = {
    "train/generator/mouth_region": 0.0223, "train/generator/mouth_region_weighted": 2.23,
    "train/generator/perceptual": 3.07, "train/generator/perceptual_weighted": 3.07,
    "train/generator/frame": -187.4, "train/generator/frame_weighted": -1.874,
    "train/generator/l1": 0.1, "train/generator/l1_weighted": 0.0,
    "train/generator/total": 12.4142, "train/generator/grad_norm": 1234567.0,
}  # fmt: skip
CRITICS = {"train/discriminators/total": -1.0e-12, "train/discriminators/emotion": 1.79}
SPEED = {
    "speed/clips_per_s": 0.351, "speed/data_wait_share": 0.0213, "memory/process_gib": 4.312,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _told(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("emotalk").propagate = True
    caplog.set_level(logging.INFO, "emotalk.train")


def test_a_line_has_its_columns_under_the_heads_and_fits_92_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = Console(1_000_000, 0)
    console.log(999_990, {**SPEED, **TRAINED, **CRITICS})
    head, line = caplog.messages
    assert len(head) == len(line) <= 92
    assert head.split() == [
        "step", "left", "clips/s", "wait", "GiB", "G", "D", "mouth", "percep", "G", "frame",
    ]  # fmt: skip
    assert line.split()[:1] + line.split()[2:] == [
        "999990/1000000", "0.35", "2%", "4.31", "12.41", "-1e-12", "0.0223", "3.07", "-187.4",
    ]  # fmt: skip


def test_several_processes_have_a_column_for_the_slowest(caplog: pytest.LogCaptureFixture) -> None:
    console = Console(100, 0)
    slowest = {
        "speed/slowest_rank": 13.0, "speed/slowest_rank_step_s": 0.8249,
        "speed/slowest_rank_data_wait_share": 0.124,
    }  # fmt: skip
    console.log(1, {**SPEED, **slowest, **TRAINED})
    console.log(2, {**SPEED, **TRAINED})
    head, first, second = caplog.messages
    assert "  slowest rank        G" in head
    assert "  r13 0.825s 12%    12.41" in first
    assert len(head) == len(first) == len(second) <= 110


def test_columns_stay_where_they_are_when_an_update_was_not_due(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = Console(100, 0)
    console.log(1, {**SPEED, **TRAINED})
    console.log(2, {**SPEED, **CRITICS})
    console.log(3, {**SPEED, **TRAINED})
    assert [line.split()[0] for line in caplog.messages] == [
        "step",
        "1/100",
        "step",
        "2/100",
        "3/100",
    ]
    assert caplog.messages[-2].split()[5:] == ["-", "-1e-12", "-", "-", "-"]
    assert caplog.messages[-1].split()[5:] == ["12.41", "-", "0.0223", "3.07", "-187.4"]


def test_the_time_left_follows_the_pace_of_late_and_a_resumed_run_counts_from_where_it_began(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    console = Console(100_000, 50_000)
    now[0] += 20.0
    console.log(50_010, SPEED)  # two seconds a step
    assert caplog.messages[-1].split()[1] == "1d"
    assert caplog.messages[-1].split()[2] == "03:46"  # 49,990 steps x 2 s = 27 h 46 min
    for step in range(50_020, 50_400, 10):
        now[0] += 5.0
        console.log(step, SPEED)
    assert re.match(r"^6:5", caplog.messages[-1].split()[1])  # near half a second a step


def test_validation_stands_beside_the_still_picture(caplog: pytest.LogCaptureFixture) -> None:
    figures = {"psnr": 31.254, "baseline_psnr": 27.5, "ssim": 0.9012, "reencoded_psnr": 40.0}
    Console(100, 0).log(50, {f"validation/{name}": value for name, value in figures.items()})
    assert caplog.messages == ["validation (still): PSNR 31.3 (27.5), SSIM 0.901"]
