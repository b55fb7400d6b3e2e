"""The models are chosen by what the manifest says of the faces."""

import json
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.model_choice import choose_models
from emotalk.schema import FORMAT_VERSION
from emotalk.shards.manifest import Manifest
from tests.helpers.drawn_shards import DrawnClip, write_shard_set

Clips = dict[tuple[int, str, str], DrawnClip]


def config(**more: Any) -> EvaluateConfig:
    tree = {"checkpoint": "run", "shards": "set", "output": "out", **more}
    return EvaluateConfig.model_validate(tree)


def manifest(landmarks: Any) -> Manifest:
    return Manifest(format=FORMAT_VERSION, config={"landmarks": landmarks}, shards=())


@pytest.mark.parametrize("landmarks", [{"backend": "sidecar", "pack": "buffalo_l"}, None, [1], {}])
def test_faces_that_no_detector_found_count_as_drawn(landmarks: Any) -> None:
    chosen, words = choose_models(config(), manifest(landmarks))
    assert (chosen.landmarks, chosen.emotion.by) == ("judge", "drawn")
    assert "drawn" in words


def test_photographs_get_the_set_s_own_detector_and_no_emotion_classifier() -> None:
    set_s = manifest({"backend": "insightface", "pack": "faces68"})
    chosen, words = choose_models(config(), set_s)
    assert (chosen.landmarks, chosen.emotion.by) == ("insightface", "none")
    assert chosen.finder.pack == "faces68"
    assert "photographs" in words
    assert "insightface, pack faces68" in words
    assert "no emotion accuracy" in words
    own, _ = choose_models(config(finder={"pack": "mine"}), set_s)
    assert own.finder.pack == "mine"


@pytest.mark.parametrize("pack", ["../../elsewhere", "/etc", "", 7, None, "a" * 200])
def test_a_manifest_s_pack_that_is_no_name_is_not_used(pack: Any) -> None:
    chosen, _ = choose_models(config(), manifest({"backend": "insightface", "pack": pack}))
    assert chosen.finder.pack == "buffalo_l"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"landmarks": "judge"}, "landmarks=judge knows drawn faces only"),
        ({"emotion": "judge"}, "emotion.by=drawn knows drawn faces only"),
        ({"landmarks": "judge", "emotion": "judge"}, "landmarks=judge, emotion.by=drawn knows"),
    ],
)
def test_models_of_drawn_faces_are_refused_for_photographs(
    asked: dict[str, str], words: str
) -> None:
    with pytest.raises(WrongUse, match=words):
        choose_models(config(**asked), manifest({"backend": "onnx"}))
    kept, _ = choose_models(config(landmarks="insightface", emotion="none"), manifest({}))
    assert (kept.landmarks, kept.emotion.by) == ("insightface", "none")


def of_photographs(folder: Path, clips: Clips) -> Path:
    shards = write_shard_set(folder, clips)
    tree = json.loads((shards / "manifest.json").read_text())
    tree["config"] = {"corpus": "crema_d", "landmarks": {"backend": "insightface", "pack": "p68"}}
    (shards / "manifest.json").write_text(json.dumps(tree))
    return shards


def test_an_evaluation_asks_the_manifest(
    tmp_path: Path, drawn_clips: Clips, checkpoint: Path
) -> None:
    shards = of_photographs(tmp_path / "shards", drawn_clips)
    given = config(checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out",
                   finder={"root": str(tmp_path)})  # fmt: skip
    with pytest.raises(WrongUse, match="photographs"):
        evaluate(given.model_copy(update={"landmarks": "judge"}))
    with pytest.raises(WrongUse, match="p68"):  # the pack of the set, which is not here
        evaluate(given)
