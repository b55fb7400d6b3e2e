"""Stretches hold whole utterances of one face, as much speech as can be."""

import itertools

import numpy as np
import pytest

from etl.recording.cut import Limits, cut, left_out_seconds
from etl.recording.voice import Interval

LIMITS = Limits(min_seconds=3.0, max_seconds=10.0, min_voice_share=0.3)
HOUR = [Interval(0.0, 3600.0)]


def said(*periods: tuple[float, float]) -> list[Interval]:
    return [Interval(*period) for period in periods]


def random_speech(seed: int, until_s: float = 600.0) -> list[Interval]:
    rng = np.random.default_rng(seed)
    found, at_s = [], 0.0
    while at_s < until_s:
        at_s += float(rng.choice([0.2, 0.3, 0.5, 1.0, 4.0]))
        length_s = float(rng.uniform(0.2, 6.0))
        found.append(Interval(round(at_s, 3), round(at_s + length_s, 3)))
        at_s += length_s
    return found


@pytest.mark.parametrize("seed", range(6))
def test_no_word_is_split_and_no_limit_broken(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    voice = random_speech(seed)
    edges = np.sort(rng.uniform(0, 600, 40)).round(3).tolist()
    faces = [Interval(a, b) for a, b in itertools.pairwise(edges) if rng.random() < 0.8]
    stretches = cut(faces, voice, LIMITS)
    assert len(stretches) > 10
    for stretch in stretches:
        assert 3.0 - 1e-9 <= stretch.seconds <= 10.0 + 1e-9
        assert any(f.start_s <= stretch.start_s and stretch.end_s <= f.end_s for f in faces)
        inside = [v for v in voice if v.end_s > stretch.start_s and v.start_s < stretch.end_s]
        assert all(stretch.start_s <= v.start_s and v.end_s <= stretch.end_s for v in inside)
        assert sum(v.seconds for v in inside) >= 0.3 * stretch.seconds - 1e-9
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(stretches))


def covered(stretches: list[Interval], voice: list[Interval]) -> float:
    return sum(
        v.seconds for v in voice for s in stretches if s.start_s <= v.start_s and v.end_s <= s.end_s
    )


@pytest.mark.parametrize("seed", range(4))
def test_no_other_choice_holds_more_speech(seed: int) -> None:
    """Every division of a dozen utterances into runs and gaps is tried."""
    voice = random_speech(seed, until_s=32.0)[:9]
    most = 0.0
    for labels in itertools.product((0, 1, 2), repeat=len(voice)):  # left out, joined, begins anew
        groups: list[list[int]] = []
        for number, label in enumerate(labels):
            if label == 2 or (label == 1 and (not number or labels[number - 1] == 0)):
                groups.append([number])
            elif label == 1:
                groups[-1].append(number)
        total = 0.0
        for group in groups:
            alone = [voice[n] for n in range(len(voice)) if n in group]
            if len(cut([_room(voice, group)], alone, LIMITS)) != 1:
                break
            if covered(cut([_room(voice, group)], alone, LIMITS), alone) < sum(
                v.seconds for v in alone
            ):
                break
            total += sum(v.seconds for v in alone)
        else:
            most = max(most, total)
    assert covered(cut(HOUR, voice, LIMITS), voice) == pytest.approx(most)


def _room(voice: list[Interval], group: list[int]) -> Interval:
    """Return how far a stretch with these utterances may reach."""
    low = (voice[group[0] - 1].end_s + voice[group[0]].start_s) / 2 if group[0] else 0.0
    last = group[-1]
    after = voice[last + 1].start_s if last + 1 < len(voice) else 7200.0 - voice[last].end_s
    return Interval(max(0.0, low), min(3600.0, (voice[last].end_s + after) / 2))


def ends(stretches: list[Interval]) -> list[tuple[float, float]]:
    """Return begin and end of each, rounded so that they can be compared."""
    return [(round(s.start_s, 6), round(s.end_s, 6)) for s in stretches]


def test_an_utterance_that_a_shot_change_cuts_is_left_out() -> None:
    faces = said((0.0, 5.0), (5.0, 10.0))
    stretches = cut(faces, said((0.5, 3.6), (4.0, 6.0), (6.4, 9.8)), LIMITS)
    assert ends(stretches) == [(0.3, 3.8), (6.2, 10.0)]


def test_a_short_utterance_gets_the_silence_about_it_up_to_the_shortest_stretch() -> None:
    assert ends(cut(said((10.0, 13.0)), said((10.9, 12.4)), LIMITS)) == [(10.0, 13.0)]
    assert cut(said((10.0, 12.9)), said((10.9, 12.4)), LIMITS) == []


def test_speech_in_other_shots_takes_no_room_of_this_one() -> None:
    faces = said((10.0, 13.0), (13.0, 16.0))
    stretches = cut(faces, said((9.0, 9.9), (10.9, 12.4), (13.1, 15.0)), LIMITS)
    assert ends(stretches) == [(10.0, 13.0), (13.0, 16.0)]


def test_long_silence_is_in_no_stretch() -> None:
    stretches = cut(HOUR, said((10.0, 13.0), (16.0, 19.0)), LIMITS)
    assert ends(stretches) == [(9.8, 13.2), (15.8, 19.2)]


def test_a_word_in_much_silence_is_left_out_as_voiceless() -> None:
    assert cut(HOUR, said((10.0, 10.8)), LIMITS) == []
    assert len(cut(HOUR, said((10.0, 11.0)), LIMITS)) == 1


def test_speech_without_a_pause_for_longer_than_a_stretch_is_left_out() -> None:
    assert cut(HOUR, said((1.0, 11.1)), LIMITS) == []
    (stretch,) = cut(HOUR, said((1.0, 10.9)), LIMITS)
    assert stretch.seconds == pytest.approx(10.0)


def test_hours_in_one_shot_are_cut_in_time_that_grows_with_their_length() -> None:
    voice = random_speech(7, until_s=20_000.0)
    stretches = cut([Interval(0.0, 30_000.0)], voice, LIMITS)
    assert covered(stretches, voice) > 0.8 * sum(v.seconds for v in voice)


def test_every_second_is_accounted_for() -> None:
    faces, voice = [Interval(0.0, 10.0)], said((1.0, 4.0), (9.0, 12.0), (15.0, 16.0))
    stretches = cut(faces, voice, LIMITS)
    left_out_s = left_out_seconds(20.0, faces, voice, stretches)
    assert left_out_s["no_voice"] == pytest.approx(20.0 - 3.4 - 3.0 - 1.0, abs=0.05)
    assert left_out_s["no_face"] == pytest.approx(3.0, abs=0.05)
    assert left_out_s["broken"] == pytest.approx(1.0, abs=0.05)
    assert sum(left_out_s.values()) + 3.4 == pytest.approx(20.0, abs=0.05)
    lost = left_out_seconds(20.0, faces, voice, stretches, said((15.5, 17.0)))
    assert lost["damaged"] == pytest.approx(1.5, abs=0.05)
    assert lost["no_face"] == pytest.approx(2.5, abs=0.05)
    assert sum(lost.values()) + 3.4 == pytest.approx(20.0, abs=0.05)
