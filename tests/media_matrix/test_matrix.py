"""Flash and beep stay together through every container and every odd way of writing times."""

import re
import subprocess
from pathlib import Path

import pytest

from emotalk.media.sound import read_sound
from emotalk.schema import Rejection
from tests.media_matrix.cases import CASES, QUICK
from tests.media_matrix.flash_beep import FFMPEG
from tests.media_matrix.onsets import FRAME_S, judge
from tests.media_matrix.run import table

WRITERS = dict(CASES)
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg here: apt-get install ffmpeg")


@needs_ffmpeg
@pytest.mark.parametrize("name", QUICK)
def test_a_clip_is_accepted_with_its_flashes_at_its_beeps(tmp_path: Path, name: str) -> None:
    verdict = judge(WRITERS[name](tmp_path))
    assert verdict.reason is None
    assert verdict.pairs >= 2
    assert verdict.worst_s <= FRAME_S
    assert verdict.seconds > 1.8


@needs_ffmpeg
def test_a_clock_that_is_set_back_is_named_and_the_advice_mends_it(tmp_path: Path) -> None:
    joined, mended = tmp_path / "joined.ts", tmp_path / "mended.mp4"
    parts = [WRITERS[name](tmp_path).read_bytes() for name in ("ts", "ts_starts_at_0")]
    joined.write_bytes(b"".join(parts))
    with pytest.raises(Rejection, match="run back") as caught:
        read_sound(joined)
    assert caught.value.reason == "no_times"
    advice = re.search(r"`ffmpeg (-i IN .* OUT\.mp4)`", caught.value.message)
    assert advice is not None
    words = {"IN": str(joined), "OUT.mp4": str(mended)}
    command = [words.get(word, word) for word in advice[1].split()]
    subprocess.run([str(FFMPEG), "-v", "error", *command], check=True)
    verdict = judge(mended)
    assert verdict.reason is None
    assert verdict.pairs == 6
    assert verdict.worst_s <= FRAME_S


@needs_ffmpeg
@pytest.mark.slow
def test_every_clip_of_the_matrix_is_accepted_with_its_flashes_at_its_beeps() -> None:
    text, verdicts = table([])
    wrong = {
        name: verdict
        for name, verdict in verdicts.items()
        if verdict.reason is not None or verdict.pairs < 2 or verdict.worst_s > FRAME_S
    }
    assert wrong == {}, text
