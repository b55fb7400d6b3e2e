"""Changed copies of real clips are judged as what they are."""

from pathlib import Path

import numpy as np
import pytest

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.evaluation.landmark_models import LandmarkModel, build_landmark_model
from emotalk.evaluation.pairs.listing import Pair
from emotalk.evaluation.pairs.reading import ReadPair, read_pair
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.lip_sync.estimate import SyncEstimate, estimate_sync, load_lip_sync_model
from emotalk.media.voiced_frames import voiced_frames
from emotalk.metrics.lip_sync import mouth_correlation, mouth_lag, mouth_opening
from emotalk.schema import Doubles
from tests.helpers.pair_variants import Recording, read_recording, variant, write_recording
from tests.helpers.shared import shared_data


class Trial:
    """Reads changed copies of a clip; the true clip's landmarks are found once."""

    def __init__(self, folder: Path) -> None:
        self.true = shared_data("data", "clips", "grid_s1", "s1_bbal6n.mpg")
        models = shared_data("data", "models")
        self.folder = folder
        self.own = read_recording(self.true)
        self.other = read_recording(shared_data("data", "clips", "grid_s1", "s1_pbwj5a.mpg"))
        finder = {
            "detector": models / "yunet_n_dynamic.onnx",
            "landmarker": models / "peppa_slim_160_68.onnx",
        }
        tree = {"pairs": folder, "output": folder, "landmarks": "onnx", "finder": finder}
        self.config = PairsConfig.model_validate(tree)
        finder_config = self.config.finder.model_copy(update={"backend": "onnx"})
        self.detector: LandmarkDetector = build_landmark_detector(finder_config)
        self.model: LandmarkModel = build_landmark_model("onnx", self.config.finder)
        self.truth: Doubles | None = None

    def read(self, name: str) -> ReadPair:
        """Return the pair of the clip and its changed copy."""
        changed: Recording = variant(name, self.own, self.other)
        generated = write_recording(self.folder / f"{name}.mp4", changed)
        return read_pair(Pair("k", generated, self.true), self.detector, self.model, self.config)

    def lips(self, pair: ReadPair) -> tuple[float, float, SyncEstimate]:
        """Return correlation and lag of the mouth, and the sync of picture and own sound."""
        if self.truth is None:
            self.truth = mouth_opening(self.model.landmarks(pair.clip.video_THWC))
        made_TLP = self.model.landmarks(pair.generated_THWC)
        opening_T = mouth_opening(made_TLP)
        voiced_T = voiced_frames(pair.clip.audio_S)
        sync = estimate_sync(load_lip_sync_model(), made_TLP, pair.own_sound_S)
        return (
            mouth_correlation(opening_T, self.truth, voiced_T),
            mouth_lag(opening_T, self.truth, voiced_T),
            sync,
        )


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(tmp_path_factory.mktemp("trial"))


def test_a_copy_is_like_the_true_clip_and_in_sync(trial: Trial) -> None:
    pair = trial.read("copy")
    correlation, lag, sync = trial.lips(pair)
    assert (pair.notes, pair.same_place) == ((), True)
    assert correlation > 0.9
    assert lag == pytest.approx(0, abs=0.15)
    assert abs(sync.offset) <= 1
    assert np.abs(pair.generated_THWC.astype(int) - pair.clip.video_THWC).mean() < 3


@pytest.mark.parametrize(("name", "frames"), [("late3", 3), ("early2", -2)])
def test_shifted_pictures_are_found_to_the_frame(trial: Trial, name: str, frames: int) -> None:
    _, lag, sync = trial.lips(trial.read(name))
    assert lag == pytest.approx(frames, abs=0.15)
    assert abs(sync.offset + frames) <= 1, "late pictures: the sound is early"


def test_a_dub_has_the_true_lips_and_no_sync(trial: Trial) -> None:
    pair = trial.read("dubbed")
    correlation, lag, sync = trial.lips(pair)
    assert "another sound" in pair.notes[0]
    assert correlation > 0.9
    assert lag == pytest.approx(0, abs=0.15)
    assert not (sync.verdict == "in_step" and abs(sync.offset) <= 1)


def test_a_frozen_picture_follows_nothing(trial: Trial) -> None:
    correlation, lag, sync = trial.lips(trial.read("frozen"))
    assert correlation == 0
    assert np.isnan(lag)
    assert sync.verdict == "unsure"
