"""Validate a run's generator on clips of the validation split, and write sample videos."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.model import ModelConfig
from emotalk.distributed import Runtime
from emotalk.evaluation.clips import read_clip, read_sentence
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.other_speech import choose_partners
from emotalk.evaluation.quantities import METRICS
from emotalk.evaluation.results import Figures
from emotalk.evaluation.sample_videos import SampleVideo, write_samples
from emotalk.models import Generator
from emotalk.schema import NEUTRAL, SAMPLES_PER_FRAME, UNKNOWN, Floats
from emotalk.shards.clip import Clip, read_speech
from emotalk.shards.names import NEUTRAL_MEMBER
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample

# Names in metrics.jsonl and MLflow: `validation/`, the row's prefix, the figure's name.
ROW_PREFIXES = {
    "generated": "",
    "repeat": "baseline_",
    "reencoded": "reencoded_",
    "other_speech": "other_speech_",
}
FIGURE_NAMES = {
    "psnr": "psnr",
    "ssim": "ssim",
    "psnr_mouth": "psnr_mouth",
    "ssim_mouth": "ssim_mouth",
    "nlmd": "nlmd",
    "missed_share": "faces_missed_share",
    "mouth_correlation": "mouth_correlation",
}


PUBLISHED = tuple(metric for metric in METRICS if FIGURE_NAMES.keys() & metric.quantities.keys())
"""The metrics that are measured in training."""


@dataclass(frozen=True)
class Validation:
    """The clips of a validation and the models that measure them."""

    clips: Sequence[Clip]  # this process's share, cut to the configured length
    other_speech: Mapping[str, Floats]  # key -> the speech of a clip with another sentence
    sample_keys: Collection[str]  # keys of the clips, of all processes, that get a sample video
    model: ModelConfig
    facts: ModelFacts  # as in the run's checkpoints
    landmark_model: LandmarkModel | None  # None: quantities of landmarks are not measured
    seed: int  # of the noise
    set_names: tuple[
        str, ...
    ] = ()  # of several shard sets, whose figures are also given one by one

    def measure(self, generator: Generator, runtime: Runtime, samples: Path | None) -> Figures:
        """Return the means over all processes' clips, by their names in MLflow.

        Of several shard sets, also each one's: `validation/mead/psnr`.

        Every process must call this, since `runtime` gathers the clips' figures. The generator is
        in evaluation mode. Sample videos are written to the folder `samples`; None: write none.
        """
        evaluator = Evaluator(
            loaded=LoadedGenerator(generator, self.model, self.facts, Path()),
            condition=self.facts.condition,
            landmark_model=self.landmark_model,
            seed=self.seed,
            validation_numerics=True,
            metrics=PUBLISHED,
        )
        made = evaluator.generate(self.clips, self.other_speech)
        pairs = list(zip(self.clips, made, strict=True))
        figures: list[object] = [
            self._with_set(clip.key, published_figures(evaluator.measure(clip, videos).rows))
            for clip, videos in pairs
        ]
        sampled: list[object] = [
            SampleVideo(
                key=clip.key,
                emotion=clip.emotion or UNKNOWN,
                condition_HWC=evaluator.condition_image(clip),
                truth_THWC=clip.video_THWC,
                generated_THWC=generated.video,
                audio_S=clip.audio_S,
            )
            for clip, generated in pairs
            if clip.key in self.sample_keys
        ]
        videos = [video for video in runtime.gather(sampled) if isinstance(video, SampleVideo)]
        if samples is not None:
            write_samples(sorted(videos, key=lambda s: (s.emotion, s.key)), samples)
        return _means(runtime.gather(figures))

    def _with_set(self, key: str, figures: Figures) -> Figures:
        """Return a clip's figures, those of the generated video also under the name of its set."""
        generated = {name: figures[name] for name in FIGURE_NAMES.values() if name in figures}
        of = [name for name in self.set_names if key.startswith(f"{name}.")]
        return figures | {f"{part}/{name}": v for part in of for name, v in generated.items()}


def published_figures(rows: Mapping[str, Figures]) -> Figures:
    """Return the figures of a clip's rows by their published names, without `validation/`."""
    return {
        prefix + name: rows[row][figure]
        for row, prefix in ROW_PREFIXES.items()
        if row in rows
        for figure, name in FIGURE_NAMES.items()
        if figure in rows[row]
    }


def sample_keys(samples: Sequence[Sample], count: int, condition: str) -> list[str]:
    """Return the key of one sample for each emotion, for `count` emotions at most."""
    first: dict[str, str] = {}
    for sample in samples:
        if condition != NEUTRAL or NEUTRAL_MEMBER in sample.members:
            first.setdefault(sample.emotion or UNKNOWN, sample.key)
    return list(first.values())[:count]


def read_clips(
    reader: SampleReader, samples: Sequence[Sample], max_frames: int, condition: str
) -> list[Clip]:
    """Return the clips of `samples`, cut to `max_frames`.

    With condition `neutral`, clips of actors without a neutral still are left out.
    """
    clips = [_cut(read_clip(reader, sample), max_frames) for sample in samples]
    return [clip for clip in clips if condition != NEUTRAL or clip.neutral_HWC is not None]


def read_other_speech(
    reader: SampleReader, samples: Sequence[Sample], clips: Sequence[Clip], *, seed: int
) -> dict[str, Floats]:
    """Return key -> speech of another sentence, for each of `clips` that has a partner.

    Partners are chosen among `samples`, those of every process; `clips` are this process's share.
    """
    sentences = [read_sentence(reader, sample) for sample in samples]
    partners = choose_partners(samples, sentences, seed=seed)
    return {
        clip.key: read_speech(reader, partners[clip.key]) for clip in clips if clip.key in partners
    }


def _cut(clip: Clip, frames: int) -> Clip:
    return replace(
        clip,
        video_THWC=clip.video_THWC[:frames],
        audio_S=clip.audio_S[: frames * SAMPLES_PER_FRAME],
        landmarks_TLP=clip.landmarks_TLP[:frames],
    )


def _means(clips: Sequence[object]) -> Figures:
    """Return the mean of each figure over the clips that have it, without figures no clip has."""
    columns: dict[str, list[float]] = defaultdict(list)
    for figures in clips:
        if isinstance(figures, Mapping):
            for name, value in figures.items():
                columns[name].append(value)
    return {
        f"validation/{name}": float(np.nanmean(column))
        for name, column in columns.items()
        if not np.isnan(column).all()
    }
