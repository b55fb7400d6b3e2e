"""Export the streaming generator with `torch.export`, as two programs of fixed shapes.

`ConditionProgram` computes the maps of a condition image, once. `StreamProgram` computes from the
next `frames` frames of speech as many frames of video and the state for the next call. The video is
`DELAY` frames late: ignore the output of the first `DELAY / frames` calls. After the last speech
call it `DELAY / frames` more times with any samples and the length of the speech.
"""

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from emotalk.models.decoder import ConditionMaps
from emotalk.models.generator import Generator
from emotalk.models.modes import evaluation_mode
from emotalk.models.speech_stream import DELAY, UNKNOWN_LENGTH
from emotalk.models.streaming import StreamState, decode_frames, encode_speech, first_state
from emotalk.schema import SAMPLES_PER_FRAME, SIZE

FRAMES_ALLOWED = tuple(frames for frames in range(1, DELAY + 1) if DELAY % frames == 0)


class ConditionProgram(nn.Module):
    """Compute layers' outputs for the condition image, which every frame uses."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image_BCHW: Tensor) -> ConditionMaps:
        """Return the maps of images in [-1, 1]."""
        decoder = self.generator.decoder
        return decoder.condition(self.generator.image_encoder(image_BCHW), decoder.kernels())


class StreamProgram(nn.Module):
    """Compute one step of a stream.

    Args:
        generator: provides the weights; the decoder's kernels are computed here, once.
        frames: of speech and video in each call, a divisor of the delay of 4.
    """

    def __init__(self, generator: Generator, *, frames: int = 1) -> None:
        super().__init__()
        if frames not in FRAMES_ALLOWED:
            raise ValueError(f"frames: got {frames}, allowed are {FRAMES_ALLOWED}")
        self.generator, self.frames = generator, frames
        with torch.no_grad():
            leaves, self.kernels_spec = pytree.tree_flatten(generator.decoder.kernels())
        self.kernels = len(leaves)
        for number, leaf in enumerate(leaves):
            self.register_buffer(f"kernel_{number}", leaf.detach().clone(), persistent=False)

    def forward(
        self,
        speech_BS: Tensor,
        samples: Tensor,
        emotion_BE: Tensor,
        noise_BTD: Tensor,
        maps: ConditionMaps,
        state: StreamState,
    ) -> tuple[Tensor, StreamState]:
        """Return video (B, frames, 3, 128, 128) and the state after it.

        Args:
            speech_BS: the next frames * 320 samples.
            samples: length of the whole speech, an int64 scalar; `UNKNOWN_LENGTH` until known.
            emotion_BE: intensity x one-hot.
            noise_BTD: of the returned frames.
            maps: of `ConditionProgram`.
            state: of the call before; for the first call that of `example_inputs`.
        """
        leaves = [self.get_buffer(f"kernel_{number}") for number in range(self.kernels)]
        kernels = pytree.tree_unflatten(leaves, self.kernels_spec)
        begun = (state.speech.position > DELAY).to(speech_BS.dtype)
        speech_BTD, state = encode_speech(self.generator, speech_BS, samples, state)
        hidden, cell = state.noise_lstm
        images = state.decoder
        state = state._replace(  # the states are zero until frame 0
            noise_lstm=(hidden * begun, cell * begun),
            decoder=images._replace(
                hidden_BCHW=images.hidden_BCHW * begun, cell_BCHW=images.cell_BCHW * begun
            ),
        )
        return decode_frames(
            self.generator, speech_BTD, emotion_BE.unsqueeze(1), noise_BTD, maps, kernels, state
        )

    @torch.no_grad()
    def example_inputs(
        self, maps: ConditionMaps
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, ConditionMaps, StreamState]:
        """Return arguments of `forward` for the first call, with silence and zero noise."""
        clips = maps.fc_BD.shape[0]
        return (
            maps.fc_BD.new_zeros(clips, self.frames * SAMPLES_PER_FRAME),
            torch.tensor(UNKNOWN_LENGTH, device=maps.fc_BD.device),
            maps.fc_BD.new_zeros(clips, self.generator.emotions),
            maps.fc_BD.new_zeros(clips, self.frames, self.generator.noise_features),
            maps,
            first_state(self.generator, maps),
        )


def export_stream(
    generator: Generator, *, clips: int = 1, frames: int = 1
) -> tuple[torch.export.ExportedProgram, torch.export.ExportedProgram]:
    """Return the condition and the stream program, exported at these sizes.

    Args:
        generator: provides the weights.
        clips: clips in a batch, B.
        frames: of speech and video in each call: 1, 2 or 4.
    """
    weight = generator.decoder.fc.weight
    image_BCHW = weight.new_zeros(clips, 3, SIZE, SIZE)
    with torch.no_grad(), evaluation_mode(generator):
        condition = ConditionProgram(generator)
        stream = StreamProgram(generator, frames=frames)
        first = torch.export.export(condition, (image_BCHW,))
        second = torch.export.export(stream, stream.example_inputs(condition(image_BCHW)))
    return first, second
