"""Shapes are checked at borders, and rejections survive the trip between workers."""

import pickle

import numpy as np
import pytest

from emotalk.schema import Rejection, check_shape


def test_check_shape_returns_the_sizes_by_letter() -> None:
    assert check_shape(np.zeros((2, 5, 3, 8, 9)), "B T 3 H W", "video") == {
        "B": 2,
        "T": 5,
        "H": 8,
        "W": 9,
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [("B T", "3 axes"), ("B 4 H", "axis 4 is 5, expected 4"), ("B T B", "axis B is 3, expected 2")],
)
def test_check_shape_names_the_argument_and_the_axis(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"video.*{message}"):
        check_shape(np.zeros((2, 5, 3)), spec, "video")


def test_a_rejection_keeps_its_parts_when_pickled() -> None:
    copy = pickle.loads(pickle.dumps(Rejection("no_face", "0 of 9 frames", "a.mp4")))  # noqa: S301
    assert (copy.reason, copy.detail, copy.clip) == ("no_face", "0 of 9 frames", "a.mp4")
    assert str(copy).startswith("a.mp4: no_face: 0 of 9 frames; cut the clip")
