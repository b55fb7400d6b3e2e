"""Evaluate blocks of clips, one after another or shared over processes.

A block is generated and measured together. Blocks do not depend on the number of processes, so
neither do the figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation.evaluator import Evaluator, Generated
from emotalk.evaluation.judges import Judges, rebuild_judges
from emotalk.evaluation.noise_curve import measure_noise
from emotalk.evaluation.processes import share
from emotalk.evaluation.reading import ClipReader
from emotalk.evaluation.results import Results
from emotalk.evaluation.speech_facts import speech_facts
from emotalk.evaluation.strengths import add_strengths, see_strengths
from emotalk.lip_sync.one_thread import one_thread
from emotalk.schema import NEUTRAL, UNKNOWN, Bytes
from emotalk.shards.clip import Clip
from emotalk.shards.joined_set import open_shards
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.usable_cores import usable_cores

MOST_BY_ITSELF = 8
"""Most processes that `processes: 0` starts; each takes about 1 GB of memory."""


@dataclass(frozen=True)
class Block:
    """Clips that are evaluated together."""

    samples: tuple[Sample, ...]
    other_speech: Mapping[str, Sample]  # key -> the sample whose speech is the other one
    others: Mapping[str, Sequence[Sample]]  # key -> samples of several other sentences
    pictured: frozenset[str]  # keys of the clips whose frames the report shows
    noisy: frozenset[str] = frozenset()  # keys of the clips that are made again with noise
    strong: frozenset[str] = frozenset()  # keys of the clips that are made at several strengths


@dataclass
class BlockResults(Results):
    """The results of one block.

    Attributes:
        left_out: key -> why the clip, or a part of its figures, is missing.
    """

    left_out: dict[str, str] = field(default_factory=dict)


class BlockEvaluator:
    """Evaluates blocks in one process, with its own models and reader."""

    def __init__(self, config: EvaluateConfig, evaluator: Evaluator, reader: ClipReader) -> None:
        """Take the configuration, from which other processes build the same, and the parts."""
        self.config, self.evaluator = config, evaluator
        self._reader = reader

    def threads(self) -> AbstractContextManager[None]:
        """Return a context with the threads of every process: one on a CPU.

        The figures are then those of any number of processes and of any machine's load.
        """
        return one_thread() if self.evaluator.device.type == "cpu" else nullcontext()

    def __call__(self, block: Block) -> BlockResults:
        """Return the results of a block."""
        known, self._reader.left_out = self._reader.left_out, {}
        with self.threads():
            clips = list(self._reader.clips(block.samples))
            made = self.evaluator.generate(
                clips, self._reader.other_speech(clips, block.other_speech)
            )
            facts = {
                clip.key: speech_facts(clip, self._reader.speeches(block.others.get(clip.key, ())))
                for clip in clips
            }
            found = self.evaluator.measure_together(clips, made, facts)
            strong = [clip for clip in clips if clip.key in block.strong]
            seen = see_strengths(self.evaluator, strong, self.config.emotion.strengths)
            results = BlockResults([add_strengths(one, seen) for one in found])
            noisy = [clip for clip in clips if clip.key in block.noisy]
            figures = measure_noise(
                self.evaluator, noisy, self.config.noise_db, self.config.noise_kind, facts
            )
            results.noisy = {c.key: of for c, of in zip(noisy, figures, strict=True)}
        for clip, videos in zip(clips, made, strict=True):
            if clip.key in block.pictured:
                results.examples[clip.emotion or UNKNOWN] = _example(clip, videos)
            if self.evaluator.baseline is not None and videos.baseline is None:
                lack = f"baseline only: it does not know {clip.emotion or NEUTRAL}"
                results.left_out.setdefault(clip.key, lack)
        results.left_out |= self._reader.left_out
        self._reader.left_out = known
        return results


def _example(clip: Clip, videos: Generated) -> dict[str, Bytes]:
    """Return the videos to picture; with a baseline, both models' are from one picture."""
    if videos.baseline is None:
        return {"true": clip.video_THWC, "generated": videos.emotion_video}
    return {"true": clip.video_THWC, "generated": videos.video, "baseline": videos.baseline}


def build_block_evaluator(config: EvaluateConfig) -> BlockEvaluator:
    """Return an evaluator with everything that the configuration names; nothing of it is `auto`."""
    shard_set = open_shards(config.shards, config.remote)
    loaded = load_generator(config.checkpoint, ema=config.ema, device=config.device)
    evaluator = evaluator_of(rebuild_judges(config, shard_set), loaded, load_baseline(config))
    return BlockEvaluator(config, evaluator, ClipReader(SampleReader(shard_set), config))


def evaluator_of(
    judges: Judges, loaded: LoadedGenerator, baseline: LoadedGenerator | None
) -> Evaluator:
    """Return the evaluator of loaded models, with the settings that the judges' were built by."""
    config = judges.config
    return Evaluator(
        loaded=loaded,
        condition=config.condition,
        landmark_model=judges.landmark_model,
        emotion_judge=judges.emotion_judge,
        embedder=judges.embedder,
        seed=config.seed,
        batch_size=config.batch_size,
        as_reported=config.as_reported,
        baseline=baseline,
        device=loaded.device,
    )


def load_baseline(config: EvaluateConfig) -> LoadedGenerator | None:
    """Return the baseline's generator, or None without one."""
    if config.baseline is None:
        return None
    return load_generator(config.baseline, ema=config.ema, device=config.device)


def blocks_of(
    samples: Sequence[Sample],
    partners: Mapping[str, Sample],
    others: Mapping[str, Sequence[Sample]],
    pictured: frozenset[str],
    noisy: frozenset[str] = frozenset(),
    *,
    size: int,
    strong: frozenset[str] = frozenset(),
) -> list[Block]:
    """Return the samples in blocks of `size`, each with its own partners and choices."""
    blocks = []
    for begin in range(0, len(samples), size):
        part = tuple(samples[begin : begin + size])
        keys = {sample.key for sample in part}
        speech = {key: partner for key, partner in partners.items() if key in keys}
        of_part = {key: found for key, found in others.items() if key in keys}
        chosen = (pictured & keys, noisy & keys, strong & keys)
        blocks.append(Block(part, speech, of_part, *chosen))
    return blocks


def count_processes(config: EvaluateConfig, blocks: int, *, on_cpu: bool) -> int:
    """Return how many processes share the blocks: those asked for, else one for two blocks.

    By itself it takes no more than the usable cores, and one on a GPU, which has its own threads.
    """
    if config.processes:
        return max(1, min(config.processes, blocks))
    return max(1, min(usable_cores(), blocks // 2, MOST_BY_ITSELF)) if on_cpu else 1


def evaluate_blocks(
    here: BlockEvaluator, blocks: Sequence[Block]
) -> Iterator[tuple[int, BlockResults]]:
    """Yield (place, results) of every block; `here` does them all if one process is enough."""
    on_cpu = here.evaluator.device.type == "cpu"
    processes = count_processes(here.config, len(blocks), on_cpu=on_cpu)
    if processes <= 1:
        yield from enumerate(map(here, blocks))
        return
    yield from share(partial(build_block_evaluator, here.config), blocks, processes=processes)
