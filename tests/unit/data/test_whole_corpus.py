"""A corpus of CREMA-D's size and names on 1 to 512 ranks, with the code that training runs.

Everything but the reading of tars is the real thing: indexes, order, windows and batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from emotalk.config.data import DataConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.data.order import Order, Place, rank_places
from emotalk.data.steps import StepBatches
from emotalk.schema import EMOTIONS
from emotalk.shards.sample_table import Sample, SampleTable
from emotalk.shards.shard_set import ShardSet
from tests.helpers.corpus_index import CLIPS, crema_d_keys, write_corpus_index
from tests.helpers.shared import shared_root

SEED, BATCH = 3, 512
Row = tuple[str, int, int]  # key, place, first frame of the window


class Unread(StepBatches):
    """Batches as training gets them, but for what stands in the tars."""

    def _fill(self, batch: ClipBatch, row: int, place: Place) -> None:
        start = self._start(place, self.samples[place.sample])
        batch.landmarks_BTLP[row] = start
        batch.valid_B[row] = True


@dataclass(frozen=True)
class Corpus:
    """The loader of the whole corpus, and where its keys come from."""

    loader: ClipLoader
    source: str

    @property
    def samples(self) -> SampleTable:
        """The clips used."""
        return self.loader.samples

    def batches(self, rank: int, world_size: int) -> Unread:
        """Return one worker's batches of one rank, with nothing shared or remembered."""
        real = self.loader.batches
        order = Order(self.samples.shard_N, seed=SEED, block_shards=16)
        return Unread(
            real.config, real.reader.shard_set, self.samples, order, SEED, EMOTIONS,
            rank, world_size, endless=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    keys, source = crema_d_keys(shared_root())
    assert len(set(keys)) == CLIPS
    folder = write_corpus_index(tmp_path_factory.mktemp("corpus"), keys)
    config = DataConfig(batch_size=BATCH, frames=1, speech_margin_frames=0)
    return Corpus(build_loader(config, ShardSet.open(str(folder)), "train", SEED, EMOTIONS), source)


def rows_of(batch: ClipBatch) -> Iterator[Row]:
    starts = batch.landmarks_BTLP[:, 0, 0, 0].int().tolist()
    return zip(batch.keys, batch.places, starts, strict=True)


def simulate(corpus: Corpus, world_size: int, workers: int, steps: range) -> list[Row]:
    """Return all ranks' rows, step by step; a rank's workers take its steps in turn."""
    ranks = [
        [corpus.batches(rank, world_size) for _ in range(max(workers, 1))]
        for rank in range(world_size)
    ]
    return [
        row
        for step in steps
        for rank in ranks
        for row in rows_of(rank[step % len(rank)][step].batch)
    ]


STEPS = range(2 * CLIPS // BATCH + 1)  # a little more than two epochs


@pytest.fixture(scope="module")
def alone(corpus: Corpus) -> list[Row]:
    return simulate(corpus, 1, 0, STEPS)


def test_every_clip_comes_once_an_epoch_in_a_window_of_its_own(
    corpus: Corpus, alone: list[Row]
) -> None:
    keys = {sample.key for sample in corpus.samples}
    assert [place for _, place, _ in alone] == list(range(len(STEPS) * BATCH))
    first, second = alone[:CLIPS], alone[CLIPS : 2 * CLIPS]
    for epoch in (first, second):
        assert len(epoch) == len(keys)
        assert {key for key, _, _ in epoch} == keys
    windows = [{key: start for key, _, start in epoch} for epoch in (first, second)]
    moved = sum(windows[0][key] != windows[1][key] for key in keys)
    assert moved > 0.9 * CLIPS
    frames = {sample.key: sample.frames for sample in corpus.samples}
    assert all(0 <= start < frames[key] for key, _, start in alone)
    assert CLIPS % BATCH  # so a batch straddles the epochs


@pytest.mark.parametrize("workers", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("world_size", [1, 2, 8, 64, 512])
def test_any_ranks_and_workers_together_see_what_one_process_sees(
    corpus: Corpus, alone: list[Row], world_size: int, workers: int
) -> None:
    # Two whole epochs where that is quick, else the steps round their seam.
    seam = CLIPS // BATCH
    whole = world_size <= 8 and workers in (0, 3)
    steps = STEPS if whole else range(seam - 1, seam + 2)
    found = simulate(corpus, world_size, workers, steps)
    assert found == alone[steps.start * BATCH : steps.stop * BATCH]


@pytest.mark.slow  # a minute or two
@pytest.mark.parametrize("world_size", [64, 512])
def test_two_whole_epochs_of_many_ranks_are_those_of_one_process(
    corpus: Corpus, alone: list[Row], world_size: int
) -> None:
    assert simulate(corpus, world_size, 2, STEPS) == alone


@pytest.mark.parametrize("world_size", [2, 64, 512])
def test_a_run_is_taken_up_at_its_millionth_step_by_any_number_of_ranks(
    corpus: Corpus, world_size: int
) -> None:
    steps = range(10**6, 10**6 + 2)
    found = simulate(corpus, world_size, 0, steps)
    assert found == simulate(corpus, 1, 2, steps)
    assert [place for _, place, _ in found] == list(range(10**6 * BATCH, (10**6 + 2) * BATCH))


@pytest.mark.parametrize(
    ("world_size", "batch_size"), [(2, 64), (8, 64), (32, 64), (64, 64), (512, 512)]
)
def test_ranks_read_alike(corpus: Corpus, world_size: int, batch_size: int) -> None:
    """Bytes that each rank reads in three epochs: within 5 % of the mean on up to 32 ranks."""
    sizes = np.array([_bytes(sample) for sample in corpus.samples])
    order = corpus.batches(0, 1).order
    read = np.zeros(world_size)
    for step in range(3 * CLIPS // batch_size):
        for rank in range(world_size):
            for number in rank_places(
                step, batch_size=batch_size, rank=rank, world_size=world_size
            ):
                read[rank] += sizes[order.place(number).sample]
    off = float(np.abs(read / read.mean() - 1).max())
    print(f"{world_size} ranks, {corpus.source}: within {100 * off:.1f} %")  # noqa: T201
    assert world_size > 32 or off < 0.05


def _bytes(sample: Sample) -> int:
    begin = min(offset for offset, _ in sample.members.values())
    return max(offset + size for offset, size in sample.members.values()) - begin
