"""The towers see no border, and the similarity of every lag is the mean over common frames."""

import numpy as np
import pytest
import torch

from emotalk.lip_sync.features import LIP_FEATURES, MELS, SPECTRA_PER_FRAME
from emotalk.lip_sync.network import EMBEDDING, REACH, LipSyncNet, lag_similarity, speech_length


@pytest.fixture(scope="module")
def net() -> LipSyncNet:
    torch.manual_seed(0)
    return LipSyncNet().eval().requires_grad_(False)


def test_both_towers_embed_the_same_frames(net: LipSyncNet) -> None:
    lips = net.embed_lips(torch.randn(2, 40, LIP_FEATURES))
    speech = net.embed_speech(torch.randn(2, 40 * SPECTRA_PER_FRAME, MELS))
    assert lips.shape == speech.shape == (2, 40 - 2 * REACH, EMBEDDING)


def test_the_speech_length_is_the_median_over_frames() -> None:
    assert speech_length(torch.tensor([[[3.0, 4.0], [0.0, 1.0], [0.0, 9.0]]])) == 5.0


def test_an_embedding_depends_on_its_frame_and_its_reach_alone(net: LipSyncNet) -> None:
    features, mel = torch.randn(1, 60, LIP_FEATURES), torch.randn(1, 60 * SPECTRA_PER_FRAME, MELS)
    cut = slice(13, 49)
    spectra = slice(13 * SPECTRA_PER_FRAME, 49 * SPECTRA_PER_FRAME)
    kept = slice(13, 49 - 2 * REACH)
    np.testing.assert_allclose(
        net.embed_lips(features[:, cut]), net.embed_lips(features)[:, kept], atol=1e-5
    )
    np.testing.assert_allclose(
        net.embed_speech(mel[:, spectra]), net.embed_speech(mel)[:, kept], atol=1e-5
    )


@pytest.mark.parametrize(("frames", "spoken"), [(7, 7), (5, 9), (9, 4)])
def test_the_similarity_of_a_lag_is_the_mean_over_its_common_frames(
    frames: int, spoken: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    lips = torch.randn(2, frames, 3, generator=generator)
    speech = torch.randn(2, spoken, 3, generator=generator)
    similarity, lags = lag_similarity(lips, speech, overlap=2)
    expected = {}
    for lag in range(-frames, spoken + 1):
        pairs = [(t, t + lag) for t in range(frames) if 0 <= t + lag < spoken]
        if len(pairs) >= 2:
            cosines = [torch.cosine_similarity(lips[:, t], speech[:, s]) for t, s in pairs]
            expected[lag] = np.mean(cosines, 0)
    assert lags.tolist() == list(expected)
    np.testing.assert_allclose(similarity.T, list(expected.values()), atol=1e-5)


def test_late_sound_has_a_positive_lag() -> None:
    lips = torch.nn.functional.one_hot(torch.arange(10), 20).float()
    speech = torch.nn.functional.one_hot(torch.arange(-3, 9).clamp(min=-1) + 1, 20).float()
    similarity, lags = lag_similarity(lips[None], speech[None], overlap=5)
    assert int(lags[similarity[0].argmax()]) == 2  # frame 0 is heard at speech frame 2 (of -3 .. 8)
