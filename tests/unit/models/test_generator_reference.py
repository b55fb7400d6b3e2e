"""The generator against values computed with the original's public implementation."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from emotalk.models import EmotionDiscriminator, FrameDiscriminator, Generator
from emotalk.models.original import read_original
from tests.helpers.original import formula_weights, reference, save_as_original


def close(value: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(value, expected, atol=2e-5, rtol=1e-5)


def images(value_u8: Tensor) -> Tensor:
    return value_u8.float() / 127.5 - 1


@pytest.fixture(scope="module")
def arrays() -> dict[str, Tensor]:
    return reference()[1]


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    state = formula_weights(reference()[0], "generator")
    path = save_as_original(state, tmp_path_factory.mktemp("original") / "generator.pt")
    network = read_original(path)
    generator = Generator(**network.arguments)
    generator.load_state_dict(network.state)
    return generator.eval()


@torch.no_grad()
def test_frames_and_emotion_logits_are_those_of_the_original(
    generator: Generator, arrays: dict[str, Tensor]
) -> None:
    video, logits = generator(
        images(arrays["in.image_u8"]),
        arrays["in.speech"].squeeze(1),
        arrays["in.emotion"],
        arrays["in.noise"],
    )
    close(video[:, [0, 7, 24]], arrays["out.frames_0_7_24"])
    close(video.mean(dim=(2, 3, 4)), arrays["out.frames_mean"])
    close(video.std(dim=(2, 3, 4), correction=0), arrays["out.frames_std"])
    close(logits, arrays["out.aux_emotion_logits"])


@torch.no_grad()
def test_embeddings_are_those_of_the_original(
    generator: Generator, arrays: dict[str, Tensor]
) -> None:
    close(generator.speech_encoder(arrays["in.speech"].squeeze(1)), arrays["out.speech_encoder"])
    embedding = generator.image_encoder(images(arrays["in.image_u8"])).embedding_BD
    close(embedding, arrays["out.image_embedding"])


@torch.no_grad()
def test_imported_discriminators_judge_as_the_original(
    tmp_path: Path, arrays: dict[str, Tensor]
) -> None:
    meta = reference()[0]
    video, image = images(arrays["in.video_a_u8"]), images(arrays["in.image_u8"])
    frame = read_original(
        save_as_original(formula_weights(meta, "disc_frame"), tmp_path / "disc_frame.pt")
    )
    frame_discriminator = FrameDiscriminator(**frame.arguments)
    frame_discriminator.load_state_dict(frame.state)
    scores = frame_discriminator(video, image).flatten().unsqueeze(1)
    close(scores, arrays["out.disc_frame_logits_a"])
    emotion = read_original(
        save_as_original(formula_weights(meta, "disc_emotion"), tmp_path / "disc_emo.pt")
    )
    emotion_discriminator = EmotionDiscriminator(**emotion.arguments)
    emotion_discriminator.load_state_dict(emotion.state)
    close(emotion_discriminator(video), arrays["out.disc_emotion_logits_a"])
