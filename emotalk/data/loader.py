"""Load the batches of a run: batch k is the same on any number of ranks and workers.

The loader has no position to save. A batch is computed from its step number, so a run resumes by
starting at another number.
"""

import atexit
import itertools
import logging
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator

import torch
from torch.utils.data import DataLoader

from emotalk.config.data import DataConfig
from emotalk.counted import counted
from emotalk.data.batch import ClipBatch
from emotalk.data.build_order import build_order, share_lines
from emotalk.data.selection import left_out_lines, select_samples
from emotalk.data.shared_memory import check_room
from emotalk.data.steps import LoadedStep, StepBatches
from emotalk.data.workers import Watch, children, forking, watched
from emotalk.errors import WrongUse
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.reader import DataFault
from emotalk.shards.sample_table import SampleTable

LOG = logging.getLogger(__name__)


def build_loader(
    config: DataConfig,
    shard_set: AnyShardSet,
    split: str,
    seed: int,
    emotions: tuple[str, ...],
    *,
    rank: int = 0,
    world_size: int = 1,
    start_step: int = 0,
) -> "ClipLoader":
    """Return the loader of one rank.

    The split `train` is endless and shuffled. Every other split is read once, in its own order,
    one fixed window a clip; its last batch is filled up with places that are not valid.

    `emotions` are in the order of their indices. `world_size` must divide the batch size.

    Raises:
        WrongUse: the set, the settings or their combination cannot work.
    """
    if config.batch_size % world_size:
        raise WrongUse(
            f"data.batch_size {config.batch_size} cannot be shared equally by {world_size} ranks; "
            f"use a multiple of {world_size}, or fewer ranks"
        )
    selection = select_samples(shard_set, split, config, emotions)
    used = SampleTable.joined(selection.samples)
    asks = (config.other_speech, config.babble_voices, config.preceding_speech)
    if any(asks) and len(used) < 2:
        raise WrongUse(
            f"{shard_set.location}: split {split!r} has one usable clip, but data.other_speech, "
            "data.babble_voices or data.preceding_speech asks for another one; switch them off"
        )
    endless = split == "train"
    order = build_order(shard_set, selection.samples, config, seed, shuffled=endless)
    batches = StepBatches(
        config, shard_set, used, order, seed, emotions, rank, world_size, endless=endless
    )
    return ClipLoader(batches, left_out=selection.left_out, start_step=start_step)


class ClipLoader:
    """An iterable of batches from `start_step` on; iterating again begins there again.

    Attributes:
        samples: the clips that are used.
        left_out: reason -> keys of the clips of the split that are not used.
        faults: message -> number of times that it occurred on this rank.
        stop_requested: returns whether to stop waiting for a batch.
    """

    def __init__(
        self, batches: StepBatches, *, left_out: dict[str, tuple[str, ...]], start_step: int
    ) -> None:
        self.batches = batches
        self.samples = batches.samples
        self.left_out = left_out
        self.start_step = start_step
        self.faults: Counter[str] = Counter()
        self.stop_requested: Callable[[], bool] = lambda: False

    @property
    def clips_per_epoch(self) -> int:
        """Return the number of places in one pass over the samples."""
        return len(self.batches.order)

    def describe(self) -> list[str]:
        """Return lines on the clips that are used, on each set's share and on clips left out."""
        clips, places = len(self.samples), self.clips_per_epoch
        more = f", {places} windows an epoch" if places != clips else ""
        shares = share_lines(self.batches.shard_set, self.batches.order)
        return [counted(clips, "clip") + more, *shares, *left_out_lines(self.left_out)]

    def __iter__(self) -> Iterator[ClipBatch]:
        """Yield the batches of the steps `start_step`, `start_step` + 1, ...

        Raises:
            DataFault: a clip cannot be read and `data.on_fault` is `raise`.
            WorkerLost: a worker died, had no memory for a batch, or gave none for too long.
            Interrupted: `stop_requested` while waiting for a batch.
            WrongUse: the workers' batches do not fit into shared memory.
        """
        config = self.batches.config
        check_room(config.workers, config.prefetch, self.batches.bytes)
        before = children()
        with forking() as start_worker:
            loader = DataLoader(
                self.batches,
                batch_size=None,
                sampler=self._steps(),
                num_workers=config.workers,
                prefetch_factor=config.prefetch if config.workers else None,
                pin_memory=torch.cuda.is_available(),
                worker_init_fn=start_worker,
            )
            loaded = iter(loader)  # starts the workers
        watch = Watch([*children() - before], config.silence_s, self.stop_requested)
        batches = self._checked(watched(loaded, watch))
        atexit.register(_close, weakref.ref(batches))
        return batches

    def _checked(self, loaded: Iterator[LoadedStep]) -> Generator[ClipBatch, None, None]:
        try:
            for batch, faults in loaded:
                self._meet(tuple(faults))
                # pinning turns plain tuples into lists
                yield batch._replace(keys=tuple(batch.keys), places=tuple(batch.places))
        finally:
            # The traceback of a fault keeps this frame, and so would keep the workers, until
            # Python exits and waits for them.
            del loaded

    def _steps(self) -> Iterable[int]:
        if self.batches.endless:
            return itertools.count(self.start_step)
        size = self.batches.config.batch_size
        return range(self.start_step, -(-self.clips_per_epoch // size))

    def _meet(self, faults: tuple[str, ...]) -> None:
        self.faults.update(faults)
        if faults and self.batches.config.on_fault == "raise":
            raise DataFault("\n".join([*faults, "to go on without such clips: data.on_fault=skip"]))
        for fault in faults:
            LOG.warning("left out of its batch: %s", fault)


def _close(batches: "weakref.ref[Generator[ClipBatch, None, None]]") -> None:
    """End the workers of a loader that is still in use when Python exits.

    Python itself would send them a signal that they ignore, and wait.
    """
    found = batches()
    if found is not None:
        found.close()
