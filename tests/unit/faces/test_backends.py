"""Three back ends behind one protocol, and clear words where a model is missing."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.media.frames import read_video
from emotalk.media.image import read_image
from emotalk.schema import Rejection
from tests.helpers.clips import face_in_frame, frames, write_sidecar
from tests.helpers.shared import shared_data


def insightface() -> LandmarkDetector:
    root = shared_data("data", "insightface")
    return build_landmark_detector(
        LandmarksConfig(backend="insightface", pack="faces68", root=root)
    )


def onnx() -> LandmarkDetector:
    models = shared_data("data", "models")
    return build_landmark_detector(
        LandmarksConfig(
            backend="onnx",
            detector=models / "yunet_n_dynamic.onnx",
            landmarker=models / "peppa_slim_160_68.onnx",
        )
    )


def test_two_back_ends_see_the_same_face() -> None:
    clip = shared_data("data", "clips", "grid", "brbk7n.mpg")
    images = list(read_video(clip).at([0, 30, 60]))
    for ours, theirs in zip(onnx().detect(images), insightface().detect(images), strict=True):
        assert ours.count == theirs.count == 1
        assert min(ours.score, theirs.score) > 0.8
        assert ours.landmarks_LP is not None
        assert theirs.landmarks_LP is not None
        assert ours.box is not None
        inside = (ours.landmarks_LP > ours.box[:2] - 25) & (ours.landmarks_LP < ours.box[2:] + 25)
        assert inside.all()
        distance = np.linalg.norm(ours.landmarks_LP - theirs.landmarks_LP, axis=1).mean()
        eyes = np.linalg.norm(theirs.landmarks_LP[36] - theirs.landmarks_LP[45])
        assert distance < 0.06 * eyes


@pytest.mark.parametrize("detector", [insightface, onnx])
def test_faces_are_counted_and_their_absence_said(detector: object) -> None:
    assert callable(detector)
    names = ("pyfeat_multi_face.jpg", "pyfeat_free-mountain-vector-01.jpg")
    images = [read_image(shared_data("data", "images", name)) for name in names]
    group, landscape = detector().detect(images)
    assert group.count == 5
    assert landscape.count == 0
    assert landscape.landmarks_LP is None


def test_a_missing_pack_names_the_folder_and_downloads_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        WrongUse, match=r"models/buffalo_l does not exist.*emotalk itself downloads no pack"
    ):
        build_landmark_detector(LandmarksConfig(root=tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_command_for_a_missing_pack_fetches_it_to_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, *, path: str, overwrite: bool) -> None:
        raise ConnectionError(f"{url} to {path}")

    monkeypatch.setattr("insightface.utils.storage.download_file", download)
    with pytest.raises(WrongUse) as refused:
        build_landmark_detector(LandmarksConfig(root=tmp_path, pack="mine"))
    code = re.search(r'`python -c "([^"]+)"`', str(refused.value))
    assert code is not None
    with pytest.raises(ConnectionError, match=f"/buffalo_l.zip to {tmp_path}/models/buffalo_l.zip"):
        exec(code[1])  # noqa: S102  our own message


def test_a_folder_of_a_pack_without_models_is_to_be_removed_first(tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    with pytest.raises(WrongUse, match=r"holds no \.onnx file\. Remove this folder first\."):
        build_landmark_detector(LandmarksConfig(root=tmp_path, pack="mine"))


@pytest.mark.parametrize(
    ("place", "root", "advice"),
    [
        ("models/mine", ".", r"{0}/models has mine: give --pack mine\."),
        ("models/mine", "models/mine", r"is a pack: give --root {0} --pack mine\."),
        ("mine", "mine", r"is a pack: move it to DIR/models/NAME and give --root DIR --pack NAME"),
        ("models/buffalo_l/buffalo_l", ".", r"move them up from {0}/models/buffalo_l/buffalo_l\."),
    ],
)
def test_a_pack_in_another_place_is_named_with_its_options(
    tmp_path: Path, place: str, root: str, advice: str
) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "detector.onnx").touch()
    with pytest.raises(WrongUse, match=advice.format(tmp_path)):
        build_landmark_detector(LandmarksConfig(root=tmp_path / root))


def test_a_missing_or_broken_model_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    config = LandmarksConfig(backend="onnx", detector=tmp_path / "x.onnx", landmarker=broken)
    with pytest.raises(WrongUse, match=r"^detector: no file .*x\.onnx"):
        build_landmark_detector(config)
    with pytest.raises(WrongUse, match="is not an ONNX model"):
        build_landmark_detector(config.model_copy(update={"detector": broken}))


def test_side_car_landmarks_are_looked_up_by_clip_and_frame(tmp_path: Path) -> None:
    write_sidecar(tmp_path / "landmarks", "clip", 10)
    detector = build_landmark_detector(LandmarksConfig(backend="sidecar"), source=tmp_path)
    found = detector.detect(list(frames(2)), clip=tmp_path / "clip.flv", indices=[0, 9])
    assert found[0].landmarks_LP is not None
    assert found[1].landmarks_LP is not None
    np.testing.assert_allclose(found[0].landmarks_LP, face_in_frame(), atol=1e-4)
    np.testing.assert_allclose(found[1].landmarks_LP, face_in_frame() + np.array([2, 0]), atol=1e-4)


def test_bad_side_car_files_are_rejections(tmp_path: Path) -> None:
    folder = tmp_path / "landmarks"
    write_sidecar(folder, "short", 3)
    np.save(folder / "flat.npy", np.zeros((3, 136), np.float32))
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "text.npy").write_text("no array")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1" * 60 + b"X"
    (folder / "endless.npy").write_bytes(b"\x93NUMPY\x01\0" + bytes([len(header), 0]) + header)
    os.mkfifo(folder / "pipe.npy")
    detector = build_landmark_detector(LandmarksConfig(backend="sidecar"), source=tmp_path)
    reasons = {}
    for stem in ("absent", "short", "flat", "pickled", "text", "endless", "pipe"):
        with pytest.raises(Rejection) as caught:
            detector.detect(list(frames(1)), clip=Path(f"{stem}.flv"), indices=[5])
        reasons[stem] = caught.value.reason
    assert reasons.pop("absent") == "no_landmarks"
    assert set(reasons.values()) == {"bad_landmarks"}


def test_a_missing_side_car_folder_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no folder .*landmarks"):
        build_landmark_detector(LandmarksConfig(backend="sidecar"), source=tmp_path)
