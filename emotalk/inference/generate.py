"""Generate the frames of utterances: many clips in batches, or one of any length in blocks."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.data.batch import from_unit, to_unit
from emotalk.inference.precision import PROBE_S, FloatType, Precision, choose_precision
from emotalk.inference.speech import frames_of, network_pieces, network_speech
from emotalk.media.sound_source import SoundSource
from emotalk.models.streaming import GeneratorStream
from emotalk.schema import SAMPLE_RATE, SIZE, Bytes, Floats, check_shape
from emotalk.seeding import numpy_generator

LOOK_AHEAD_FRAMES = 5  # the speech encoder reads 180 ms ahead


class ClipRequest(NamedTuple):
    """Hold the inputs of one utterance's video."""

    condition_CHW: Bytes  # aligned picture, RGB, 128 x 128
    speech_S: Floats  # whole utterance, mono in [-1, 1] at 8 kHz
    emotion: Floats  # intensity x one-hot, (E,) or (T, E)
    name: str = "clip"  # determines the noise, together with the seed


def generate_clips(
    loaded: LoadedGenerator, clips: Sequence[ClipRequest], *, seed: int = 0, batch_size: int = 8
) -> list[Bytes]:
    """Return the videos of `clips` in their order, generated in batches of similar length.

    Batches only save time. A shorter clip in a batch is padded with zeros, which is also its input
    after its end when it is generated alone. The emotions of all clips have the same shape, (E,) or
    (T, E). Noise is drawn for each clip by the seed and its name.
    """
    videos: dict[int, Bytes] = {}
    for group in _groups(loaded, clips, batch_size):
        made = _generate_batch(loaded, [clips[index] for index in group], seed)
        videos.update(zip(group, made, strict=True))
    return [videos[index] for index in range(len(clips))]


def _groups(
    loaded: LoadedGenerator, clips: Sequence[ClipRequest], batch_size: int
) -> Iterator[list[int]]:
    """Yield the indices of each batch: clips of one length if padding would change the output."""
    padding_is_silent = loaded.facts.speech_margin_frames >= LOOK_AHEAD_FRAMES
    order = sorted(range(len(clips)), key=lambda index: frames_of(clips[index].speech_S))
    group: list[int] = []
    for index in order:
        fits = not group or (
            len(group) < batch_size
            and clips[group[0]].emotion.ndim == clips[index].emotion.ndim == 1
            and (
                padding_is_silent
                or frames_of(clips[group[0]].speech_S) == frames_of(clips[index].speech_S)
            )
        )
        if not fits:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def generate_blocks(
    loaded: LoadedGenerator,
    condition_CHW: Bytes,
    speech: SoundSource,
    emotion: Floats,
    *,
    name: str = "clip",
    seed: int = 0,
    seconds: float = 2.0,
    precision: Precision = "float32",
) -> Iterator[Bytes]:
    """Yield the utterance's video block by block, uint8 RGB (t, H, W, 3), in constant memory.

    The concatenated blocks are the video that `generate_clips` returns for these inputs, which
    `ClipRequest` explains, up to the rounding of `precision`. The speech, at 8 kHz, is read piece
    by piece, `seconds` at a time.
    """
    clip = _StreamedClip(loaded, condition_CHW, speech, emotion, name, seed)
    float_type = choose_precision(
        precision, loaded.device, lambda each: next(clip.blocks(each, PROBE_S))
    )
    yield from clip.blocks(float_type, seconds)


class _StreamedClip(NamedTuple):
    """Hold an utterance whose video can be streamed in float32 or bfloat16."""

    loaded: LoadedGenerator
    condition_CHW: Bytes
    speech: SoundSource
    emotion: Floats
    name: str
    seed: int

    def blocks(self, float_type: FloatType, seconds: float) -> Iterator[Bytes]:
        """Yield the blocks of the whole video, of `seconds` each."""
        loaded, facts, frames = self.loaded, self.loaded.facts, frames_of(self.speech)
        emotion_TE = torch.from_numpy(
            np.broadcast_to(self.emotion, (frames, len(facts.emotions))).astype(np.float32)
        )
        stream = GeneratorStream(
            loaded.generator,
            _condition([(self.name, self.condition_CHW)]).to(loaded.device),
            lambda first, count: emotion_TE[None, first : first + count],
            _NoiseStream(loaded, self.name, self.seed).draw,
            margin_frames=facts.speech_margin_frames,
            bfloat16=float_type == "bfloat16",
        )
        piece = int(seconds * SAMPLE_RATE)
        for piece_S in network_pieces(self.speech, facts, frames=frames, samples=piece):
            yield from _as_blocks(stream.push(torch.from_numpy(piece_S)[None].to(loaded.device)))
        yield from _as_blocks(stream.flush())


def _as_blocks(video_BTCHW: Tensor) -> Iterator[Bytes]:
    if video_BTCHW.shape[1]:
        yield _as_images(video_BTCHW[0])


@torch.inference_mode()
def _generate_batch(
    loaded: LoadedGenerator, clips: Sequence[ClipRequest], seed: int
) -> list[Bytes]:
    facts = loaded.facts
    lengths = [frames_of(clip.speech_S) for clip in clips]
    frames = max(lengths)
    speech_BS = np.stack([network_speech(clip.speech_S, facts, frames=frames) for clip in clips])
    noise_BTD = torch.cat([_NoiseStream(loaded, clip.name, seed).draw(0, frames) for clip in clips])
    emotion = np.stack([np.asarray(clip.emotion, np.float32) for clip in clips])
    output = loaded.generator(
        _condition([(clip.name, clip.condition_CHW) for clip in clips]).to(loaded.device),
        torch.from_numpy(speech_BS).to(loaded.device),
        torch.from_numpy(emotion).to(loaded.device),
        noise_BTD.to(loaded.device),
        facts.speech_margin_frames,
    )
    return [
        _as_images(video_TCHW[:length])
        for video_TCHW, length in zip(output.video_BTCHW, lengths, strict=True)
    ]


def _condition(images: Sequence[tuple[str, Bytes]]) -> Tensor:
    """Return the batch of condition images, each given with its clip's name."""
    for name, image_CHW in images:
        check_shape(image_CHW, f"3 {SIZE} {SIZE}", f"condition image of {name}")
    return to_unit(torch.from_numpy(np.stack([image_CHW for _, image_CHW in images])))


class _NoiseStream:
    """Draw a clip's noise in order; drawing fewer frames at a time does not change its values."""

    def __init__(self, loaded: LoadedGenerator, name: str, seed: int) -> None:
        self._source = numpy_generator(seed, "generate", name)
        self._features = loaded.generator.noise_features
        self._drawn = 0

    def draw(self, first: int, count: int) -> Tensor:
        """Return N(0, 1) noise of the next frames (1, count, D).

        Raises:
            ValueError: `first` is not the next frame.
        """
        if first != self._drawn:
            raise ValueError(f"noise: frames from {first} on, the next ones are {self._drawn}")
        self._drawn += count
        size = (1, count, self._features)
        return torch.from_numpy(self._source.standard_normal(size, dtype=np.float32))


def _as_images(video_TCHW: Tensor) -> Bytes:
    images: Bytes = from_unit(video_TCHW).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return images
