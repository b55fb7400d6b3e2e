"""The settings of long recordings: what cannot be meant is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from emotalk.config.etl import EtlConfig


def config(corpus: str = "folder", **more: object) -> EtlConfig:
    return EtlConfig.model_validate({"corpus": corpus, "source": "x", "output": Path("y"), **more})


def test_by_default_files_of_a_folder_that_are_too_long_for_a_clip_are_cut() -> None:
    default = config()
    assert default.cuts_recordings
    assert default.clip_limits == default.quality
    assert default.stretch_seconds == (3.0, 10.0)
    assert not config(stretches={"cut": False}).cuts_recordings
    assert not config("crema_d").cuts_recordings


def test_shorter_files_may_be_cut_too() -> None:
    assert config(stretches={"longer_than": 20}).clip_limits.max_seconds == 20
    off = config(stretches={"longer_than": 20, "cut": False})
    assert off.clip_limits.max_seconds == 60


def test_a_stretch_keeps_the_limits_of_every_clip() -> None:
    assert config(quality={"max_seconds": 8}).stretch_seconds == (3.0, 8.0)
    assert config(quality={"min_seconds": 5}).stretch_seconds == (5.0, 10.0)


@pytest.mark.parametrize(
    ("corpus", "more", "message"),
    [
        ("mead", {"stretches": {"cut": False}}, "stretches are of the folder corpus; corpus is m"),
        (
            "folder",
            {"stretches": {"longer_than": 90}},
            "longer_than is 90, more than quality.max_seconds, which is 60",
        ),
        (
            "folder",
            {"stretches": {"min_seconds": 12}},
            "min_seconds is 12, more than stretches.max_seconds, which is 10",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    corpus: str, more: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        config(corpus, **more)
