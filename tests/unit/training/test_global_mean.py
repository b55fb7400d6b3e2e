"""The engine's average of every process's shares is the mean over the step's valid clips."""

from dataclasses import replace

import pytest
import torch

from emotalk.training.global_mean import GlobalMean
from tests.helpers.drawn_inputs import drawn_inputs


def test_shares_of_unequal_processes_and_micro_batches_average_to_the_mean() -> None:
    """The first process has two micro-batches with one faulty clip, the second has one clip."""
    x = drawn_inputs(4)
    both, first = torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])
    mean = GlobalMean(valid=4, processes=2)
    ours = [
        mean.share(torch.tensor([1.0, 2.0]), replace(x, valid_B=both)),
        mean.share(torch.tensor([5.0, 99.0]), replace(x, valid_B=first)),
    ]
    theirs = [mean.share(torch.tensor([8.0, 99.0]), replace(x, valid_B=first))]
    average = (sum(map(float, ours)) + sum(map(float, theirs))) / 2
    assert average == pytest.approx((1 + 2 + 5 + 8) / 4)


def test_terms_of_the_emotion_average_over_the_clips_with_a_label() -> None:
    values_B = torch.tensor([3.0, 0.0, 5.0, 0.0])  # 0: no label
    mean = GlobalMean(valid=4, processes=1, unlabelled=2)
    assert float(mean.over_labelled(values_B).mean()) == pytest.approx((3 + 5) / 2)
    known = GlobalMean(valid=4, processes=1)
    assert known.over_labelled(values_B) is values_B


@pytest.mark.parametrize(
    ("valid", "unlabelled", "expected"), [(4, 4, True), (4, 3, False), (0, 0, False)]
)
def test_a_step_is_without_labels_if_no_valid_clip_has_one(
    valid: int, unlabelled: int, expected: bool
) -> None:
    assert GlobalMean(valid, 1, unlabelled).without_label is expected
