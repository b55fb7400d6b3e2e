"""A loaded batch made ready: ranges, draws keyed by place and key, intensity, mouths."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch
from emotalk.schema import EMOTIONS, LANDMARKS, SAMPLES_PER_FRAME, SIZE, UNKNOWN_EMOTION
from emotalk.training.input_preparation import ClipInputs, InputPreparation
from tests.helpers.tiny_training import tiny_config

CLIPS, FRAMES, NOISE = 4, 6, 5


def batch_of(*, places: tuple[int, ...] = (0, 1, 2, 3)) -> ClipBatch:
    source = torch.Generator().manual_seed(5)
    speech = torch.rand(CLIPS, (FRAMES + 4) * SAMPLES_PER_FRAME, generator=source)
    landmarks = torch.zeros(CLIPS, FRAMES, LANDMARKS, 2)
    landmarks[:, :, 48:68] = torch.tensor([60.0, 90.0])  # the mouth; the rest lies elsewhere
    return ClipBatch(
        keys=("a", "b", "c", "d"),
        places=places,
        condition_BCHW=torch.full((CLIPS, 3, SIZE, SIZE), 255, dtype=torch.uint8),
        video_BTCHW=torch.randint(
            0, 256, (CLIPS, FRAMES, 3, SIZE, SIZE), dtype=torch.uint8, generator=source
        ),
        speech_BS=speech,
        landmarks_BTLP=landmarks,
        emotion_B=torch.tensor([0, 3, 5, 3]),
        intensity_B=torch.tensor([1.0, 0.3, 0.6, 1.0]),
        valid_B=torch.tensor([True, True, False, True]),
        other_speech_BS=speech.flip(0),
    )


def maker_of(folder: Path, *words: str, device: str = "cpu") -> InputPreparation:
    return maker_for(tiny_config(folder, *words), device=device)


def maker_for(config: TrainConfig, device: str = "cpu") -> InputPreparation:
    return InputPreparation(
        config, emotions=6, noise_features=NOISE, augment=lambda batch: batch,
        device=torch.device(device),
    )  # fmt: skip


def made(folder: Path, *words: str, batch: ClipBatch | None = None) -> ClipInputs:
    (x,) = maker_of(folder, *words).micro_batches(batch or batch_of())
    return x


def test_bytes_become_the_range_of_the_networks(tmp_path: Path) -> None:
    batch = batch_of()
    x = made(tmp_path)
    expected = batch.video_BTCHW.numpy().astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(x.video_BTCHW.numpy(), expected, atol=1e-6)
    assert torch.equal(x.image_BCHW, torch.ones(CLIPS, 3, SIZE, SIZE))
    assert torch.equal(x.speech_BS, batch.speech_BS)
    assert batch.other_speech_BS is not None
    assert x.other_speech_BS is not None
    assert torch.equal(x.other_speech_BS, batch.other_speech_BS)
    assert x.valid_B.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert x.margin_frames == 2
    assert x.keys == batch.keys


def test_an_emotion_is_told_by_its_intensity_where_the_configuration_says_so(
    tmp_path: Path,
) -> None:
    plain = torch.zeros(CLIPS, 6)
    for clip, emotion in enumerate([0, 3, 5, 3]):
        plain[clip, emotion] = 1.0
    assert torch.equal(made(tmp_path).emotion_BE, plain)
    felt = made(tmp_path, "emotion.use_intensity=true").emotion_BE
    assert torch.equal(felt, plain * torch.tensor([1.0, 0.3, 0.6, 1.0]).unsqueeze(1))


def test_the_frames_of_the_perceptual_loss_are_drawn_anew_for_every_place(tmp_path: Path) -> None:
    words = "losses.perceptual.frames=0.5"
    first = made(tmp_path, words).frames_BK
    assert first is not None
    assert first.shape == (CLIPS, 3)
    for row in first.tolist():
        assert len(set(row)) == 3
        assert set(row) <= set(range(FRAMES))
    later = made(tmp_path, words, batch=batch_of(places=(4, 5, 6, 7))).frames_BK
    assert later is not None
    assert not torch.equal(first, later)
    assert made(tmp_path).frames_BK is None, "every frame is seen"
    least = made(tmp_path, "losses.perceptual.frames=0").frames_BK
    assert least is not None
    assert least.shape == (CLIPS, 1)


def test_every_frame_is_drawn_as_often_as_every_other(tmp_path: Path) -> None:
    maker = maker_of(tmp_path, "losses.perceptual.frames=0.5")
    counts = torch.zeros(FRAMES)
    for turn in range(100):
        (x,) = maker.micro_batches(batch_of(places=tuple(range(4 * turn, 4 * turn + 4))))
        assert x.frames_BK is not None
        counts += torch.bincount(x.frames_BK.flatten(), minlength=FRAMES)
    # 400 clips, each frame with probability 1/2: 200 +- 10; five deviations.
    assert (counts - 200).abs().max() < 50


def test_draws_depend_on_seed_place_and_key_alone(tmp_path: Path) -> None:
    whole = made(tmp_path)
    batch = batch_of()
    half = ClipBatch._make(None if part is None else part[2:] for part in batch)
    (rest,) = maker_of(tmp_path).micro_batches(half)
    assert torch.equal(rest.noise_BTD, whole.noise_BTD[2:])
    assert torch.equal(rest.alpha_B, whole.alpha_B[2:])
    other_seed = made(tmp_path, "seed=4")
    assert not torch.equal(other_seed.noise_BTD, whole.noise_BTD)
    other_place = made(tmp_path, batch=batch_of(places=(4, 1, 2, 3)))
    same = [torch.equal(a, b) for a, b in zip(other_place.noise_BTD, whole.noise_BTD, strict=True)]
    assert same == [False, True, True, True]
    assert len(set(whole.alpha_B.tolist())) == CLIPS
    assert 0 <= float(whole.alpha_B.min()) <= float(whole.alpha_B.max()) < 1
    assert whole.noise_BTD.shape == (CLIPS, FRAMES, NOISE)


def test_the_mouth_weighs_one_and_the_floor_elsewhere(tmp_path: Path) -> None:
    """exp(-d^2 / (2 sigma^2)) at the mouth's centre (x 60, y 90), 6 px beside it, and far away."""
    x = made(tmp_path, "losses.mouth_region.sigma=6", "losses.mouth_region.floor=0.25")
    for weights, floor in ((x.mouth_BTHW, 0.0), (x.weights_BTHW, 0.25)):
        assert float(weights[1, 2, 90, 60]) == pytest.approx(1 + floor)
        assert float(weights[1, 2, 90, 66]) == pytest.approx(np.exp(-0.5) + floor)
        assert float(weights[1, 2, 5, 120]) == pytest.approx(floor, abs=1e-6)


