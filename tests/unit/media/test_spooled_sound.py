"""Recordings of any length: the samples of `read_sound`, in constant memory."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media import spooled_sound
from emotalk.media.resample import resample
from emotalk.media.sound import read_sound
from emotalk.media.spooled_sound import spool_audio, spool_resampled
from emotalk.media.streaming_resample import StreamingResampler
from emotalk.schema import Rejection
from tests.helpers.shared import shared_data
from tests.helpers.sound import own_samples, read_all

FILES = [
    "sound/antiphase.wav", "sound/concat_xing.mp3", "sound/drawn_voice_dc.wav",
    "sound/raw_adts.aac", "clips/gap25.mkv", "clips/sound_gap_0.15_aac.mp4",
    "clips/concat_shift.mkv",
    "clips/cut_copy_neg_0.16.mkv", "clips/late_video_0.24.mkv", "clips/tracks.mp4",
]  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_samples_are_those_of_the_whole_file_read_at_once(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_data("data/faults", file)
    in_short_blocks = partial(StreamingResampler, block_s=0.3)
    monkeypatch.setattr(spooled_sound, "StreamingResampler", in_short_blocks)
    sound = spool_audio(path, rate=48_000)
    whole = read_sound(path, rate=48_000)
    expected_S = own_samples(whole)
    assert sound.start_s == pytest.approx(whole.start_s, abs=1 / 48_000)
    assert sound.size == expected_S.size
    np.testing.assert_allclose(read_all(sound), expected_S, atol=1e-6)
    speech_S = np.clip(resample(expected_S, 48_000, 8_000), -1, 1)
    np.testing.assert_allclose(read_all(spool_resampled(sound, 48_000, 8_000)), speech_S, atol=1e-6)


def test_a_recording_beyond_the_limit_is_refused_with_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.ones(40_000) * 0.1, 8000)
    with pytest.raises(Rejection, match=r"too_long: long\.wav: .* at most 3 s"):
        spool_audio(tmp_path / "long.wav", rate=48_000, max_s=3.0)


MEASURE = """
import resource, sys
from pathlib import Path
from emotalk.inference.speech import read_speech
from emotalk.media.sound_source import blocks_of
speech = read_speech(Path(sys.argv[1]))
for source in (speech.speech, speech.sound):
    assert sum(piece.size for piece in blocks_of(source)) == source.size
print(speech.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow  # decodes and resamples an hour of sound: half a minute
def test_an_hour_takes_the_memory_of_ten_seconds(tmp_path: Path) -> None:
    found = {}
    for seconds in (10, 3600):
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
            for start in range(0, seconds, 10):
                time_S = start + np.arange(160_000) / 16_000
                file.write(0.2 * np.sin(2 * np.pi * 200 * time_S))
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
        )
        frames, found[seconds] = map(int, done.stdout.split())
        assert frames == 25 * seconds
    assert found[3600] - found[10] < 150  # MiB; at once it took 4 GB
