"""Validation on real faces: landmarks by the detectors of the ETL, beside every baseline."""

from pathlib import Path

import pytest

from tests.helpers.real_shards import write_real_shards
from tests.helpers.shared import shared_data
from tests.helpers.tiny_training import read_metrics, tiny_yaml, train


@pytest.fixture(scope="module")
def shared() -> Path:
    return shared_data("data", "insightface").parent.resolve()


@pytest.fixture(scope="module")
def shards(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_real_shards(tmp_path_factory.mktemp("real"), shared, shares=(0.7, 0.3, 0))


def test_landmark_figures_of_real_faces_stand_beside_their_baselines(
    tmp_path: Path, shared: Path, shards: Path
) -> None:
    done = train(
        tiny_yaml(tmp_path, shards), tmp_path / "run", "stages.gan.iterations=1",
        "validation.clips=1", "validation.max_frames=50", "validation.landmarks=insightface",
        f"validation.finder.root={shared / 'insightface'}", "validation.finder.pack=faces68",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = [line for line in read_metrics(tmp_path / "run") if "validation/psnr" in line][-1]
    assert figures["validation/reencoded_faces_missed_share"] == 0.0
    assert figures["validation/reencoded_nlmd"] < 0.006, "the true video, but for its encoding"
    assert figures["validation/baseline_faces_missed_share"] == 0.0, "a still of the same face"
    assert figures["validation/reencoded_nlmd"] < figures["validation/baseline_nlmd"] < 0.1
    assert figures["validation/faces_missed_share"] >= 0.0


def test_models_that_are_not_there_are_named_before_anything_is_trained(
    tmp_path: Path, shards: Path
) -> None:
    done = train(
        tiny_yaml(tmp_path, shards), tmp_path / "run", "validation.clips=1",
        "validation.landmarks=insightface", f"validation.finder.root={tmp_path}",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "buffalo_l" in done.stderr
