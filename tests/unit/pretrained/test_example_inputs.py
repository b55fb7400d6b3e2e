"""The inputs of the example: the committed files are those that the code draws."""

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from emotalk.pretrained.example_inputs import PEOPLE, SEED, SPEECH, draw_inputs, example_inputs
from emotalk.schema import SIZE


def test_the_files_in_the_package_are_the_drawn_ones(tmp_path: Path) -> None:
    draw_inputs(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["face_1.png", "face_2.png", "face_3.png", SPEECH]
    for name in names[:-1]:
        drawn = np.asarray(Image.open(tmp_path / name), np.int16)
        kept = np.asarray(Image.open(example_inputs() / name), np.int16)
        assert drawn.shape == (SIZE, SIZE, 3)
        assert np.abs(drawn - kept).max() <= 2  # processors round differently
    drawn_S, rate = soundfile.read(tmp_path / SPEECH)
    kept_S, kept_rate = soundfile.read(example_inputs() / SPEECH)
    assert rate == kept_rate
    np.testing.assert_allclose(drawn_S, kept_S, atol=1e-3)


def test_nobody_of_the_training_corpus_is_among_them() -> None:
    assert SEED != 7  # of launch/example_model.sh
    assert len(set(PEOPLE)) == len(PEOPLE)


def test_the_recording_is_loud_enough_and_seconds_long() -> None:
    samples_S, rate = soundfile.read(example_inputs() / SPEECH)
    assert 0.8 < np.abs(samples_S).max() <= 1
    assert 1.5 < len(samples_S) / rate < 5
