"""Find tensors that were left on the CPU without a GPU, by a device without memory."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from emotalk.augment.batch import BatchAugment
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch
from emotalk.distributed import Runtime
from emotalk.runs.facts import model_facts
from emotalk.runs.networks import build_networks, engine_names
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, SIZE
from emotalk.training.input_preparation import InputPreparation
from emotalk.training.networks import Networks

META = torch.device("meta")
# What takes tensors from one device to another is what may see both.
MOVES = ("_to_copy", "copy_")
READ = torch.ops.aten._local_scalar_dense.default
COPY = torch.ops.aten._to_copy.default
COUNT = torch.ops.aten.bincount.default  # has no form for tensors without content


class LeftOnTheCpuError(RuntimeError):
    """Raised by an operation on tensors of both devices, which CUDA refuses or waits for."""


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuse operations between the device and CPU tensors of more than one number.

    Where the host reads numbers of the device, it gets ones.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reads = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Look at where the arguments are, then run the operation."""
        del types
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = any(tensor.is_meta for tensor in tensors)
        if func is READ and there:
            self.reads += 1
            return 1.0
        if func is COPY and there and (kwargs or {}).get("device") == torch.device("cpu"):
            self.reads += 1
            return torch.ones_like(args[0], device="cpu")
        here = [tuple(t.shape) for t in tensors if not t.is_meta and t.dim() > 0]
        name = func._overloadpacket.__name__
        if there and here and name not in MOVES:
            raise LeftOnTheCpuError(f"{name}: CPU tensors of shape {here} meet the device's")
        if func is COUNT and there:
            return torch.empty(args[2], dtype=torch.int64, device=META)
        return func(*args, **(kwargs or {}))


class MetaRuntime(Runtime):
    """Stand for one process whose device is `meta`."""

    @property
    def device(self) -> torch.device:
        """Return the device that everything has to be on."""
        return META


@contextmanager
def networks_on_meta(config: TrainConfig) -> Iterator[Networks]:
    """Build a run's networks, engines and optimisers on the device without memory."""
    accelerator = Accelerator(cpu=True, device_placement=False)
    runtime = MetaRuntime(dict.fromkeys(engine_names(config), accelerator))
    try:
        with torch.device(META):
            networks = build_networks(config, runtime)
        yield networks
    finally:
        AcceleratorState._reset_state()
        PartialState._reset_state()


def inputs_on_meta(config: TrainConfig, noise_features: int) -> InputPreparation:
    """Return what makes batches ready on the device without memory, augmentation included."""
    return InputPreparation(
        config,
        emotions=len(model_facts(config).emotions),
        noise_features=noise_features,
        augment=BatchAugment(config.augment, config.seed),
        device=META,
    )


def loaded_batch(config: TrainConfig) -> ClipBatch:
    """Return a batch as the loader hands it over, on the CPU."""
    clips, frames = config.data.batch_size, config.data.frames
    margin = config.data.speech_margin_frames
    speech = torch.zeros(clips, (frames + 2 * margin) * SAMPLES_PER_FRAME)
    return ClipBatch(
        keys=tuple(f"clip{number}" for number in range(clips)),
        places=tuple(range(clips)),
        condition_BCHW=torch.zeros(clips, 3, SIZE, SIZE, dtype=torch.uint8),
        video_BTCHW=torch.zeros(clips, frames, 3, SIZE, SIZE, dtype=torch.uint8),
        speech_BS=speech,
        landmarks_BTLP=torch.zeros(clips, frames, LANDMARKS, 2),
        emotion_B=torch.zeros(clips, dtype=torch.long),
        intensity_B=torch.ones(clips),
        valid_B=torch.ones(clips, dtype=torch.bool),
        other_speech_BS=speech.clone(),
        preceding_BS=speech.clone() if config.data.preceding_speech else None,
        preceded_B=torch.ones(clips, dtype=torch.bool) if config.data.preceding_speech else None,
    )


def on_meta(tensors: Iterator[Tensor]) -> bool:
    """Return whether all of `tensors` are on the device without memory."""
    return all(map(operator.attrgetter("is_meta"), tensors))
