"""Over one shard set, order, draws and identity are those of the code before several could be read.

The values were recorded with that code.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.checkpoints.format import DESCRIPTION, write_model
from emotalk.config.load import dump_config
from emotalk.config.shards import ShardSource
from emotalk.runs.facts import data_facts, model_facts, shards_digest
from emotalk.schema import EMOTIONS
from emotalk.shards.joined_set import open_shards
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set
from tests.helpers.tiny_training import tiny_config

CLIPS = made_clips(23)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cuts = [CLIPS[:5], CLIPS[5:6], CLIPS[6:13], CLIPS[13:18]]
    shards = [*(("train", cut) for cut in cuts), ("val", CLIPS[18:])]
    return write_shard_set(tmp_path_factory.mktemp("set"), shards)


def digest(folder: Path, steps: int, **options: Any) -> str:
    """Return the hash of keys, places, labels, windows and sounds of the first batches."""
    read = hashlib.sha256()
    loader = loader_of(folder, shuffle_shards=2, speech_margin_frames=1, **options)
    for batch in taken(loader, steps):
        labels = [batch.emotion_B.tolist(), batch.intensity_B.tolist()]
        read.update(json.dumps([batch.keys, batch.places, *labels]).encode())
        read.update(batch.landmarks_BTLP.numpy().tobytes())
        for sound_BS in (batch.speech_BS, batch.other_speech_BS, batch.babble_BS):
            if sound_BS is not None:
                read.update(np.round(sound_BS.numpy() * 32767).astype("<i4").tobytes())
    return read.hexdigest()


@pytest.mark.parametrize(
    ("options", "steps", "recorded"),
    [
        ({}, 7, "57d3642e663ca3b0d11de184472743d322ac3be4a48ffab0ef1bf790e3b9714a"),
        (
            {"start_step": 10**6},
            7,
            "422edfa0faaaadb2af214e23b6280529a3a49f4cc8d4cb1f8a7ad1e066e0e1ec",
        ),
        (
            {"other_speech": True, "babble_voices": 2},
            7,
            "ff60c12bbfb3e5263d09daa5597d67018f1f27127ddffc83d3ee1831e117d758",
        ),
        (
            {"balance": {"emotions": "equal", "high": 2}},
            7,
            "f0f9e7436577d0cfb08988a196a96de776261136f931a6f4b0c43cfcdd416fb1",
        ),
        ({"split": "val"}, 2, "b899e9bc1a6e89e75cea594292202af2bb122397623481ed922490ad960826f8"),
    ],
)
def test_the_order_and_every_draw(
    folder: Path, options: dict[str, Any], steps: int, recorded: str
) -> None:
    assert digest(folder, steps, **options) == recorded


def test_the_first_clips(folder: Path) -> None:
    batches = taken(loader_of(folder, shuffle_shards=2), 3)
    numbers = [int(key[-2:]) for batch in batches for key in batch.keys]
    assert numbers == [12, 9, 8, 7, 11, 10, 5, 6, 16, 14, 15, 13]


def test_the_identity_of_a_run_and_its_model(tmp_path: Path) -> None:
    """As a path, and as a list of one set with a weight, which has no meaning for one."""
    shards = [("train", CLIPS[:7]), ("val", CLIPS[7:9])]
    write_shard_set(tmp_path / "set", shards, members_of=empty_members)
    alone = ShardSource(path=str(tmp_path / "set"), weight=0.3)
    for shard_set in (open_shards(str(tmp_path / "set")), open_shards([alone])):
        assert shards_digest(shard_set) == (
            "56d749ff59d71dcb7385fcaaa46210f298b03b5cfe832af85dc2a259b7b3c780"
        )
        facts = data_facts(shard_set)
        assert facts.model_dump(mode="json") == {
            "manifest_sha256": "32eb2f43d25e608c8a2d76010a3b774d8f796606da31241ba27ef3d6ed10f6bb",
            "corpus": "unknown",
            "landmarks": "unknown",
            "clips": 7,
            "actors": 3,
            "emotions": list(EMOTIONS),
        }
    config = tiny_config(tmp_path)
    described = model_facts(config).model_copy(update={"data": facts})
    write_model(tmp_path / "model", {}, config.model, described)
    written = json.loads((tmp_path / "model" / DESCRIPTION).read_text())
    assert written["data"] == facts.model_dump(mode="json")


def test_one_set_is_written_down_as_its_path(tmp_path: Path) -> None:
    plain = dump_config(tiny_config(tmp_path))
    assert plain.startswith(f"shards: {tmp_path}/shards\n")
    listed = tiny_config(tmp_path, f"shards=[{{path: {tmp_path}/shards, weight: 0.7}}]")
    assert dump_config(listed) == plain
