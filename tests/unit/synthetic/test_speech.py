"""Mouth and voice follow one articulation track."""

import numpy as np
import pytest
from scipy.signal import welch

from emotalk.synthetic.articulation import TRACK_RATE, Articulation, articulate
from emotalk.synthetic.sentences import PHONEMES, SENTENCES, Sentence
from emotalk.synthetic.voice import VOICE_RATE, Delivery, speak

PLAIN = Delivery(pitch_hz=120, pitch_range=0, energy=1, breath=0, tremble=0, tract=1)


def said(phonemes: str, gain: float = 1.0, tempo: float = 1.0) -> Articulation:
    sentence = Sentence("test", phonemes, ())
    return articulate(sentence, tempo=tempo, opening_gain=gain, silence_s=(0.3, 0.2))


def voiced(articulation: Articulation, delivery: Delivery = PLAIN) -> np.ndarray:
    return speak(articulation, delivery, np.random.default_rng(1))


def test_the_twelve_sentences_have_crema_ds_codes_and_known_phonemes() -> None:
    codes = "IEO TIE IOM IWW TAI MTI IWL ITH DFA ITS TSI WSI"
    assert list(SENTENCES) == codes.split()
    for sentence in SENTENCES.values():
        assert len(sentence.words) == len(sentence.text.split())
        assert all(name in PHONEMES for word in sentence.words for name in word)
        assert max(sentence.stressed) < len(sentence.words)


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_lasts_as_long_as_people_take(code: str) -> None:
    for tempo in (0.9, 1.1):
        track = articulate(SENTENCES[code], tempo=tempo, opening_gain=0.9, silence_s=(0.3, 0.25))
        assert 1.4 < track.duration_s < 3.1


def test_the_mouth_is_shut_in_silence_and_for_m_b_p() -> None:
    track = said("AA M AA|AA B AA|AA P AA")
    assert track.opening[: int(0.25 * TRACK_RATE)].max() == 0
    assert track.opening[-int(0.15 * TRACK_RATE) :].max() == 0
    inside = track.opening[int(0.36 * TRACK_RATE) : -int(0.3 * TRACK_RATE)]
    closed = inside < 0.06
    assert np.count_nonzero(np.diff(closed.astype(int)) == 1) == 3
    assert inside.max() > 0.95


def test_rounded_and_spread_vowels_differ_in_width() -> None:
    middle = slice(int(0.36 * TRACK_RATE), int(0.40 * TRACK_RATE))
    assert said("IY").spread[middle].mean() > 0.8
    assert said("UW").spread[middle].mean() < -0.6
    assert said("AA").spread[0] == pytest.approx(0)


def test_neighbours_flow_into_each_other_without_jumps() -> None:
    track = said("IY AA UW")
    assert np.abs(np.diff(track.opening)).max() < 0.05
    assert np.abs(np.diff(track.spread)).max() < 0.06


def test_an_open_vowel_is_louder_and_its_first_formant_is_where_the_opening_puts_it() -> None:
    def spectrum(vowel: str) -> tuple[np.ndarray, np.ndarray, float]:
        sound = voiced(said(" ".join([vowel] * 12)))[VOICE_RATE // 2 : -VOICE_RATE // 2]
        f, power = welch(sound, VOICE_RATE, nperseg=2048)
        return f, power, float(np.sqrt(np.mean(sound**2)))

    for vowel in ("AA", "EH", "UW"):
        track = said(vowel)
        f1 = track.f1[int(0.35 * TRACK_RATE) : int(0.39 * TRACK_RATE)].mean()
        f, power, _ = spectrum(vowel)
        low = (f > 150) & (f < 1000)
        assert f[low][np.argmax(power[low])] == pytest.approx(f1, abs=110)  # 120 Hz harmonics


def test_the_voice_sounds_at_the_pitch_it_is_given() -> None:
    for pitch in (100.0, 180.0):
        delivery = Delivery(pitch, 0, 1, 0, 0, 1)
        sound = voiced(said("EH EH EH EH EH EH"), delivery)
        part = sound[VOICE_RATE // 2 : VOICE_RATE // 2 + 8192]
        correlation = np.correlate(part, part, "full")[len(part) - 1 :]
        lags = slice(VOICE_RATE // 400, VOICE_RATE // 60)
        period = lags.start + int(np.argmax(correlation[lags]))
        # Without melody the declination remains off as well: pitch_range 0 is monotone.
        assert VOICE_RATE / period == pytest.approx(pitch, rel=0.03)


def test_silence_is_quiet_hiss_is_high_and_survives_at_8_khz() -> None:
    track = said("AA S S S S AA")
    sound = voiced(track)
    assert np.abs(sound[: VOICE_RATE // 5]).max() < 0.002
    middle = int(np.flatnonzero(track.noise > 0.5).mean() / TRACK_RATE * VOICE_RATE)
    hiss = sound[middle - VOICE_RATE // 20 : middle + VOICE_RATE // 20]
    f, power = welch(hiss, VOICE_RATE, nperseg=1024)
    assert f[np.argmax(power)] > 3_500
    assert power[(f > 2_500) & (f < 4_000)].sum() > 10 * power[f < 1_000].sum()


def test_energy_makes_speech_louder() -> None:
    quiet, loud = (voiced(said("AA EH"), Delivery(120, 0, e, 0, 0, 1)) for e in (0.55, 1.7))
    assert loud.std() > 1.5 * quiet.std()
    assert np.abs(loud).max() <= 1.0
