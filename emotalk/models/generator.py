"""Define the generator of video frames from one face image, speech and an emotion."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotalk.models.conv_lstm import ConvLstmState
from emotalk.models.conv_lstm_unroll import CellActivation
from emotalk.models.decoder import ConditionMaps, Decoder, DecoderKernels
from emotalk.models.emotion_encoder import EmotionEncoder, SpeechEmotionHead
from emotalk.models.idle_parameters import idle_zero
from emotalk.models.image_encoder import IMAGE_CHANNELS, ImageEncoder
from emotalk.models.noise_encoder import LstmState, NoiseEncoder
from emotalk.models.speech_encoder import FirstActivation, SpeechEncoder, check_speech
from emotalk.models.speech_mouth_head import SpeechMouthHead
from emotalk.schema import SAMPLES_PER_FRAME, SIZE, check_shape

MAX_LEVEL = 32.0  # of samples; augmented speech may exceed 1, 16-bit samples are far above this

PRECEDING_FRAMES = 8  # of preceding speech that pass the decoder, whose memory is short
SEAM_FRAMES = 6  # of preceding speech that the first features of a clip can hear
HEADS = ("speech_emotion", "speech_mouth")  # parts that only training reads, named as their terms


class GeneratorOutput(NamedTuple):
    """Hold the generator's output.

    Attributes:
        video_BTCHW: frames in [-1, 1], 128 x 128, 25 a second.
        emotion_logits_BE: of the auxiliary head (emotion from speech), where there is one.
    """

    video_BTCHW: Tensor
    emotion_logits_BE: Tensor | None


class OutputWithMouth(NamedTuple):
    """Hold the output of a generator that also predicts mouth shapes from the speech.

    Attributes:
        video_BTCHW, emotion_logits_BE: as in `GeneratorOutput`.
        mouth_BTLP: landmarks 48..67, of `losses.mouth_shape.mouth_shapes`.
    """

    video_BTCHW: Tensor
    emotion_logits_BE: Tensor | None
    mouth_BTLP: Tensor


AnyOutput = GeneratorOutput | OutputWithMouth


class PrecedingSpeech(NamedTuple):
    """Hold the speech after which the recurrent layers begin.

    Attributes:
        speech_BS: whole frames of mono samples in [-1, 1] at 8 kHz.
        weight_B: 1 for clips that begin in the state after `speech_BS`, 0 for those that begin at
            zero.
    """

    speech_BS: Tensor
    weight_B: Tensor


class _HeardBefore(NamedTuple):
    """Hold the speech LSTM's output for the preceding speech, its state after it, and the weight.

    Attributes:
        speech_BTD: one vector for each frame of the preceding speech.
        state: the LSTM's state after it, zero for clips of weight 0.
        weight_B: of `PrecedingSpeech`.
    """

    speech_BTD: Tensor
    state: LstmState
    weight_B: Tensor


class _FirstStates(NamedTuple):
    """Hold the states of noise encoder and decoder before a video's first frame; None: zero."""

    noise: LstmState | None = None
    decoder: ConvLstmState | None = None


