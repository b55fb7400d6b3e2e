"""Flash and beep stay together through every container and every odd way of writing times."""

from pathlib import Path

import pytest

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
    assert verdict.seconds > 1.9


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
