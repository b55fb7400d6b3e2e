"""Emotion losses against probabilities worked out by hand."""

import math

import pytest
import torch

from emotalk.losses.emotion import emotion_critic, emotion_cross_entropy
from emotalk.schema import UNKNOWN_EMOTION

# Probabilities 1/4, 1/4, 1/2 and 1/10, 1/10, 8/10; the last class is "generated".
LOGITS_BK = torch.tensor([[1.0, 1.0, 2.0], [1.0, 1.0, 8.0]]).log()
EMOTION_B = torch.tensor([1, 0])


def test_cross_entropy_is_minus_the_log_of_the_emotions_probability() -> None:
    expected = torch.tensor([math.log(4), math.log(10)])
    torch.testing.assert_close(emotion_cross_entropy(LOGITS_BK, EMOTION_B), expected)


def test_critic_wants_the_class_of_real_clips_and_the_last_one_for_generated() -> None:
    loss = emotion_critic(LOGITS_BK, LOGITS_BK.flip(0), EMOTION_B)
    expected = torch.tensor([math.log(4) + math.log(10 / 8), math.log(10) + math.log(2)]) / 2
    torch.testing.assert_close(loss, expected)


def test_gradients_pass_gradcheck() -> None:
    draws = torch.Generator().manual_seed(0)
    real, fake = (
        torch.randn(3, 7, dtype=torch.float64, generator=draws, requires_grad=True)
        for _ in range(2)
    )
    emotion = torch.tensor([0, 5, 3])
    assert torch.autograd.gradcheck(lambda r, f: emotion_critic(r, f, emotion), (real, fake))


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(ValueError, match=r"emotion_B: got 3, allowed are 0 .. 2 and -1"):
        emotion_cross_entropy(LOGITS_BK, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match=r"emotion_B: got torch.float32, expected torch.int64"):
        emotion_cross_entropy(LOGITS_BK, torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"emotion_B: shape \(1,\)"):
        emotion_cross_entropy(LOGITS_BK, torch.tensor([0]))
    with pytest.raises(ValueError, match=r"logits_BK: shape"):
        emotion_cross_entropy(LOGITS_BK[0], EMOTION_B)


def test_a_clip_of_unknown_emotion_has_no_loss_and_no_gradient() -> None:
    some_B = torch.tensor([UNKNOWN_EMOTION, 0])
    for name in ("cross entropy", "critic"):
        logits_BK = LOGITS_BK.clone().requires_grad_()
        if name == "critic":
            values_B = emotion_critic(logits_BK, logits_BK.flip(1), some_B)
        else:
            values_B = emotion_cross_entropy(logits_BK, some_B)
        torch.autograd.backward(values_B.sum())
        assert logits_BK.grad is not None
        assert float(values_B[0].detach()) == 0.0
        assert float(logits_BK.grad[0].abs().max()) == 0.0
        assert float(logits_BK.grad[1].abs().max()) > 0.0
    labelled = emotion_critic(LOGITS_BK, LOGITS_BK.flip(1), EMOTION_B)
    assert torch.equal(emotion_critic(LOGITS_BK, LOGITS_BK.flip(1), some_B)[1], labelled[1])
