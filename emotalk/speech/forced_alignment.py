"""Align a known English sentence with its recording by pocketsphinx: when is which sound spoken?

pocketsphinx (BSD) carries its acoustic model and CMU's pronouncing dictionary. It is an extra:
`pip install 'emotalk[closure]'`. Word borders are off by 20 ms in the median from GRID's own on
8 kHz sound (`emotalk/speech/README.md`).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from emotalk.media.resample import resample
from emotalk.schema import SAMPLE_RATE, Floats
from emotalk.speech.grid_sentences import grid_sentence
from emotalk.speech.phones import Phone

EXTRA = "closure"
RATE = 16_000  # of the acoustic model
TICK_S = 0.01  # pocketsphinx' unit of time
LONGEST_TEXT = 1000  # characters
LONGEST_S = 60.0  # of sound
# Wider than the defaults, with which the search loses some recordings. The lattice's best path has
# other word borders than the search, at which the alignment of sounds then fails.
SETTINGS = {"bestpath": False, "beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?|'[a-z]+")


def aligner_installed() -> bool:
    """Return whether the extra package is installed."""
    return find_spec("pocketsphinx") is not None


def spoken_text(facts: Mapping[str, Any]) -> str | None:
    """Return what is said in a sample by its JSON, or None where nobody wrote it down.

    It is the `text` of the corpus or of clips.csv, else the words of its word times, else the
    sentence that a GRID clip's name stands for.
    """
    text, words = facts.get("text"), facts.get("words")
    if isinstance(text, str) and text.strip():
        return text
    if isinstance(words, list) and words:
        spoken = [word.get("word") if isinstance(word, dict) else None for word in words]
        if all(isinstance(word, str) for word in spoken):
            return " ".join(map(str, spoken))
    return grid_sentence(str(facts.get("clip", "")))


def align_phones(text: str, audio_S: Floats) -> tuple[Phone, ...] | None:
    """Return the sounds of a sentence with their times, or None where they cannot be found.

    None: a word that the dictionary does not have (digits, other languages), another sentence than
    the spoken one, too long a text or sound.

    Args:
        text: the English sentence.
        audio_S: mono speech at 8 kHz in [-1, 1]; its time 0 is that of the result.

    Raises:
        ModuleNotFoundError: the extra package is not installed; see `aligner_installed`.
    """
    words = text_words(text)
    seconds = len(audio_S) / SAMPLE_RATE
    if not words or len(text) > LONGEST_TEXT or not 0 < seconds <= LONGEST_S:
        return None
    decoder = _decoder()
    if any(decoder.lookup_word(word) is None for word in words):
        return None
    samples_S = np.clip(resample(audio_S, SAMPLE_RATE, RATE), -1, 1)
    pcm = (samples_S * 32767).astype("<i2").tobytes()
    try:
        return _aligned(decoder, words, pcm)
    except RuntimeError:  # what pocketsphinx raises for sound that is not of this text
        _decoder.cache_clear()  # it is of no use after a failure
        return None


def text_words(text: str) -> list[str]:
    """Return the words of a text in lower case; a word with digits or other letters is kept whole.

    So such a word is in no dictionary, and the text is not aligned without it.
    """
    words = []
    for token in text.lower().replace("\u2019", "'").split():
        bare = token.strip('"“”.,;:!?()[]-–—')
        parts = bare.split("-")
        words += [part for part in parts if part] if all(map(_WORD.fullmatch, parts)) else [bare]
    return [word for word in words if word]


def _aligned(decoder: Any, words: list[str], pcm: bytes) -> tuple[Phone, ...] | None:
    """Return the phones of two passes: the words first, then the sounds within them."""
    decoder.set_align_text(" ".join(words))
    _decode(decoder, pcm)
    if decoder.hyp() is None:
        return None
    decoder.set_alignment()
    _decode(decoder, pcm)
    alignment = decoder.get_alignment()  # its words are read at once: they are views into it
    found, phones = [], []
    for word in alignment:
        if word.name.startswith("<"):
            continue
        found.append(word.name.split("(")[0])  # the dictionary's second pronunciation: `a(2)`
        for phone in word:
            end = phone.start + phone.duration
            phones.append(Phone(phone.name, phone.start * TICK_S, end * TICK_S))
    return tuple(phones) if found == words else None


def _decode(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()


@lru_cache(maxsize=1)
def _decoder() -> Any:
    return import_module("pocketsphinx").Decoder(lm=None, loglevel="FATAL", **SETTINGS)
