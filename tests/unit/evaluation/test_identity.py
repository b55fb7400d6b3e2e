"""Identity: who it is, beside the true first frame, another person and no model at all."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insightface.utils.face_align import norm_crop

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.config.evaluate_identity import IdentityConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.comparison import compare, truth_of
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.face_embedder import (
    FaceEmbedder,
    align_face,
    build_face_embedder,
    five_points,
)
from emotalk.evaluation.identity_reference import FaceVectors, likeness_to_others
from emotalk.evaluation.quantities.identity import METRIC
from emotalk.evaluation.report_block import Table, section_of
from emotalk.evaluation.report_blocks.identity import ALONE, BLOCK
from emotalk.faces.template import template_LP
from emotalk.schema import Bytes, Floats
from tests.helpers.evaluation_clips import face_TLP, noise_frames, plain_clip
from tests.helpers.reports import plain_report, plain_value
from tests.helpers.tiny_onnx import write_pooling_model

FRAMES = 12
FACES = face_TLP([4.0] * FRAMES)


@pytest.fixture
def embedder(tmp_path: Path) -> FaceEmbedder:
    file = write_pooling_model(tmp_path / "tiny.onnx", (1, 3, 112, 112))
    built, name = build_face_embedder(IdentityConfig(model=file), "onnx", LandmarksConfig())
    assert built is not None
    assert "tiny.onnx" in name
    return built


def measured(video: Bytes, landmarks: Floats, embedder: FaceEmbedder | None) -> dict[str, float]:
    truth = truth_of(plain_clip(frames=FRAMES), FACES, embedder=embedder)
    return METRIC.measure(compare(video, landmarks, truth))


def test_faces_are_aligned_as_insightface_aligns_them() -> None:
    frame = noise_frames(0, 1)[0]
    points = (template_LP() - 64) * 0.7 + 64  # small enough to lie inside the crop with its margin
    theirs = norm_crop(frame, five_points(points.astype(np.float32)), 112)
    ours = align_face(frame, points.astype(np.float32), 112)
    inner = np.s_[36:, 10:-10]  # beyond the frame insightface fills with black
    assert np.abs(ours[inner].astype(int) - theirs[inner]).mean() < 1.5


def test_a_vector_is_the_models_own_of_the_aligned_face(embedder: FaceEmbedder) -> None:
    frames = noise_frames(3, 1)
    pixels = align_face(frames[0], FACES[0], 112) / 127.5 - 1.0
    squares = pixels.reshape(4, 28, 4, 28, 3).mean((1, 3)).transpose(2, 0, 1).reshape(-1)
    found = embedder.embed(frames, FACES[:1])[0]
    assert found.tolist() == pytest.approx((squares / np.linalg.norm(squares)).tolist(), abs=1e-5)


def test_the_true_first_frame_repeated_has_1_and_another_face_less(embedder: FaceEmbedder) -> None:
    true = plain_clip(frames=FRAMES).video_THWC
    still = np.broadcast_to(true[:1], true.shape)
    assert measured(still, FACES, embedder)["identity"] == pytest.approx(1)
    other = measured(noise_frames(7, FRAMES), FACES, embedder)["identity"]
    assert -1 <= other < 0.9
    chosen = embedder.embed(true, FACES)
    by_hand = (chosen @ embedder.embed(true[:1], FACES[:1])[0]).mean()
    assert measured(true, FACES, embedder)["identity"] == pytest.approx(by_hand)


def test_frames_without_a_face_are_left_out(embedder: FaceEmbedder) -> None:
    true = plain_clip(frames=FRAMES).video_THWC
    hidden = FACES.copy()
    hidden[1:] = np.nan
    assert measured(true, hidden, embedder)["identity"] == pytest.approx(1)
    assert math.isnan(measured(true, np.full_like(FACES, np.nan), embedder)["identity"])
    nobody = truth_of(plain_clip(frames=FRAMES), np.full_like(FACES, np.nan), embedder=embedder)
    assert math.isnan(METRIC.measure(compare(true, FACES, nobody))["identity"])


def test_five_frames_are_spread_over_the_clip(embedder: FaceEmbedder) -> None:
    frames = noise_frames(1, 50)
    found = embedder.embed(frames, face_TLP([4.0] * 50))
    expected = [embedder.embed(frames[t : t + 1], FACES[:1])[0] for t in (5, 15, 25, 35, 45)]
    np.testing.assert_allclose(found, expected)


def test_without_a_model_there_is_no_figure() -> None:
    assert measured(noise_frames(0, FRAMES), FACES, None) == {}


@pytest.mark.parametrize("config", [IdentityConfig(by="none"), IdentityConfig()])
def test_none_and_auto_without_a_pack_say_why_there_is_no_model(config: IdentityConfig) -> None:
    built, why = build_face_embedder(config, "judge", LandmarksConfig())
    assert built is None
    assert why.startswith("none")


def test_a_packs_recognition_model_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "pack"
    folder.mkdir(parents=True)
    write_pooling_model(folder / "landmarks.onnx", (1, 3, 168, 168))
    finder = LandmarksConfig(pack="pack", root=tmp_path)
    assert build_face_embedder(IdentityConfig(), "insightface", finder)[0] is None
    with pytest.raises(WrongUse, match="holds no recognition model"):
        build_face_embedder(IdentityConfig(by="insightface"), "onnx", finder)
    write_pooling_model(folder / "w600k.onnx", ("None", 3, 112, 112))
    built, name = build_face_embedder(IdentityConfig(), "insightface", finder)
    assert built is not None
    assert name == "insightface (pack pack), 48 numbers"
    assert build_face_embedder(IdentityConfig(), "judge", finder)[0] is None


def test_a_model_that_gives_no_vector_of_a_face_is_refused(tmp_path: Path) -> None:
    file = write_pooling_model(tmp_path / "small.onnx", (1, 3, 28, 28))
    with pytest.raises(WrongUse, match="28 x 28 pixels to 3 numbers"):
        build_face_embedder(IdentityConfig(model=file), "judge", LandmarksConfig())


@pytest.mark.parametrize(
    "given",
    [
        {"by": "onnx"},
        {"by": "none", "model": "m.onnx"},
        {"by": "insightface", "model": "m.onnx"},
        {"model": "m.onnx", "pixels": {"cut": 0.1}},
        {"frames": 0},
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"identity|greater"):
        IdentityConfig.model_validate(given)


def test_the_floor_is_the_mean_over_the_other_actors() -> None:
    x, y, z = np.eye(3)
    half = (x + y) / 2
    vectors = [FaceVectors(x, half), FaceVectors(x, x), FaceVectors(y, y), None]
    found = likeness_to_others(vectors, ["a", "a", "b", "b"])
    assert found[:3] == pytest.approx([0.5, 0.0, 0.0])
    assert math.isnan(found[3])
    three = likeness_to_others([*vectors[:3], FaceVectors(z, half)], ["a", "a", "b", "c"])
    assert three == pytest.approx([0.25, 0, 0, 0.5])
    assert np.isnan(likeness_to_others(vectors[:2], ["a", "a"])).all()


def test_an_evaluation_reports_identity_beside_ceiling_and_floor(
    tmp_path: Path, shards: Path, checkpoint: Path
) -> None:
    file = write_pooling_model(tmp_path / "tiny.onnx", (1, 3, 112, 112))
    report = evaluate(
        EvaluateConfig(
            checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out", clips=4,
            other_speech="curve", emotion=EmotionJudgeConfig(by="none"),
            identity=IdentityConfig(model=file, frames=2),
        )
    )  # fmt: skip
    assert {"truth", "generated", "repeat", "reencoded"} <= set(report.figures["identity"])
    assert report.figures["identity"]["repeat"].mean == pytest.approx(1, abs=1e-3)
    assert report.identity_floor is not None
    assert report.identity_floor.clips == 4
    assert "tiny.onnx, 48 numbers" in report.judges["identity"]
    assert "another person (the floor)" in (tmp_path / "out" / "report.md").read_text()


def test_the_page_shows_ceiling_and_floor_or_why_there_is_none() -> None:
    figures = {"identity": {"truth": plain_value(0.8), "generated": plain_value(0.7)}}
    report = plain_report(figures=figures, identity_floor=plain_value(0.1))
    table = section_of(BLOCK, report).content[0]
    assert isinstance(table, Table)
    assert [line[0] for line in table.rows] == [
        "true clips", "generated", "another person (the floor)",
    ]  # fmt: skip
    alone = section_of(BLOCK, plain_report(figures=figures))
    assert any(ALONE in str(part) for part in alone.content)
    assert not section_of(BLOCK, plain_report(figures={})).content
