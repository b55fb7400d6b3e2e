"""Rooms: decays as drawn, equal to scipy's convolution, as loud as before, moved by no sample."""

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError
from scipy.signal import correlate, fftconvolve, resample_poly

from emotalk.augment.audio import SpeechAugment
from emotalk.augment.reverberation import RoomDraw, impulse_response, reverberate
from emotalk.config.augment import ReverberationConfig, SpeechAugmentConfig
from emotalk.media.torchaudio_cpu import functional
from emotalk.schema import Floats
from tests.helpers.shared import shared_data

SURE = ReverberationConfig(p=1.0)
KEYS = ("a", "b", "c", "d")
PLACES = (10, 11, 12, 13)
SAMPLES = 13120


def rooms(count: int = 60, config: ReverberationConfig = SURE) -> list[RoomDraw]:
    drawn = [RoomDraw.of(config, 5, place, "clip") for place in range(count)]
    return [room for room in drawn if room is not None]


def heard(speech: Floats, room: RoomDraw) -> Floats:
    made = reverberate(torch.from_numpy(speech), impulse_response(room), functional())
    array: Floats = made.numpy()
    return array


def bursts(seed: int = 0) -> Floats:
    """Return noise that swells and fades four times a second, as syllables do."""
    times = np.arange(SAMPLES) / 8000
    noise = np.random.default_rng(seed).standard_normal(SAMPLES)
    made: Floats = (0.1 * noise * np.maximum(0, np.sin(2 * np.pi * 4 * times)) ** 2).astype(
        np.float32
    )
    return made


def test_a_clip_is_heard_as_scipys_convolution_has_it() -> None:
    speech = bursts()
    for room in rooms(12):
        wet = fftconvolve(speech.astype(float), impulse_response(room).astype(float))[:SAMPLES]
        wanted = wet * np.sqrt(np.square(speech).sum() / np.square(wet).sum())
        np.testing.assert_allclose(heard(speech, room), wanted, atol=2e-6)


def test_the_tail_falls_by_60_db_in_the_drawn_time_after_a_gap_and_is_as_weak_as_drawn() -> None:
    for room in rooms():
        response = impulse_response(room).astype(float)
        gap = round(room.gap_s * 8000)
        assert response[0] == 1
        assert not response[1:gap].any()
        tail = response[gap:]
        assert -10 * np.log10(np.square(tail).sum()) == pytest.approx(room.direct_db, abs=1e-4)
        # Schroeder's backward integral falls in a straight line; its last part ends at the cut.
        left_db = 10 * np.log10(np.cumsum(np.square(tail)[::-1])[::-1] / np.square(tail).sum())
        part = slice(0, np.argmax(left_db < -25))
        slope, _ = np.polyfit(np.arange(len(tail))[part] / 8000, left_db[part], 1)
        assert -60 / slope == pytest.approx(room.rt60_s, rel=0.25)


def test_parameters_fill_their_ranges() -> None:
    drawn = rooms(400)
    for name in ("rt60_s", "direct_db", "gap_s"):
        low, high = getattr(SURE, name)
        values = [getattr(room, name) for room in drawn]
        assert low <= min(values) < low + 0.03 * (high - low)
        assert high - 0.03 * (high - low) < max(values) <= high


def test_direct_sound_is_moved_by_no_sample() -> None:
    """So lips stay in step: the cross-correlation has its peak where it was."""
    speech = bursts()
    for room in rooms():
        likeness = correlate(heard(speech, room), speech, method="fft")
        assert np.argmax(likeness) - (SAMPLES - 1) == 0


def test_direct_sound_of_real_speech_is_moved_by_no_sample() -> None:
    """Speech repeats itself with its pitch: its correlation is whitened (GCC-PHAT)."""
    whole, rate = soundfile.read(
        shared_data("data", "audio", "eskimez_speech01.wav"), dtype="float32"
    )
    assert rate == 48000
    speech = resample_poly(whole, 1, 6)[:SAMPLES].astype(np.float32)
    for room in rooms(20):
        both = (
            np.fft.rfft(heard(speech, room), 2 * SAMPLES) * np.fft.rfft(speech, 2 * SAMPLES).conj()
        )
        likeness = np.fft.irfft(both / np.maximum(np.abs(both), 1e-9))
        assert np.argmax(likeness) == 0


def test_loudness_is_kept_and_silence_stays_silence() -> None:
    speech = bursts()
    for room in rooms(20):
        wet = heard(speech, room)
        assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(speech**2)), rel=1e-5)
        assert not np.allclose(wet, speech, atol=1e-3)
    assert not heard(np.zeros(SAMPLES, np.float32), rooms(1)[0]).any()


def test_a_room_longer_than_the_window_is_cut_to_it() -> None:
    speech = bursts()[:600]
    room = RoomDraw(rt60_s=0.8, direct_db=0.0, gap_s=0.002, seed=1)
    assert heard(speech, room).shape == (600,)


def augmented(config: SpeechAugmentConfig, first: int = 0, last: int = 4) -> torch.Tensor:
    speech = torch.from_numpy(np.stack([bursts(row) for row in range(4)]))
    return SpeechAugment(config)(
        speech[first:last], keys=KEYS[first:last], places=PLACES[first:last], seed=5
    )


def test_a_room_depends_on_seed_place_and_key_and_on_no_rank() -> None:
    config = SpeechAugmentConfig.model_validate(
        {"reverberation": {"p": 0.5}, "noise": {"p": 0.5}, "gain": {"p": 0.5}}
    )
    whole = augmented(config)
    for row in range(4):
        assert torch.equal(augmented(config, row, row + 1)[0], whole[row])
    draws = {
        RoomDraw.of(SURE, *who) for who in [(1, 2, "a"), (2, 2, "a"), (1, 3, "a"), (1, 2, "b")]
    }
    assert len(draws) == 4
    assert RoomDraw.of(SURE, 1, 2, "a") in draws


def test_rooms_come_as_often_as_asked() -> None:
    assert 0.4 < len(rooms(400, ReverberationConfig(p=0.5))) / 400 < 0.6
    assert rooms(100, ReverberationConfig()) == []


def test_the_room_comes_before_the_noise_whose_draw_it_does_not_change() -> None:
    noise = {"p": 1.0, "kinds": ["white"], "snr_db": [10.0, 10.0]}
    dry = augmented(SpeechAugmentConfig.model_validate({"noise": noise}))
    wet = augmented(SpeechAugmentConfig.model_validate({"noise": noise, "reverberation": {"p": 1}}))
    for row, (key, place) in enumerate(zip(KEYS, PLACES, strict=True)):
        room = RoomDraw.of(ReverberationConfig(p=1), 5, place, key)
        assert room is not None
        in_room = heard(bursts(row), room)
        # Both are as loud, so the same noise is as loud too: none of it was heard in the room.
        added = dry[row].numpy() - bursts(row)
        np.testing.assert_allclose(wet[row].numpy() - in_room, added, atol=1e-5)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"rt60_s": [0.8, 0.1]}, "from low to high"),
        ({"gap_s": [0.01, 0.2]}, "the tail must begin before it has ended"),
        ({"p": 1.5}, "less than or equal to 1"),
        ({"rt60_s": [0.1, 99]}, "less than or equal to 10"),
    ],
)
def test_rooms_that_cannot_be_are_refused(tree: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ReverberationConfig.model_validate(tree)
