"""Utterances end at pauses; who speaks when is found as the words' times say."""

import numpy as np

from emotalk.media.spooled_sound import spool_audio
from emotalk.media.voice_activity import RATE, WINDOW_S, speech_probabilities
from emotalk.schema import Floats
from etl.recording.voice import Interval, utterances
from tests.helpers.shared import shared_data

ALIGN_RATE = 25_000  # time steps a second in GRID's files of word times


def windows(text: str) -> Floats:
    """Return probabilities: `#` speech, `-` between the thresholds, `.` none."""
    values = {"#": 0.9, "-": 0.4, ".": 0.1}
    return np.array([values[letter] for letter in text], np.float32)


def ends(found: list[Interval]) -> list[tuple[int, int]]:
    """Return begin and end of each in windows."""
    return [(round(u.start_s / WINDOW_S), round(u.end_s / WINDOW_S)) for u in found]


def test_a_pause_parts_utterances_from_its_shortest_length_on() -> None:
    pause = "." * 7  # 0.224 s
    first_s = 1000 * WINDOW_S
    text = f"..####{pause}####{pause[1:]}####"
    found = utterances(windows(text), first_s=first_s, min_pause_s=0.2)
    assert ends(found) == [(1002, 1006), (1013, 1027)]


def test_speech_begins_at_the_higher_threshold_and_ends_at_the_lower() -> None:
    found = utterances(windows("--####---#--.."), first_s=0.0, min_pause_s=0.2)
    assert ends(found) == [(2, 12)]


def test_a_click_is_no_utterance() -> None:
    assert utterances(windows("....##....."), first_s=0.0, min_pause_s=0.2) == []
    assert utterances(windows(""), first_s=0.0, min_pause_s=0.2) == []


def test_words_of_real_people_lie_within_utterances() -> None:
    folder = shared_data("data", "grid_s1_600")
    names = sorted(path.stem for path in (folder / "align").iterdir())[::60]
    right, total = 0, 0
    for name in names:
        sound = spool_audio(folder / f"{name}.mp4", rate=RATE)
        found = utterances(speech_probabilities(sound), first_s=sound.start_s, min_pause_s=0.2)
        for line in (folder / "align" / f"{name}.align").read_text().splitlines():
            start, end, word = line.split()
            if word not in ("sil", "sp"):
                middle_s = (int(start) + int(end)) / 2 / ALIGN_RATE
                right += any(u.start_s <= middle_s <= u.end_s for u in found)
                total += 1
    assert total == 60
    assert right >= 58
