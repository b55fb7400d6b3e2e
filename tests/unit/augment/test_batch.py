import pytest
import torch
from pydantic import ValidationError

from emotalk.augment.batch import BatchAugment
from emotalk.config.augment import AugmentConfig
from emotalk.data.batch import ClipBatch


def batch() -> ClipBatch:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (2, 4, 3, 128, 128), dtype=torch.uint8, generator=generator)
    speech = torch.randn(2, 3200, generator=generator)
    return ClipBatch(
        keys=("a", "b"),
        places=(6, 7),
        condition_BCHW=frames[:, 0],
        video_BTCHW=frames,
        speech_BS=speech,
        landmarks_BTLP=torch.rand(2, 4, 68, 2),
        emotion_B=torch.tensor([0, 1]),
        intensity_B=torch.ones(2),
        valid_B=torch.ones(2, dtype=torch.bool),
        other_speech_BS=speech.clone(),
    )


def test_a_batch_is_handed_back_as_it_is_where_nothing_can_be_drawn() -> None:
    given = batch()
    assert BatchAugment(AugmentConfig(), 1)(given) is given


def test_pictures_become_shares_and_everything_else_stays() -> None:
    given = batch()
    config = AugmentConfig.model_validate({"video": {"brightness": {"p": 1, "range": [0.1, 0.1]}}})
    changed = BatchAugment(config, 1)(given)
    wanted = (given.video_BTCHW / 255 + 0.1).clamp(0, 1)
    assert torch.allclose(changed.video_BTCHW, wanted, atol=1e-6)
    assert torch.allclose(changed.condition_BCHW, wanted[:, 0], atol=1e-6)
    assert changed.landmarks_BTLP is given.landmarks_BTLP
    assert changed.speech_BS is given.speech_BS


def test_noise_does_not_tell_a_clips_own_speech_from_anothers() -> None:
    config = AugmentConfig.model_validate({"speech": {"noise": {"p": 1}}})
    changed = BatchAugment(config, 1)(batch())
    assert changed.other_speech_BS is not None
    assert torch.equal(changed.speech_BS, changed.other_speech_BS)  # the same speech was given
    assert not torch.equal(changed.speech_BS, batch().speech_BS)


def test_what_precedes_a_clip_is_in_the_same_room_as_the_clip() -> None:
    """As if both were one recording; a clip that follows none is augmented by itself."""
    config = AugmentConfig.model_validate(
        {"speech": {name: {"p": 1} for name in ("shift", "reverberation", "noise", "gain")}}
    )
    augment = BatchAugment(config, 1)
    given = batch()
    before_BS = given.speech_BS.flip(1)
    after = augment(given._replace(preceding_BS=before_BS, preceded_B=torch.tensor([True, False])))
    whole_BS = torch.cat([before_BS, given.speech_BS], dim=1)
    one = augment(given._replace(speech_BS=whole_BS, other_speech_BS=None)).speech_BS
    assert after.preceding_BS is not None
    assert torch.equal(torch.cat([after.preceding_BS, after.speech_BS], dim=1)[0], one[0])
    assert torch.equal(after.speech_BS[1], augment(given).speech_BS[1])
    assert after.other_speech_BS is not None
    assert torch.equal(after.speech_BS, after.other_speech_BS)  # the same speech was given


@pytest.mark.parametrize(
    "tree",
    [
        {"video": {"gamma": {"range": [1.2, 0.8]}}},
        {"video": {"gamma": {"range": [0, 1]}}},
        {"video": {"hue": {"p": 1.5}}},
        {"video": {"clahe": {"tiles": 3}}},
        {"speech": {"noise": {"kinds": ["brown"]}}},
        {"speech": {"noise": {"snr_db": [30, 6]}}},
    ],
)
def test_ranges_that_cannot_be_are_refused(tree: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AugmentConfig.model_validate(tree)
