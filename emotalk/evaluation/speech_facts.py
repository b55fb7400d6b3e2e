"""Find what metrics need to know of a clip's speech: other sentences, and its sounds' times."""

from emotalk.evaluation.comparison import SpeechFacts
from emotalk.schema import Floats
from emotalk.shards.clip import Clip
from emotalk.speech.forced_alignment import align_phones, aligner_installed, spoken_text

OTHERS = 5  # speeches of other sentences that each clip's lips are compared with


def speech_facts(clip: Clip, others: tuple[Floats, ...]) -> SpeechFacts:
    """Return the facts of a clip's speech.

    Its sounds are None without a known text, without the extra that aligns it, and where they
    cannot be found.
    """
    text = spoken_text(clip.json)
    phones = align_phones(text, clip.audio_S) if text and aligner_installed() else None
    return SpeechFacts(others, phones)