class Generator(nn.Module):
    """Encoders of speech, image, emotion and noise, and the decoder of their vectors.

    Args:
        emotions: number of emotions E.
        filters: of image encoder and decoder, from 64 x 64 down to 4 x 4.
        image_features, speech_features, emotion_features, noise_features: sizes of the vectors.
        speech_filters: of the speech encoder's four convolutions.
        speech_step_features: size of the speech encoder's vector of a step of 8 ms.
        speech_activation: after the speech encoder's first convolution: leaky_relu (report) or
            log_power (ours).
        output_filters: of the last convolution but one.
        output_kernel: size of the last convolution: 3 (report) or 7 (original).
        cell_activation: of the ConvLSTM's cell gate: tanh (report) or leaky_relu (original).
        auxiliary_emotion: classify the emotion of the speech, too (original).
        auxiliary_mouth: predict the mouth's landmarks from the speech, too (ours, for training).
        check_values: refuse NaN, infinite and out-of-range input. On a GPU this waits for the
            device, so it is off in training, where the loader checks.

    The defaults are the report's: 37,175,923 parameters. The original's sizes (output_kernel 7,
    leaky cell gate, auxiliary emotion) have 41,647,993.

    Source: report 4.1; Eskimez et al. 2021.
    """

    def __init__(
        self,
        *,
        emotions: int = 6,
        filters: Sequence[int] = (64, 128, 256, 512, 512),
        image_features: int = 512,
        speech_features: int = 512,
        emotion_features: int = 512,
        noise_features: int = 128,
        speech_filters: Sequence[int] = (64, 128, 256, 512),
        speech_step_features: int = 16,
        speech_activation: FirstActivation = "leaky_relu",
        output_filters: int = 32,
        output_kernel: int = 3,
        cell_activation: CellActivation = "tanh",
        auxiliary_emotion: bool = False,
        auxiliary_mouth: bool = False,
        check_values: bool = True,
    ) -> None:
        super().__init__()
        self.emotions, self.noise_features = emotions, noise_features
        self.check_values = check_values
        self.frames_per_block = 8
        self.speech_encoder = SpeechEncoder(
            features=speech_features,
            filters=speech_filters,
            step_features=speech_step_features,
            first_activation=speech_activation,
        )
        self.speech_lstm = nn.LSTM(speech_features, speech_features, 2, batch_first=True)
        self.image_encoder = ImageEncoder(features=image_features, filters=filters)
        self.noise_encoder = NoiseEncoder(features=noise_features)
        self.emotion_encoder = EmotionEncoder(emotions=emotions, features=emotion_features)
        self.speech_emotion = (
            SpeechEmotionHead(
                emotions=emotions, speech_features=speech_features, features=emotion_features
            )
            if auxiliary_emotion
            else None
        )
        self.speech_mouth = (
            SpeechMouthHead(speech_features=speech_features) if auxiliary_mouth else None
        )
        self.decoder = Decoder(
            speech_features=speech_features,
            noise_features=noise_features,
            image_features=image_features,
            emotion_features=emotion_features,
            filters=filters,
            output_filters=output_filters,
            output_kernel=output_kernel,
            cell_activation=cell_activation,
        )

    def forward(
        self,
        image_BCHW: Tensor,
        speech_BS: Tensor,
        emotion_BE: Tensor,
        noise_BTD: Tensor,
        margin_frames: int = 0,
        heads_only: bool = False,
        preceding: PrecedingSpeech | None = None,
    ) -> AnyOutput:
        """Return the video of T = ceil(S / 320) - 2 * margin_frames frames.

        Args:
            image_BCHW: condition image of each clip, 3 x 128 x 128 in [-1, 1].
            speech_BS: mono samples in [-1, 1] at 8 kHz.
            emotion_BE: intensity x one-hot, (B, E), or (B, T, E) where it changes over time.
            noise_BTD: N(0, 1), one vector for each frame of the video.
            margin_frames: frames of speech before and after the video's. They pass the speech
                encoder and its LSTM, then are cropped.
            heads_only: compute the auxiliary heads alone; the video has no frames. A twentieth of
                the work, for updates whose terms read nothing else.
            preceding: speech after which the recurrent layers begin, without gradients; None: they
                begin at zero.

        Raises:
            ValueError: an argument has a wrong shape, type or range of values.
        """
        self._check(image_BCHW, speech_BS, emotion_BE, noise_BTD, margin_frames)
        T = noise_BTD.shape[1]
        features_BTD = self.speech_encoder(speech_BS)
        heard = None
        if preceding is not None:
            heard = self._heard_before(preceding)
            features_BTD = self._features_after(preceding, speech_BS, features_BTD)
        spoken_BTD, _ = self.speech_lstm(features_BTD, None if heard is None else heard.state)
        speech_BTD = spoken_BTD[:, margin_frames : margin_frames + T]
        logits_BE = None if self.speech_emotion is None else self.speech_emotion(speech_BTD)
        mouth_BTLP = None if self.speech_mouth is None else self.speech_mouth(speech_BTD)
        if heads_only:
            return self._without_video(logits_BE, mouth_BTLP, image_BCHW)
        states = _FirstStates()
        if heard is not None:
            before_BTD = torch.cat([heard.speech_BTD, spoken_BTD[:, :margin_frames]], dim=1)
            states = self._states_after(
                before_BTD, heard.weight_B, image_BCHW, emotion_BE, noise_BTD
            )
        noise_BTD, _ = self.noise_encoder(noise_BTD, states.noise)
        emotion_BTE = emotion_BE if emotion_BE.dim() == 3 else emotion_BE.unsqueeze(1)
        emotion_BTD = self.emotion_encoder(emotion_BTE)
        kernels = self.decoder.kernels()
        maps = self.decoder.condition(self.image_encoder(image_BCHW), kernels)
        h_TBD = self.decoder.project(speech_BTD, noise_BTD, emotion_BTD, maps, kernels)
        first_state = states.decoder or self.decoder.first_state(maps)
        video_BTCHW, _ = self.decode(h_TBD, maps, kernels, first_state)
        return _output(video_BTCHW, logits_BE, mouth_BTLP)

    def _features_after(
        self, preceding: PrecedingSpeech, speech_BS: Tensor, features_BTD: Tensor
    ) -> Tensor:
        """Return the speech features, the first ones of which hear the end of the speech before.

        Zeros stand outside a signal, from which the network would know that one has begun. Only the
        first `SEAM_FRAMES` are computed anew: no later one hears them, nor do they hear what comes
        after as many more.
        """
        reach = SEAM_FRAMES * SAMPLES_PER_FRAME
        before_BS = preceding.speech_BS[:, -reach:].detach()
        frames = before_BS.shape[1] // SAMPLES_PER_FRAME
        before_BS = before_BS[:, -frames * SAMPLES_PER_FRAME :]
        around_BTD = self.speech_encoder(torch.cat([before_BS, speech_BS[:, : 2 * reach]], dim=1))
        first_BTD = around_BTD[:, frames : frames + SEAM_FRAMES]
        joined_BTD = torch.cat([first_BTD, features_BTD[:, SEAM_FRAMES:]], dim=1)
        return torch.where(preceding.weight_B[:, None, None] > 0, joined_BTD, features_BTD)

    @torch.no_grad()
    def _heard_before(self, preceding: PrecedingSpeech) -> _HeardBefore:
        """Return what the speech LSTM makes of the preceding speech, its state zero at weight 0."""
        speech_BTD, (hidden, cell) = self.speech_lstm(self.speech_encoder(preceding.speech_BS))
        weight_B = preceding.weight_B.to(speech_BTD.dtype)
        state = (hidden * weight_B[:, None], cell * weight_B[:, None])
        return _HeardBefore(speech_BTD, state, weight_B)

    @torch.no_grad()
    def _states_after(
        self,
        before_BTD: Tensor,
        weight_B: Tensor,
        image_BCHW: Tensor,
        emotion_BE: Tensor,
        noise_BTD: Tensor,
    ) -> _FirstStates:
        """Return the states of noise encoder and decoder before the video, zero at weight 0.

        They are those after the last `PRECEDING_FRAMES` of `before_BTD`, the speech LSTM's output
        up to the video. The picture and the emotion are the clip's own; of the noise the first
        frames serve twice.
        """
        frames = min(PRECEDING_FRAMES, before_BTD.shape[1], noise_BTD.shape[1])
        noise_BTD, noise = self.noise_encoder(noise_BTD[:, :frames])
        emotion_BTE = emotion_BE[:, :1] if emotion_BE.dim() == 3 else emotion_BE.unsqueeze(1)
        kernels = self.decoder.kernels()
        maps = self.decoder.condition(self.image_encoder(image_BCHW), kernels)
        h_TBD = self.decoder.project(
            before_BTD[:, -frames:], noise_BTD, self.emotion_encoder(emotion_BTE), maps, kernels
        )
        _, state = self.decoder.hidden(h_TBD, maps, kernels, self.decoder.first_state(maps))
        weight_BD, weight_BCHW = weight_B[:, None], weight_B[:, None, None, None]
        return _FirstStates(
            noise=(noise[0] * weight_BD, noise[1] * weight_BD),
            decoder=ConvLstmState(state.hidden_BCHW * weight_BCHW, state.cell_BCHW * weight_BCHW),
        )

    def _without_video(
        self, logits_BE: Tensor | None, mouth_BTLP: Tensor | None, image_BCHW: Tensor
    ) -> AnyOutput:
        """Return the heads' outputs and a video (B, 0, 3, 128, 128) without frames.

        The video depends on the parts that were not called, so that one backward pass reaches
        every parameter: engines of several processes wait for all gradients.
        """
        idle = (self.noise_encoder, self.image_encoder, self.emotion_encoder, self.decoder)
        video_BTCHW = image_BCHW.new_zeros(len(image_BCHW), 0, *image_BCHW.shape[1:])
        zero = idle_zero(idle)
        if zero is not None:
            video_BTCHW = video_BTCHW + zero
        return _output(video_BTCHW, logits_BE, mouth_BTLP)

    def decode(
        self, h_TBD: Tensor, maps: ConditionMaps, kernels: DecoderKernels, state: ConvLstmState
    ) -> tuple[Tensor, ConvLstmState]:
        """Return the decoder's video and state, computed in blocks of frames.

        A block's features fit into the processor's cache. Without gradients memory holds one block.
        """
        blocks = []
        for h_block in torch.split(h_TBD, self.frames_per_block):
            video_BTCHW, state = self.decoder(h_block, maps, kernels, state)
            blocks.append(video_BTCHW)
        return torch.cat(blocks, dim=1), state

    def check_samples(self, speech_BS: Tensor) -> None:
        """Raise ValueError unless the samples are numbers of a plausible level."""
        if not speech_BS.is_floating_point():
            raise ValueError(f"speech_BS: got {speech_BS.dtype}, expected floating point")
        if self.check_values and speech_BS.numel() and not torch.compiler.is_compiling():
            check_range("speech_BS", speech_BS, -MAX_LEVEL, MAX_LEVEL)

    def _check(
        self, image: Tensor, speech: Tensor, emotion: Tensor, noise: Tensor, margin_frames: int
    ) -> None:
        if margin_frames < 0:
            raise ValueError(f"margin_frames: got {margin_frames}, allowed are whole numbers >= 0")
        frames = check_speech(speech) - 2 * margin_frames
        clips = speech.shape[0]
        if frames < 1:
            raise ValueError(
                f"speech_BS: {speech.shape[1]} samples leave no frame between {margin_frames} "
                "margin frames before and after"
            )
        check_images(image, check_values=self.check_values)
        check_shape(image, f"{clips} {IMAGE_CHANNELS} {SIZE} {SIZE}", "image_BCHW")
        check_shape(noise, f"{clips} {frames} {self.noise_features}", "noise_BTD")
        frames_spec = f"{frames} " if emotion.dim() == 3 else ""
        check_shape(emotion, f"{clips} {frames_spec}{self.emotions}", "emotion_BE")
        for name, value in (("emotion_BE", emotion), ("noise_BTD", noise)):
            if not value.is_floating_point():
                raise ValueError(f"{name}: got {value.dtype}, expected floating point")
        self.check_samples(speech)
        if self.check_values and not torch.compiler.is_compiling():
            check_range("emotion_BE", emotion, 0.0, 1.0)
            check_range("noise_BTD", noise, -MAX_LEVEL, MAX_LEVEL)


