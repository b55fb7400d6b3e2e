import wave
from pathlib import Path

import numpy as np
from PIL import Image

from emotalk.app.examples import make_examples


def test_every_example_is_a_crop_and_audible_speech_and_the_same_each_time(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
    first, again = make_examples(tmp_path / "a"), make_examples(tmp_path / "b")
    assert len(first) == 3
    for example, twin in zip(first, again, strict=True):
        with Image.open(example.picture) as image:
            assert image.size == (128, 128)
            assert np.asarray(image).std() > 20, "not a plain area"
        with wave.open(str(example.speech)) as sound:
            assert 1 < sound.getnframes() / sound.getframerate() < 4
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        assert np.abs(samples).max() > 3000
        assert twin.picture.read_bytes() == example.picture.read_bytes()
        assert twin.speech.read_bytes() == example.speech.read_bytes()
