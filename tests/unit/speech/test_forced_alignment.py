"""The sounds of a known sentence are found where they are spoken."""

from itertools import pairwise

import numpy as np
import pytest

from emotalk.media.spooled_sound import spool_audio
from emotalk.schema import SAMPLE_RATE, Floats
from emotalk.speech.forced_alignment import align_phones, spoken_text, text_words
from emotalk.speech.phones import BILABIALS
from tests.helpers.shared import shared_data

WORDS_OF = {"s1_bbbm2p": "bin blue by m two please", "s1_pwaj8p": "place white at j eight please"}


def recording(name: str) -> tuple[Floats, list[tuple[float, float, str]]]:
    """Return a GRID clip's sound at 8 kHz, and the corpus' own word times."""
    sound = spool_audio(shared_data("data", "grid_s1_600", f"{name}.mp4"), rate=SAMPLE_RATE)
    text = shared_data("data", "grid_s1_600", "align", f"{name}.align").read_text()
    lines = [line.split() for line in text.splitlines()]
    words = [(int(a) / 25_000, int(b) / 25_000, w) for a, b, w in lines if w not in {"sil", "sp"}]
    return sound.read(0, sound.size), words


@pytest.mark.parametrize("name", WORDS_OF)
def test_sounds_lie_in_the_words_that_the_corpus_timed(name: str) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra `closure` is not installed")
    sound_S, words = recording(name)
    phones = align_phones(WORDS_OF[name], sound_S)
    assert phones is not None
    assert [p.name for p in phones[:2]] == {"b": ["B", "IH"], "p": ["P", "L"]}[name[3]]
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(phones))
    first, last = words[0], words[-1]
    assert phones[0].start == pytest.approx(first[0], abs=0.1)
    assert phones[-1].end == pytest.approx(last[1], abs=0.2)
    for phone in phones:
        if phone.name in BILABIALS:
            inside = [w for a, b, w in words if a - 0.06 <= phone.middle <= b + 0.06]
            assert any(phone.name.lower() in word for word in inside)


def test_the_same_sound_gives_the_same_times_after_others() -> None:
    pytest.importorskip("pocketsphinx", reason="the extra `closure` is not installed")
    (name, text), (other, its_text) = WORDS_OF.items()
    sound_S, _ = recording(name)
    first = align_phones(text, sound_S)
    align_phones(its_text, recording(other)[0])
    align_phones("I would like a new alarm clock", sound_S)  # a sentence that is not spoken
    assert first is not None
    assert align_phones(text, sound_S) == first


def test_what_cannot_be_aligned_is_not_guessed() -> None:
    pytest.importorskip("pocketsphinx", reason="the extra `closure` is not installed")
    noise_S = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    assert align_phones("", noise_S) is None
    assert align_phones("xqzzyv grumph", noise_S) is None
    assert align_phones("seventy 7 people", noise_S) is None
    assert align_phones("bin blue", np.zeros(0, np.float32)) is None
    assert align_phones("bin " * 1000, noise_S) is None
    assert (
        align_phones("the airplane is almost full and so is every other one", noise_S[:800]) is None
    )


def test_crema_d_s_sentences_are_in_the_dictionary() -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="the extra `closure` is missing")
    from etl.corpora.crema_d import SENTENCES

    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    words = {word for text in SENTENCES.values() for word in text_words(text)}
    assert [word for word in sorted(words) if decoder.lookup_word(word) is None] == []


def test_words_keep_their_apostrophes_and_lose_the_punctuation() -> None:
    assert text_words("It\u2019s eleven o'clock!") == ["it's", "eleven", "o'clock"]
    assert text_words('well-known, "quoted" words...') == ["well", "known", "quoted", "words"]
    assert text_words("bin blue at f 2 now") == ["bin", "blue", "at", "f", "2", "now"]
    assert text_words(" - ") == []


def test_the_text_is_the_corpus_own_or_its_words() -> None:
    words = [{"word": "bin", "start": 0, "end": 1}, {"word": "blue", "start": 1, "end": 2}]
    assert spoken_text({"text": "Hello you", "words": words}) == "Hello you"
    assert spoken_text({"words": words}) == "bin blue"
    assert spoken_text({"sentence": "IEO"}) is None
    assert spoken_text({"text": 7, "words": [3]}) is None
    assert spoken_text({"text": "  "}) is None