def _output(video_BTCHW: Tensor, logits_BE: Tensor | None, mouth_BTLP: Tensor | None) -> AnyOutput:
    if mouth_BTLP is None:
        return GeneratorOutput(video_BTCHW, logits_BE)
    return OutputWithMouth(video_BTCHW, logits_BE, mouth_BTLP)


def check_images(image_BCHW: Tensor, *, check_values: bool) -> None:
    """Raise ValueError unless these are condition images (B, 3, 128, 128) in [-1, 1]."""
    check_shape(image_BCHW, f"B {IMAGE_CHANNELS} {SIZE} {SIZE}", "image_BCHW")
    if not image_BCHW.is_floating_point():
        raise ValueError(f"image_BCHW: got {image_BCHW.dtype}, expected floating point in [-1, 1]")
    if check_values and not torch.compiler.is_compiling():
        check_range("image_BCHW", image_BCHW, -1.0, 1.0)


def check_range(name: str, value: Tensor, low: float, high: float) -> None:
    """Raise ValueError unless every number is within [low, high]; NaN is not."""
    smallest, largest = (float(x) for x in value.detach().aminmax())
    if not low - 1e-3 <= smallest <= largest <= high + 1e-3:
        raise ValueError(
            f"{name}: values from {smallest:g} to {largest:g}, allowed are [{low:g}, {high:g}]"
        )
