"""The exported streaming generator gives the frames of the one it was made from."""

import pytest
import torch

from emotalk.models.speech_stream import DELAY, UNKNOWN_LENGTH
from emotalk.models.streaming_program import ConditionProgram, StreamProgram, export_stream
from tests.helpers.generators import small_generator, whole_utterance


@pytest.mark.parametrize("frames", [1, 4])
@torch.no_grad()
def test_exported_programs_give_the_same_frames(frames: int) -> None:
    generator = small_generator()
    total = 8
    image, speech, emotion, noise = whole_utterance(generator, clips=1, samples=320 * total - 33)
    whole, _ = generator(image, speech, emotion, noise)
    condition, stream = (program.module() for program in export_stream(generator, frames=frames))
    maps = condition(image)
    example = StreamProgram(generator, frames=frames).example_inputs(maps)
    state = example[-1]
    padded = torch.nn.functional.pad(speech, (0, 33 + DELAY * 320))
    noise = torch.nn.functional.pad(noise, (0, 0, DELAY, 0))
    videos = []
    for first in range(0, total + DELAY, frames):
        heard = first + frames >= total  # then the end is known
        samples = torch.tensor(speech.shape[1] if heard else UNKNOWN_LENGTH)
        piece = padded[:, first * 320 : (first + frames) * 320]
        video, state = stream(
            piece, samples, emotion, noise[:, first : first + frames], maps, state
        )
        videos.append(video)
    torch.testing.assert_close(torch.cat(videos, 1)[:, DELAY:], whole, atol=1e-5, rtol=0)


def test_frames_a_call_must_divide_the_delay() -> None:
    with pytest.raises(ValueError, match=r"frames: got 3, allowed are \(1, 2, 4\)"):
        StreamProgram(small_generator(), frames=3)


def test_condition_program_is_the_decoders_own() -> None:
    generator = small_generator()
    image = whole_utterance(generator, clips=1, samples=320)[0]
    with torch.no_grad():
        maps = ConditionProgram(generator)(image)
        features = generator.image_encoder(image)
        expected = generator.decoder.condition(features, generator.decoder.kernels())
    for got, want in zip(maps, expected, strict=True):
        torch.testing.assert_close(got, want)
