"""Convert the decoder's kernels and maps to bfloat16, to generate faster where a CPU has it.

Stages 1 to 4 take most of the time. Stage 5 and the last convolution stay in float32, as does the
ConvLSTM's cell: of 41 million values of videos of a trained model that lets none differ by more
than one grey level from float32, where all stages in bfloat16 let 34 differ by two.
"""

import torch

from emotalk.models.conv_lstm import ConvLstmState
from emotalk.models.decoder import ConditionMaps, DecoderKernels, StageKernels


def bfloat16_kernels(kernels: DecoderKernels) -> DecoderKernels:
    """Return the kernels with those of stages 1 to 4 in bfloat16.

    `Decoder.forward` computes each layer in the type of its kernel.
    """
    return kernels._replace(
        conv_1=_stage(kernels.conv_1),
        conv_2=_stage(kernels.conv_2),
        conv_3=_stage(kernels.conv_3),
        gates=_stage(kernels.gates),
        recurrent=kernels.recurrent.bfloat16(),
    )


def bfloat16_maps(maps: ConditionMaps) -> ConditionMaps:
    """Return the condition image's maps with those of stages 1 to 4 in bfloat16."""
    return maps._replace(
        conv_1_BCHW=maps.conv_1_BCHW.bfloat16(),
        conv_2_BCHW=maps.conv_2_BCHW.bfloat16(),
        conv_3_BCHW=maps.conv_3_BCHW.bfloat16(),
        gates_BCHW=maps.gates_BCHW.bfloat16(),
    )


def float32_cell(state: ConvLstmState) -> ConvLstmState:
    """Return the state with its cell in float32, which it keeps from frame to frame."""
    return state._replace(cell_BCHW=state.cell_BCHW.to(torch.float32))


def _stage(kernels: StageKernels) -> StageKernels:
    bias = None if kernels.bias is None else kernels.bias.bfloat16()
    return StageKernels(kernels.own.bfloat16(), kernels.image.bfloat16(), bias)
