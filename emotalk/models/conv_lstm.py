"""Define a ConvLSTM layer: its states are images, its matrix products are convolutions."""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotalk.models.conv_lstm_unroll import CellActivation, unroll


class ConvLstmState(NamedTuple):
    """Hold hidden and cell images (B, C, H, W) after a frame."""

    hidden_BCHW: Tensor
    cell_BCHW: Tensor


class ConvLstm(nn.Module):
    """Weights and recurrent part of a 3 x 3 ConvLSTM with zero padding.

    The caller computes the convolution of its input, for all frames at once. In the stored weights
    gates are ordered input, forget, cell, output, as in `torch.nn.LSTM`.

    Args:
        in_channels: of the input.
        channels: of the state.
        cell_activation: of the cell gate.

    Source: Shi et al. 2015; Eskimez et al. 2021, whose cell gate is a leaky ReLU.
    """

    def __init__(
        self, in_channels: int, channels: int, *, cell_activation: CellActivation = "tanh"
    ) -> None:
        super().__init__()
        if cell_activation not in ("tanh", "leaky_relu"):
            raise ValueError(
                f"cell_activation: got {cell_activation!r}, allowed are tanh, leaky_relu"
            )
        self.channels = channels
        self.cell_activation = cell_activation
        self.weight_ih = nn.Parameter(torch.empty(4 * channels, in_channels, 3, 3))
        self.weight_hh = nn.Parameter(torch.empty(4 * channels, channels, 3, 3))
        self.bias_ih = nn.Parameter(torch.empty(4 * channels))
        self.bias_hh = nn.Parameter(torch.empty(4 * channels))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / sqrt(channels), 1 / sqrt(channels))

    def sigmoids_first(self, weight: Tensor) -> Tensor:
        """Return rows reordered to input, forget, output, cell: the sigmoid gates side by side."""
        input_and_forget, cell, output = torch.split(
            weight, [2 * self.channels, self.channels, self.channels]
        )
        return torch.cat([input_and_forget, output, cell])

    def zero_state(self, like_NCHW: Tensor, clips: int) -> ConvLstmState:
        """Return the state before the first frame, of the size and type of `like_NCHW`."""
        zeros = like_NCHW.new_zeros(clips, self.channels, *like_NCHW.shape[-2:])
        zeros = zeros.contiguous(memory_format=torch.channels_last)
        return ConvLstmState(zeros, zeros.clone())  # two tensors, for torch.export

    def forward(
        self,
        gates_TBCHW: Tensor,
        clip_gates_BCHW: Tensor,
        recurrent_kernel: Tensor,
        state: ConvLstmState,
    ) -> tuple[Tensor, ConvLstmState]:
        """Return hidden images (T * B, C, H, W), frames outermost, and the state after the last.

        Args:
            gates_TBCHW: convolved input of each frame, its gates in the order of `sigmoids_first`.
            clip_gates_BCHW: the same of each clip, for all its frames, biases included.
            recurrent_kernel: `sigmoids_first` of `weight_hh`.
            state: of the frame before; its cell keeps its type, which may be wider than the gates'.
        """
        outputs_TBCHW, cell_BCHW = unroll(
            gates_TBCHW,
            clip_gates_BCHW.to(gates_TBCHW.dtype),
            recurrent_kernel.to(gates_TBCHW.dtype),
            state.hidden_BCHW.to(gates_TBCHW.dtype),
            state.cell_BCHW,
            cell_activation=self.cell_activation,
        )
        return outputs_TBCHW.flatten(0, 1), ConvLstmState(outputs_TBCHW[-1], cell_BCHW)
