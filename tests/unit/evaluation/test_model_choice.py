"""The models are chosen by what the manifest says of the faces."""

import json
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.finder_files import other_files_warning, refuse_missing_files
from emotalk.evaluation.model_choice import choose_models
from emotalk.faces.model_files import models_sha256
from emotalk.schema import FORMAT_VERSION
from emotalk.shards.manifest import Manifest
from tests.helpers.drawn_shards import DrawnClip, write_shard_set

Clips = dict[tuple[int, str, str], DrawnClip]


def config(**more: Any) -> EvaluateConfig:
    tree = {"checkpoint": "run", "shards": "set", "output": "out", **more}
    return EvaluateConfig.model_validate(tree)


def manifest(landmarks: Any, **more: Any) -> Manifest:
    return Manifest(format=FORMAT_VERSION, config={"landmarks": landmarks}, shards=(), **more)


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


@pytest.mark.parametrize(
    ("emotions", "advice"),
    [
        ({"anger": 9, "fear": 7}, "fit a judge to the training split"),
        ({"neutral": 480}, "the training split shows 1 known emotion"),
        ({"joy": 4, "dread": 4}, "the training split shows no known emotions"),
        ([3], "the training split shows no known emotions"),
    ],
)
def test_photographs_without_a_judge_say_how_emotions_can_be_judged(
    emotions: Any, advice: str
) -> None:
    train = {"emotions": emotions}
    _, words = choose_models(config(), manifest({"backend": "onnx"}, splits={"train": train}))
    assert advice in words
    assert ("--fit-classifier" in words) == (advice.startswith("fit"))
    assert "emotion.by=onnx" in words


def test_photographs_are_judged_by_the_model_that_the_configuration_gives() -> None:
    given = {"model": "faces.onnx", "labels": ["anger", "fear"]}
    chosen, words = choose_models(config(emotion=given), manifest({"backend": "onnx"}))
    assert chosen.emotion.by == "onnx"
    assert "faces.onnx" in words
    drawn, _ = choose_models(config(emotion=given), manifest(None))
    assert drawn.emotion.by == "drawn"


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


def test_the_set_s_own_files_are_found_where_the_etl_found_them(tmp_path: Path) -> None:
    (tmp_path / "models" / "p68").mkdir(parents=True)
    (tmp_path / "models" / "p68" / "det.onnx").write_bytes(b"1")
    files = {name: tmp_path / f"{name}.onnx" for name in ("detector", "landmarker")}
    for path in files.values():
        path.write_bytes(b"2")
    places = {name: str(path) for name, path in files.items()}
    packed = Manifest(
        format=FORMAT_VERSION, shards=(), run={"landmarks": {"root": str(tmp_path)}},
        config={"landmarks": {"backend": "insightface", "pack": "p68"}},
    )  # fmt: skip
    loose = Manifest(
        format=FORMAT_VERSION, shards=(), run={"landmarks": places},
        config={"landmarks": {"backend": "onnx"}},
    )  # fmt: skip
    assert choose_models(config(), packed)[0].finder.root == tmp_path
    found = choose_models(config(), loose)[0].finder
    assert (found.detector, found.landmarker) == (files["detector"], files["landmarker"])
    own = choose_models(config(finder={"root": "mine", "detector": "d", "landmarker": "l"}), packed)
    assert own[0].finder.root == Path("mine")
    other = choose_models(config(landmarks="onnx"), packed)[0]
    assert other.finder.root != tmp_path, "the user chose another detector"


@pytest.mark.parametrize(
    "places",
    [None, 7, "x", [], {"root": 3}, {"root": "a\0b"}, {"root": "/" + "a" * 5000}, {"root": "/dev"},
     {"detector": "/etc/passwd", "landmarker": "/dev/zero"}],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["insightface", "onnx"])
def test_places_that_hold_no_models_are_not_believed(places: Any, backend: str) -> None:
    said = Manifest(
        format=FORMAT_VERSION, shards=(), run={"landmarks": places},
        config={"landmarks": {"backend": backend, "pack": "p68"}},
    )  # fmt: skip
    finder = choose_models(config(), said)[0].finder
    assert finder.root == Path("~/.insightface")
    assert (finder.detector, finder.landmarker) == (None, None)


@pytest.mark.parametrize(
    ("landmarks", "finder", "words"),
    [
        ("insightface", {"pack": "p68", "root": "/r"}, "give finder.root=FOLDER"),
        ("onnx", {}, "finder.detector is not given; give finder.detector="),
        ("onnx", {"detector": __file__}, "finder.landmarker is not given"),
        ("onnx", {"detector": __file__, "landmarker": "/n.onnx"}, "/n.onnx is not there"),
    ],
)
def test_missing_files_are_one_message_that_names_the_setting(
    landmarks: str, finder: dict[str, str], words: str
) -> None:
    with pytest.raises(WrongUse, match=f"the-set: .*{words}.*landmarks=none"):
        refuse_missing_files(landmarks, LandmarksConfig.model_validate(finder), "the-set")


def test_a_missing_pack_is_answered_with_those_that_are_there(tmp_path: Path) -> None:
    for name in ("one", "two", "empty"):
        (tmp_path / "models" / name).mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / "models" / name / "det.onnx").touch()
    with pytest.raises(WrongUse, match=r"by finder\.pack=NAME \(\S+ has 'one', 'two'\); "):
        refuse_missing_files("insightface", LandmarksConfig(root=tmp_path, pack="three"), "the-set")


def test_other_files_than_the_set_s_own_are_told(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name / "models" / "p").mkdir(parents=True)
        (tmp_path / name / "models" / "p" / "det.onnx").write_bytes(name.encode())
    a, b = (LandmarksConfig(pack="p", root=tmp_path / name) for name in "ab")
    own = Manifest(
        format=FORMAT_VERSION, shards=(),
        config={"landmarks": {"backend": "insightface"}, "models_sha256": models_sha256(a)},
    )  # fmt: skip
    assert other_files_warning("insightface", a, own) is None
    for landmarks, finder in (("insightface", b), ("onnx", a)):
        said = other_files_warning(landmarks, finder, own)
        assert said is not None
        assert "another one than that which found this set's own landmarks" in said
    assert other_files_warning("judge", b, own) is None
    assert other_files_warning("insightface", b, manifest({"backend": "insightface"})) is None
