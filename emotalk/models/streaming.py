"""The generator over speech of any length: chunks in, frames out, memory that does not grow."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch import Tensor

from emotalk.models.conv_lstm import ConvLstmState
from emotalk.models.decoder import ConditionMaps, DecoderKernels
from emotalk.models.noise_encoder import LstmState
from emotalk.models.speech_stream import DELAY, ENDLESS, SpeechStreamState, encode_piece
from emotalk.models.speech_stream import first_state as first_speech_state
from emotalk.schema import SAMPLES_PER_FRAME, SIZE, check_shape

if TYPE_CHECKING:
    from emotalk.models.generator import Generator

PerFrame: TypeAlias = Callable[[int, int], Tensor]  # (first frame, frames) -> (B, frames, size)


class StreamState(NamedTuple):
    """Everything that passes from one piece of a stream to the next.

    Attributes:
        speech: of the speech encoder.
        speech_lstm, noise_lstm: hidden and cell (layers, B, D).
        decoder: of the ConvLSTM.
    """

    speech: SpeechStreamState
    speech_lstm: LstmState
    noise_lstm: LstmState
    decoder: ConvLstmState


def first_state(generator: "Generator", maps: ConditionMaps) -> StreamState:
    """Return the state before any speech."""
    clips = maps.fc_BD.shape[0]
    return StreamState(
        speech=first_speech_state(generator.speech_encoder, clips),
        speech_lstm=_lstm_zeros(generator.speech_lstm, clips),
        noise_lstm=_lstm_zeros(generator.noise_encoder.lstm, clips),
        decoder=generator.decoder.first_state(maps),
    )


def hear(
    generator: "Generator", speech_BS: Tensor, samples: Tensor, state: StreamState
) -> tuple[Tensor, StreamState]:
    """Return speech vectors of the frames that are `DELAY` behind the piece.

    The LSTM starts from zero at frame 0: a piece must not hold frames on both sides of it.

    Args:
        generator: whose weights to use.
        speech_BS: the next n * 320 samples.
        samples: length of the whole signal; `ENDLESS` until known.
        state: after the piece before.
    """
    begun = (state.speech.position > DELAY).to(speech_BS.dtype)
    features_BTD, speech = encode_piece(generator.speech_encoder, speech_BS, samples, state.speech)
    hidden, cell = state.speech_lstm
    speech_BTD, lstm = generator.speech_lstm(features_BTD, (hidden * begun, cell * begun))
    return speech_BTD, state._replace(speech=speech, speech_lstm=lstm)


def show(
    generator: "Generator",
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
    h_TBD = generator.decoder.vectors(speech_BTD, noise_BTD, emotion_BTD, maps, kernels)
    video_BTCHW, decoder = generator.decode(h_TBD, maps, kernels, state.decoder)
    return video_BTCHW, state._replace(noise_lstm=noise_lstm, decoder=decoder)


class GeneratorStream:
    """One running utterance of one or more clips; made by `Generator.stream`.

    `push` takes speech as it comes and returns the frames it completes: frame t appears as soon
    as the speech of frame t + 4 has come (the look-ahead of 180 ms, rounded up to frames). `flush`
    ends the utterance and returns the rest. All frames together equal the generator's on the whole
    utterance, however it was cut: ceil(samples / 320) of them.
    """

    def __init__(
        self,
        generator: "Generator",
        image_BCHW: Tensor,
        emotion: Tensor | PerFrame,
        noise: PerFrame,
        margin_frames: int = 0,
    ) -> None:
        if margin_frames < 0:
            raise ValueError(f"margin_frames: got {margin_frames}, allowed are whole numbers >= 0")
        clips = check_shape(image_BCHW, f"B 3 {SIZE} {SIZE}", "image_BCHW")["B"]
        self.generator, self.clips = generator, clips
        self.margin_frames = margin_frames
        self.emotion: PerFrame = (
            (lambda first, frames: emotion.unsqueeze(1).expand(-1, frames, -1))
            if isinstance(emotion, Tensor)
            else emotion
        )
        self.noise = noise
        with torch.no_grad():
            self.kernels = generator.decoder.kernels()
            image = generator.image_encoder(image_BCHW)
            self.maps = generator.decoder.condition(image, self.kernels)
            self.state = first_state(generator, self.maps)
        self.rest_BS = image_BCHW.new_zeros(clips, margin_frames * SAMPLES_PER_FRAME)
        self.samples = margin_frames * SAMPLES_PER_FRAME
        self.heard = 0  # frames of speech that have gone through the encoder
        self.shown = 0  # frames of the video that have been returned
        self.finished = False

    @torch.no_grad()
    def push(self, speech_BS: Tensor) -> Tensor:
        """Return the frames (B, n, 3, 128, 128) in [-1, 1] that this chunk completes; n may be 0.

        Args:
            speech_BS: the next samples in [-1, 1] at 8 kHz, any number of them, at the level the
                whole utterance shall have.

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
        if self.heard + whole < DELAY:
            return self._no_frames()
        piece_BS = self.rest_BS[:, : whole * SAMPLES_PER_FRAME]
        self.rest_BS = self.rest_BS[:, whole * SAMPLES_PER_FRAME :].clone()
        return self._advance(piece_BS, ENDLESS)

    @torch.no_grad()
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
        last = frames + DELAY - self.heard
        missing = last * SAMPLES_PER_FRAME - self.rest_BS.shape[1]
        piece_BS = torch.nn.functional.pad(self.rest_BS, (0, missing))
        return self._advance(piece_BS, self.samples, end=frames - self.margin_frames)

    def _advance(self, piece_BS: Tensor, samples: int, end: int = ENDLESS) -> Tensor:
        """Return the video frames that a piece of whole frames completes, none at `end` or later.

        Frame numbers here count the margin; the video begins behind it.
        """
        if self.heard < DELAY:  # the pieces before frame 0 only fill the encoder's memory
            split = DELAY * SAMPLES_PER_FRAME
            self._hear(piece_BS[:, :split], samples)
            piece_BS = piece_BS[:, split:]
        if not piece_BS.shape[1]:
            return self._no_frames()
        first = self.heard - DELAY
        speech_BTD = self._hear(piece_BS, samples)
        begin = max(self.margin_frames - first, 0)
        speech_BTD = speech_BTD[:, begin : max(min(end - first, speech_BTD.shape[1]), begin)]
        return self._show(speech_BTD) if speech_BTD.shape[1] else self._no_frames()

    def _hear(self, piece_BS: Tensor, samples: int) -> Tensor:
        length = torch.tensor(samples, device=piece_BS.device)
        speech_BTD, self.state = hear(self.generator, piece_BS, length, self.state)
        self.heard += piece_BS.shape[1] // SAMPLES_PER_FRAME
        return speech_BTD

    def _show(self, speech_BTD: Tensor) -> Tensor:
        frames = speech_BTD.shape[1]
        noise_BTD = self.noise(self.shown, frames).to(speech_BTD)
        check_shape(noise_BTD, f"{self.clips} {frames} {self.generator.noise_features}", "noise")
        emotion_BTE = self.emotion(self.shown, frames).to(speech_BTD)
        check_shape(emotion_BTE, f"{self.clips} {frames} {self.generator.emotions}", "emotion")
        video_BTCHW, self.state = show(
            self.generator, speech_BTD, emotion_BTE, noise_BTD, self.maps, self.kernels, self.state
        )
        self.shown += frames
        return video_BTCHW

    def _no_frames(self) -> Tensor:
        return self.maps.fc_BD.new_zeros(self.clips, 0, 3, SIZE, SIZE)


def _lstm_zeros(lstm: torch.nn.LSTM, clips: int) -> LstmState:
    zeros = next(lstm.parameters()).new_zeros(lstm.num_layers, clips, lstm.hidden_size)
    return zeros, zeros.clone()  # two tensors: torch.export takes one for the other otherwise
