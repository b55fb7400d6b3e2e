"""Model files count by their content."""

from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig, LandmarksConfig
from emotalk.faces.model_files import models_sha256
from emotalk.schema import ClipLabel
from etl.corpora.listing import SourceClip
from etl.job.plan import decisive_config


def pack(root: Path, **files: bytes) -> LandmarksConfig:
    folder = root / "models" / "p"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"{name}.onnx").write_bytes(data)
    return LandmarksConfig(pack="p", root=root)


def test_another_model_under_the_same_name_is_another_pack(tmp_path: Path) -> None:
    first = models_sha256(pack(tmp_path / "a", det=b"1", lm=b"2"))
    assert first == models_sha256(pack(tmp_path / "b", det=b"1", lm=b"2"))
    assert first != models_sha256(pack(tmp_path / "c", det=b"1", lm=b"3"))
    assert first != models_sha256(pack(tmp_path / "d", det=b"2", lm=b"1"))
    assert first != models_sha256(pack(tmp_path / "e", det=b"1", lm=b"2", gender=b"4"))


def test_two_onnx_files_may_lie_anywhere_but_not_change_places(tmp_path: Path) -> None:
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    right = models_sha256(LandmarksConfig(backend="onnx", detector=one, landmarker=two))
    assert right is not None
    assert right != models_sha256(LandmarksConfig(backend="onnx", detector=two, landmarker=one))


def test_what_has_no_models_or_whose_models_are_not_here_has_no_digest(tmp_path: Path) -> None:
    assert models_sha256(LandmarksConfig(backend="sidecar")) is None
    assert models_sha256(LandmarksConfig(root=tmp_path)) is None
    gone = LandmarksConfig(backend="onnx", detector=tmp_path / "a", landmarker=tmp_path / "b")
    assert models_sha256(gone) is None


LABEL = ClipLabel("k", "k.mp4", "anna", "anger", 1.0, {"sentence": "IEO"})


@pytest.mark.parametrize(
    "other",
    [
        ClipLabel("l", "k.mp4", "anna", "anger", 1.0, {"sentence": "IEO"}),
        ClipLabel("k", "l.mp4", "anna", "anger", 1.0, {"sentence": "IEO"}),
        ClipLabel("k", "k.mp4", "bo", "anger", 1.0, {"sentence": "IEO"}),
        ClipLabel("k", "k.mp4", "anna", "fear", 1.0, {"sentence": "IEO"}),
        ClipLabel("k", "k.mp4", "anna", "anger", 0.5, {"sentence": "IEO"}),
        ClipLabel("k", "k.mp4", "anna", "anger", None, {"sentence": "IEO"}),
        ClipLabel("k", "k.mp4", "anna", "anger", 1.0, {"sentence": "TIE"}),
        ClipLabel("k", "k.mp4", "anna", "anger", 1.0, {}),
    ],
)
def test_every_part_of_a_label_decides(other: ClipLabel) -> None:
    def decisive(label: ClipLabel) -> object:
        config = EtlConfig(corpus="folder", source="x", output=Path("y"))
        return decisive_config(config, [SourceClip(label, Path("x"))])

    assert decisive(LABEL) == decisive(LABEL)
    assert decisive(LABEL) != decisive(other)


def test_splits_and_models_decide(tmp_path: Path) -> None:
    clips = [SourceClip(LABEL, Path("x"))]

    def decisive(split: str, root: Path) -> object:
        config = EtlConfig(corpus="folder", source="x", output=Path("y"),
                           landmarks=LandmarksConfig(pack="p", root=root))  # fmt: skip
        return decisive_config(config, clips, "shares", {"k": split})

    pack(tmp_path / "a", det=b"1")
    pack(tmp_path / "b", det=b"1")
    pack(tmp_path / "c", det=b"2")
    assert decisive("train", tmp_path / "a") == decisive("train", tmp_path / "b")
    assert decisive("train", tmp_path / "a") != decisive("test", tmp_path / "a")
    assert decisive("train", tmp_path / "a") != decisive("train", tmp_path / "c")
