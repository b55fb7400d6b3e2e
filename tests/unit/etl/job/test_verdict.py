"""A verdict comes back from its bytes as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.job.verdict import Verdict, pack_face, pack_verdict, unpack_face, unpack_verdict

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.dictionaries(st.text(max_size=9), NUMBERS, max_size=3)
NAMES = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=80, deadline=None)
@given(
    verdict=st.builds(
        Verdict,
        key=NAMES,
        clip=NAMES,
        source=st.tuples(st.integers(0), st.integers(0)),
        frames=st.integers(0, 2**40),
        face=st.sampled_from([b"", pack_face(np.full((68, 2), -1.5))]),
        reason=NAMES,
        detail=NAMES,
        seconds=st.one_of(st.none(), VALUES.filter(bool)),
        sha256=NAMES,
        node=NAMES,
        measures=VALUES,
    )
)
def test_a_verdict_comes_back(verdict: Verdict) -> None:
    assert unpack_verdict(pack_verdict(verdict)) == verdict


def test_a_face_keeps_six_digits_as_decimal_text_would() -> None:
    """The reference is the text of the rounded number, read again."""
    face_LP = np.random.default_rng(3).uniform(-30, 160, (68, 2))
    wanted = [[float(f"{value:.6f}") for value in point] for point in face_LP]
    assert unpack_face(pack_face(face_LP)).tolist() == wanted


def test_a_face_of_another_number_of_landmarks_is_refused() -> None:
    with pytest.raises(ValueError, match="mean face"):
        pack_face(np.zeros((5, 2)))
