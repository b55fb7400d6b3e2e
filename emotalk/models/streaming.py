"""Run the generator on speech that arrives in chunks, in constant memory."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from emotalk.models.conv_lstm import ConvLstmState
from emotalk.models.decoder import ConditionMaps, DecoderKernels
from emotalk.models.decoder_precision import bfloat16_kernels, bfloat16_maps, float32_cell
from emotalk.models.generator import Generator, check_images, check_range
from emotalk.models.noise_encoder import LstmState
from emotalk.models.speech_stream import (
    DELAY,
    UNKNOWN_LENGTH,
    SpeechStreamState,
    encode_chunk,
    first_speech_state,
)
from emotalk.schema import SAMPLES_PER_FRAME, SIZE, check_shape

PerFrame: TypeAlias = Callable[[int, int], Tensor]  # (first frame, frames) -> (B, frames, size)


class StreamState(NamedTuple):
    """Hold the state of a stream between two chunks.

    Attributes:
        speech: of the speech encoder.
        speech_lstm, noise_lstm: hidden and cell (layers, B, D).
        decoder: of the ConvLSTM.
    """

    speech: SpeechStreamState
    speech_lstm: LstmState
    noise_lstm: LstmState
    decoder: ConvLstmState


def first_state(generator: Generator, maps: ConditionMaps) -> StreamState:
    """Return the state before the first chunk."""
    clips = maps.fc_BD.shape[0]
    return StreamState(
        speech=first_speech_state(generator.speech_encoder, clips),
        speech_lstm=_lstm_zeros(generator.speech_lstm, clips),
        noise_lstm=_lstm_zeros(generator.noise_encoder.lstm, clips),
        decoder=generator.decoder.first_state(maps),
    )


def encode_speech(
    generator: Generator, speech_BS: Tensor, samples: Tensor, state: StreamState
) -> tuple[Tensor, StreamState]:
    """Return the speech vectors (B, n, D) of a chunk, `DELAY` frames late, and the state after it.

    The LSTM starts from zero at frame 0, so the first `DELAY` frames make a chunk of their own.

    Args:
        generator: provides the weights.
        speech_BS: the next n * 320 samples.
        samples: length of the whole signal; `UNKNOWN_LENGTH` until it is known.
        state: after the chunk before.
    """
    begun = (state.speech.position > DELAY).to(speech_BS.dtype)
    encoder = generator.speech_encoder
    features_BTD, speech = encode_chunk(encoder, speech_BS, samples, state.speech)
    hidden, cell = state.speech_lstm
    speech_BTD, lstm = generator.speech_lstm(features_BTD, (hidden * begun, cell * begun))
    return speech_BTD, state._replace(speech=speech, speech_lstm=lstm)


def decode_frames(
    generator: Generator,
    speech_BTD: Tensor,
    emotion_BTE: Tensor,
    noise_BTD: Tensor,
    maps: ConditionMaps,
    kernels: DecoderKernels,
    state: StreamState,
) -> tuple[Tensor, StreamState]:
    """Return the frames (B, n, 3, 128, 128) of n speech vectors, and the state after them."""
    noise_BTD, noise_lstm = generator.noise_encoder(noise_BTD, state.noise_lstm)
    emotion_BTD = generator.emotion_encoder(emotion_BTE)
    h_TBD = generator.decoder.project(speech_BTD, noise_BTD, emotion_BTD, maps, kernels)
    video_BTCHW, decoder = generator.decode(h_TBD, maps, kernels, state.decoder)
    return video_BTCHW, state._replace(noise_lstm=noise_lstm, decoder=decoder)


class GeneratorStream:
    """Generate one utterance of one or more clips while its speech arrives.

    `push` takes the next speech and returns the frames it completes. Frame t is complete when the
    speech of frame t + 4 is there: the look-ahead of 180 ms, rounded up to frames. `flush` ends the
    utterance and returns the last frames. All ceil(samples / 320) frames together equal the
    generator's on the whole utterance, whatever the chunks are.

    Args:
        generator: provides the weights.
        image_BCHW: condition image of each clip, in [-1, 1].
        emotion: intensity x one-hot (B, E), or a function of (first frame, number of frames) that
            returns (B, frames, E).
        noise: function of (first frame, number of frames) that returns N(0, 1) noise
            (B, frames, D), which depends on the frames' numbers alone; see `frame_noise`.
        margin_frames: as in `Generator.forward`; the margins before and after are silence.
        bfloat16: compute the decoder's stages 1 to 4 in bfloat16 (`decoder_precision`); the frames
            stay in the generator's own type.

    Raises:
        ValueError: an argument has a wrong shape or range of values.
    """

    def __init__(
        self,
        generator: Generator,
        image_BCHW: Tensor,
        emotion: Tensor | PerFrame,
        noise: PerFrame,
        margin_frames: int = 0,
        bfloat16: bool = False,
    ) -> None:
        if margin_frames < 0:
            raise ValueError(f"margin_frames: got {margin_frames}, allowed are whole numbers >= 0")
        check_images(image_BCHW, check_values=generator.check_values)
        clips = image_BCHW.shape[0]
        if isinstance(emotion, Tensor):
            check_shape(emotion, f"{clips} {generator.emotions}", "emotion")
            check_range("emotion", emotion, 0.0, 1.0)
        self.generator, self.clips = generator, clips
        self.margin_frames = margin_frames
        self.emotion: PerFrame = (
            (lambda first, frames: emotion.unsqueeze(1).expand(-1, frames, -1))
            if isinstance(emotion, Tensor)
            else emotion
        )
        self.noise = noise
        with torch.inference_mode():
            kernels = generator.decoder.kernels()
            image = generator.image_encoder(image_BCHW)
            maps = generator.decoder.condition(image, kernels)
            self.maps = bfloat16_maps(maps) if bfloat16 else maps
            self.kernels = bfloat16_kernels(kernels) if bfloat16 else kernels
            state = first_state(generator, self.maps)
            self.state = state._replace(decoder=float32_cell(state.decoder)) if bfloat16 else state
        self.rest_BS = image_BCHW.new_zeros(clips, margin_frames * SAMPLES_PER_FRAME)
        self.samples = margin_frames * SAMPLES_PER_FRAME
        self.encoded = 0  # frames of speech that the encoder has read
        self.decoded = 0  # frames of the video that have been returned
        self.finished = False

    @torch.inference_mode()
    def push(self, speech_BS: Tensor) -> Tensor:
        """Return the frames (B, n, 3, 128, 128) in [-1, 1] that this chunk completes; n may be 0.

        Args:
            speech_BS: the next samples in [-1, 1] at 8 kHz, any number of them, scaled as the whole
                utterance is.

        Raises:
            ValueError: a wrong shape, type or value, or the stream has ended.
        """
        if self.finished:
            raise ValueError("speech_BS: this stream was flushed; open a new one")
        check_shape(speech_BS, f"{self.clips} S", "speech_BS")
        self.generator.check_samples(speech_BS)
        self.samples += speech_BS.shape[1]
        self.rest_BS = torch.cat([self.rest_BS, speech_BS], dim=1)
        whole = self.rest_BS.shape[1] // SAMPLES_PER_FRAME
        if self.encoded + whole < DELAY:
            return self._no_frames()
        chunk_BS = self.rest_BS[:, : whole * SAMPLES_PER_FRAME]
        self.rest_BS = self.rest_BS[:, whole * SAMPLES_PER_FRAME :].clone()
        return self._advance(chunk_BS, UNKNOWN_LENGTH)

    @torch.inference_mode()
    def flush(self) -> Tensor:
        """Return the last frames (B, n, 3, 128, 128) and end the stream.

        Raises:
            ValueError: less than one frame of speech has come, or the stream has ended already.
        """
        if self.finished:
            raise ValueError("flush: this stream was flushed already; open a new one")
        real = self.samples - self.margin_frames * SAMPLES_PER_FRAME
        if real < SAMPLES_PER_FRAME:
            raise ValueError(
                f"speech_BS: {real} samples have come, at least one frame of {SAMPLES_PER_FRAME} "
                "is needed"
            )
        self.finished = True
        frames = -(-self.samples // SAMPLES_PER_FRAME)
        if self.margin_frames:  # silence follows: the last frame is filled with it as well
            frames += self.margin_frames
            self.samples = frames * SAMPLES_PER_FRAME
        last = frames + DELAY - self.encoded
        missing = last * SAMPLES_PER_FRAME - self.rest_BS.shape[1]
        chunk_BS = torch.nn.functional.pad(self.rest_BS, (0, missing))
        return self._advance(chunk_BS, self.samples, end=frames - self.margin_frames)

    def _advance(self, chunk_BS: Tensor, samples: int, end: int = UNKNOWN_LENGTH) -> Tensor:
        """Return the video frames that a chunk of whole frames completes, none at `end` or later.

        Frame numbers here count the margin; the video begins after it.
        """
        if self.encoded < DELAY:  # the first chunk only fills the encoder's state
            split = DELAY * SAMPLES_PER_FRAME
            self._encode(chunk_BS[:, :split], samples)
            chunk_BS = chunk_BS[:, split:]
        if not chunk_BS.shape[1]:
            return self._no_frames()
        first = self.encoded - DELAY
        speech_BTD = self._encode(chunk_BS, samples)
        begin = max(self.margin_frames - first, 0)
        speech_BTD = speech_BTD[:, begin : max(min(end - first, speech_BTD.shape[1]), begin)]
        return self._decode(speech_BTD) if speech_BTD.shape[1] else self._no_frames()

    def _encode(self, chunk_BS: Tensor, samples: int) -> Tensor:
        length = torch.tensor(samples, device=chunk_BS.device)
        speech_BTD, self.state = encode_speech(self.generator, chunk_BS, length, self.state)
        self.encoded += chunk_BS.shape[1] // SAMPLES_PER_FRAME
        return speech_BTD

    def _decode(self, speech_BTD: Tensor) -> Tensor:
        frames = speech_BTD.shape[1]
        noise_BTD = self.noise(self.decoded, frames).to(speech_BTD)
        check_shape(noise_BTD, f"{self.clips} {frames} {self.generator.noise_features}", "noise")
        emotion_BTE = self.emotion(self.decoded, frames).to(speech_BTD)
        check_shape(emotion_BTE, f"{self.clips} {frames} {self.generator.emotions}", "emotion")
        video_BTCHW, self.state = decode_frames(
            self.generator, speech_BTD, emotion_BTE, noise_BTD, self.maps, self.kernels, self.state
        )
        self.decoded += frames
        return video_BTCHW

    def _no_frames(self) -> Tensor:
        return self.maps.fc_BD.new_zeros(self.clips, 0, 3, SIZE, SIZE)


def _lstm_zeros(lstm: torch.nn.LSTM, clips: int) -> LstmState:
    zeros = next(lstm.parameters()).new_zeros(lstm.num_layers, clips, lstm.hidden_size)
    return zeros, zeros.clone()  # two tensors, for torch.export
