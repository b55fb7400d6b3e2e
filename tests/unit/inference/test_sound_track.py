"""The video has the recording's own sound: its packets where possible, else all its channels."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from emotalk.inference.sound_track import sound_track
from emotalk.inference.speech import read_speech
from emotalk.inference.video import video_format, write_talking_video
from emotalk.media.copied_sound import CopiedSound
from emotalk.media.encode import AudioTrack, encode_audio
from emotalk.schema import Floats

RATE = 44_100
TONES = (300, 700)  # Hz of left and right


def tones(channels: int) -> Floats:
    times = np.arange(2 * RATE) / RATE
    parts = [0.3 * np.sin(2 * np.pi * TONES[channel % 2] * times) for channel in range(channels)]
    return np.stack(parts, 1).astype(np.float32)


def strongest_hz(samples_S: Floats) -> float:
    spectrum = np.abs(np.fft.rfft(samples_S * np.hanning(samples_S.size)))
    return float(spectrum.argmax() * 48_000 / samples_S.size)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_stereo_recording_stays_stereo(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / "a.wav", tones(2), RATE)
    video = tmp_path / f"video{suffix}"
    track = sound_track(read_speech(tmp_path / "a.wav"), video_format(video))
    assert isinstance(track, AudioTrack)
    assert track.shape == (96_000, 2)
    write_talking_video(video, np.zeros((50, 64, 64, 3), np.uint8), track, provenance="")
    with av.open(str(video)) as container:
        to_float = av.AudioResampler(format="fltp")
        frames = [part for f in container.decode(audio=0) for part in to_float.resample(f)]
    left, right = np.concatenate([frame.to_ndarray() for frame in frames], 1)[:, 9600:86_400]
    assert abs(strongest_hz(left) - TONES[0]) < 2
    assert abs(strongest_hz(right) - TONES[1]) < 2


@pytest.mark.parametrize("channels", [1, 3])
def test_mono_and_more_channels_become_mono(tmp_path: Path, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", tones(channels), RATE)
    track = sound_track(read_speech(tmp_path / "a.wav"), video_format(Path("a.mp4")))
    assert isinstance(track, AudioTrack)
    assert track.shape == (96_000, 1)


def test_aac_is_copied_into_mp4_and_encoded_anew_for_webm(tmp_path: Path) -> None:
    encode_audio(tmp_path / "a.m4a", AudioTrack(tones(2), RATE))
    speech = read_speech(tmp_path / "a.m4a")
    assert isinstance(sound_track(speech, video_format(Path("a.mp4"))), CopiedSound)
    track = sound_track(speech, video_format(Path("a.webm")))
    assert isinstance(track, AudioTrack)
    assert track.codec == "libopus"
    assert track.shape[1] == 2
    assert sound_track(speech, video_format(Path("a.gif"))) is None


def test_a_recording_with_a_gap_is_not_copied(tmp_path: Path) -> None:
    encode_audio(tmp_path / "whole.m4a", AudioTrack(tones(1), RATE))
    with (
        av.open(str(tmp_path / "whole.m4a")) as source,
        av.open(str(tmp_path / "gap.m4a"), "w", format="mp4") as output,
    ):
        stream = output.add_stream_from_template(source.streams.audio[0])
        for index, packet in enumerate(source.demux(source.streams.audio[0])):
            if packet.size and not 30 <= index < 50:
                packet.stream = stream
                output.mux(packet)
    speech = read_speech(tmp_path / "gap.m4a")
    assert not speech.sound.unbroken
    assert isinstance(sound_track(speech, video_format(Path("a.mp4"))), AudioTrack)


def test_left_and_right_begin_and_end_with_the_speech(tmp_path: Path) -> None:
    samples = np.zeros((RATE, 2), np.float32)
    samples[RATE // 2 : RATE // 2 + 400] = (0.5, -0.4)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    speech = read_speech(tmp_path / "a.wav")
    track = sound_track(speech, video_format(Path("a.mp4")))
    assert isinstance(track, AudioTrack)
    sides_CS = track.read(0, speech.sound.size)
    assert sides_CS.shape == (2, speech.sound.size)
    np.testing.assert_allclose(sides_CS[:, 24_100], (0.5, -0.4), atol=0.02)
    assert np.abs(sides_CS[:, :23_900]).max() < 0.01
