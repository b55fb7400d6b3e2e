"""A pair's notes say whether the generated mouth is early, late or still."""

import numpy as np
import pytest

from emotalk.evaluation.pairs.mouth_notes import mouth_notes
from emotalk.evaluation.results import ClipResults
from emotalk.schema import Doubles

FRAMES = 60
TRUE_T: Doubles = np.random.default_rng(3).random(FRAMES + 20)


def noted(made_T: Doubles) -> tuple[str, ...]:
    """Return the notes on a mouth beside frames 10 to 70 of the true motion."""
    openings = {"generated": made_T, "truth": TRUE_T[10:-10]}
    return mouth_notes(
        ClipResults("k", "a", None, None, {}, openings, np.ones(FRAMES, bool), None, {})
    )


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6])
def test_a_shifted_mouth_is_named_with_its_direction(frames: int) -> None:
    count = "1 frame" if frames == 1 else f"{frames} frames"
    late = f"the generated mouth is the true one's, {count} ({40 * frames} ms) late"
    assert noted(TRUE_T[10 - frames : -10 - frames]) == (late,)
    assert noted(TRUE_T[10 + frames : -10 + frames or None]) == (late.replace("late", "early"),)


def test_a_mouth_in_time_has_no_note_and_a_still_one_has() -> None:
    assert noted(TRUE_T[10:-10]) == ()
    still = ("the generated mouth does not move in speech",)
    assert noted(np.full(FRAMES, 0.5)) == still
    assert noted(0.5 + 0.05 * TRUE_T[10:-10]) == still


def test_a_mouth_that_moves_in_another_way_is_left_to_the_figures() -> None:
    assert noted(np.random.default_rng(4).random(FRAMES)) == ()


def test_nothing_is_said_where_no_mouth_was_measured() -> None:
    assert mouth_notes(ClipResults("k", "a", None, None, {}, {}, np.ones(9, bool), None, {})) == ()
    assert noted(np.full(FRAMES, np.nan)) == ()