def test_the_mouths_centre_is_rounded_down_where_the_configuration_says_so(tmp_path: Path) -> None:
    """The original's Gaussian: at whole pixels, and nothing beyond four sigma."""
    batch = batch_of()
    batch.landmarks_BTLP[:, :, 48:68] = torch.tensor([60.75, 90.5])
    words = ["losses.mouth_region.sigma=5", "losses.mouth_region.floor=0.125"]
    between = made(tmp_path, *words, batch=batch)
    assert float(between.mouth_BTHW.max()) < 0.999
    whole = made(tmp_path, *words, "losses.mouth_region.round_down=true", batch=batch)
    assert float(whole.mouth_BTHW[0, 0, 90, 60]) == 1.0
    assert float(whole.mouth_BTHW[0, 0, 90, 81]) == 0.0
    assert float(whole.weights_BTHW[0, 0, 90, 81]) == 0.125


def test_a_batch_falls_into_micro_batches_in_its_order(tmp_path: Path) -> None:
    parts = maker_of(tmp_path, "runtime.accumulate=2").micro_batches(batch_of())
    assert [part.keys for part in parts] == [("a", "b"), ("c", "d")]
    whole = made(tmp_path)
    assert torch.equal(torch.cat([part.noise_BTD for part in parts]), whole.noise_BTD)
    assert torch.equal(torch.cat([part.video_BTCHW for part in parts]), whole.video_BTCHW)
    assert [part.valid_B.tolist() for part in parts] == [[1.0, 1.0], [0.0, 1.0]]


def test_what_is_augmented_is_what_the_networks_get(tmp_path: Path) -> None:
    def louder(batch: ClipBatch) -> ClipBatch:
        return batch._replace(
            speech_BS=batch.speech_BS * 2, video_BTCHW=batch.video_BTCHW.float() / 510
        )

    maker = InputPreparation(
        tiny_config(tmp_path), emotions=6, noise_features=NOISE, augment=louder,
        device=torch.device("cpu"),
    )  # fmt: skip
    (x,) = maker.micro_batches(batch_of())
    assert torch.equal(x.speech_BS, batch_of().speech_BS * 2)
    expected = batch_of().video_BTCHW.float() / 255 - 1  # half as bright, from [0, 1]
    assert torch.allclose(x.video_BTCHW, expected, atol=1e-6)


def test_everything_lies_on_the_device(tmp_path: Path) -> None:
    maker = maker_of(tmp_path, "losses.perceptual.frames=0.5", device="meta")
    (x,) = maker.micro_batches(batch_of())
    tensors = [value for value in vars(x).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 13
    assert all(tensor.is_meta for tensor in tensors)


def test_the_generator_gets_the_neutral_code_where_the_emotion_is_unknown(tmp_path: Path) -> None:
    batch = batch_of()._replace(emotion_B=torch.tensor([0, UNKNOWN_EMOTION, 5, 3]))
    x = made(tmp_path, "emotion.use_intensity=true", batch=batch._replace(
        intensity_B=torch.tensor([1.0, 1.0, 0.6, 1.0])))  # fmt: skip
    neutral = [float(name == "neutral") for name in EMOTIONS]
    assert x.emotion_BE[1].tolist() == neutral
    assert x.emotion_B.tolist() == [0, UNKNOWN_EMOTION, 5, 3]
    labelled = made(tmp_path, "emotion.use_intensity=true").emotion_BE
    assert torch.equal(x.emotion_BE[[0, 2, 3]], labelled[[0, 2, 3]])


def test_recurrent_layers_begin_after_what_precedes_a_clip(tmp_path: Path) -> None:
    assert made(tmp_path).preceding is None
    batch = batch_of()
    preceded_B = torch.tensor([True, False, True, False])
    batch = batch._replace(preceding_BS=batch.speech_BS.flip(1), preceded_B=preceded_B)
    x = made(tmp_path, batch=batch)
    assert x.preceding is not None
    assert torch.equal(x.preceding.speech_BS, batch.speech_BS.flip(1))
    assert x.preceding.weight_B.tolist() == [1, 0, 1, 0]
    halves = maker_of(tmp_path, "runtime.accumulate=2").micro_batches(batch)
    weights = [half.preceding.weight_B for half in halves if half.preceding is not None]
    assert [weight_B.tolist() for weight_B in weights] == [[1, 0], [1, 0]]
