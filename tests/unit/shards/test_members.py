"""The members of a sample: the same bytes every time, with and without the neutral still."""

import json

import numpy as np

from emotalk.config.etl import VideoMemberConfig
from emotalk.schema import AlignedSample, ClipLabel
from emotalk.shards.members import (
    OWN_MEMBERS,
    add_neutral,
    encode_members,
    has_label,
    remove_neutral,
)

LABEL = ClipLabel("k", "a/ü.mp4", "anna", "anger", 1 / 3, {"votes": {"both": (1, 2)}})


def sample() -> AlignedSample:
    random = np.random.default_rng(0)
    return AlignedSample(
        label=LABEL,
        frames_THWC=random.integers(0, 255, (3, 128, 128, 3), np.uint8),
        audio_S=np.zeros(960, np.float32),
        landmarks_TLP=np.zeros((3, 68, 2), np.float32),
        transforms=np.full((1, 2, 3), 1 / 3),
        source_sha256="0" * 64,
    )


def members() -> dict[str, bytes]:
    return encode_members(sample(), corpus="folder", video=VideoMemberConfig())


def test_a_sample_has_the_same_bytes_every_time() -> None:
    first = members()
    assert tuple(first) == OWN_MEMBERS
    assert members() == first


def test_the_neutral_still_stands_before_the_json_that_names_its_clip() -> None:
    own = members()
    whole = add_neutral(own, b"png", clip="a/n.mp4")
    assert tuple(whole) == ("mp4", "flac", "landmarks.npy", "neutral.png", "json")
    assert json.loads(whole["json"])["neutral"] == "a/n.mp4"
    assert remove_neutral(whole) == own


def test_the_json_holds_the_whole_label_and_nothing_else_of_it() -> None:
    facts = json.loads(members()["json"])
    assert has_label(facts, LABEL)
    assert not has_label({**facts, "further": 1}, LABEL)
    assert not has_label(facts, ClipLabel("k", "a/ü.mp4", "anna", "anger", 1 / 3))
