"""Measure a run's generator on clips it does not learn from, and write samples."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.model import ModelConfig
from emotalk.config.validation import ValidationConfig
from emotalk.data.loader import read_clip
from emotalk.distributed import Runtime
from emotalk.evaluation.clips import read_sentence
from emotalk.evaluation.evaluator import fitted
from emotalk.evaluation.measure import reencoded, shape_distance, to_metrics
from emotalk.evaluation.sample_videos import Sample, write_samples
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.metrics.image import crop_mouth, psnr, ssim
from emotalk.metrics.lip_sync import mouth_correlation, mouth_opening, voiced_frames
from emotalk.metrics.protocol import partners_with_other_speech
from emotalk.models import Generator
from emotalk.schema import NEUTRAL, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.seeding import draw_seed
from emotalk.shards.clip import Clip, read_speech
from emotalk.shards.manifest import NEUTRAL_MEMBER
from emotalk.shards.shard_set import Sample as ShardSample
from emotalk.shards.shard_set import SampleReader, ShardSet

FindLandmarks = Callable[[Bytes], Floats]
Point = dict[str, float]


@dataclass(frozen=True)
class Truth:
    """A true clip with what every comparison needs of it; landmarks only where they are found."""

    clip: Clip
    video_BTCHW: Tensor
    landmarks_TLP: Floats | None


@dataclass(frozen=True)
class Validation:
    """The clips, the measures and what people look at.

    Attributes:
        clips: this process's share of the validation clips, cut to the configured length.
        other_speech: key -> the speech of a clip that says another sentence, as long as the clip.
        shown: keys of the clips, of all processes, that people look at.
        find_landmarks: frames -> 68 points of each, or None where NLMD is not measured.
        seed: of the noise.
    """

    clips: Sequence[Clip]
    other_speech: Mapping[str, Floats]
    shown: Collection[str]
    config: ValidationConfig
    model: ModelConfig
    facts: ModelFacts
    find_landmarks: FindLandmarks | None
    seed: int

    def measure(self, generator: Generator, runtime: Runtime, samples: Path | None) -> Point:
        """Return the means over all processes' clips, names as in MLflow.

        Beside the generated videos' figures stand the baselines': the condition frame repeated
        (`baseline_`), the true video re-encoded (`reencoded_`), and the video generated for
        another clip's speech (`other_speech_`).

        Args:
            generator: in evaluation mode.
            runtime: gathers the clips' figures; every process must call this.
            samples: folder for sample videos and their picture; None: write none.
        """
        loaded = LoadedGenerator(generator, self.model, self.facts, Path())
        requests = {clip.key: self._request(clip) for clip in self.clips}
        swapped = {
            key: requests[key]._replace(speech_S=speech_S)
            for key, speech_S in self.other_speech.items()
            if key in requests
        }
        made = generate_clips(loaded, [*requests.values(), *swapped.values()], seed=self.seed)
        videos = dict(zip(requests, made, strict=False))
        others = dict(zip(swapped, made[len(requests) :], strict=True))
        points: list[object] = [
            self._point(clip, requests[clip.key], videos[clip.key], others.get(clip.key))
            for clip in self.clips
        ]
        mine: list[object] = [
            _sample(clip, requests[clip.key], videos[clip.key])
            for clip in self.clips
            if clip.key in self.shown
        ]
        everyone = [sample for sample in runtime.gather(mine) if isinstance(sample, Sample)]
        if samples is not None:
            write_samples(sorted(everyone, key=lambda s: (s.emotion, s.key)), samples)
        return _means(runtime.gather(points))

    def _request(self, clip: Clip) -> ClipRequest:
        condition_HWC = clip.video_THWC[0]
        if self.facts.condition == "neutral" and clip.neutral_HWC is not None:
            condition_HWC = clip.neutral_HWC
        emotion_E = np.zeros(len(self.facts.emotions), np.float32)
        known = clip.intensity if clip.intensity is not None else 1.0
        emotion_E[self.facts.emotions.index(clip.emotion)] = (
            known if self.facts.use_intensity else 1.0
        )
        return ClipRequest(condition_HWC.transpose(2, 0, 1), clip.audio_S, emotion_E, clip.key)

    def _point(
        self, clip: Clip, request: ClipRequest, video_THWC: Bytes, other_THWC: Bytes | None
    ) -> Point:
        truth = Truth(clip, to_metrics(clip.video_THWC), self._find(clip.video_THWC))
        still_HWC = request.condition_CHW.transpose(1, 2, 0)
        still_THWC = np.ascontiguousarray(np.broadcast_to(still_HWC, clip.video_THWC.shape))
        compared = {
            "": video_THWC,
            "baseline_": still_THWC,
            "reencoded_": reencoded(clip.video_THWC),
        }
        if other_THWC is not None:
            compared["other_speech_"] = other_THWC
        return {
            f"{prefix}{name}": value
            for prefix, video in compared.items()
            for name, value in self._compare(video, truth).items()
        }

    def _compare(self, video_THWC: Bytes, truth: Truth) -> Point:
        video = to_metrics(video_THWC)
        points = torch.from_numpy(truth.clip.landmarks_TLP).unsqueeze(0)
        mouth, true_mouth = crop_mouth(video, points), crop_mouth(truth.video_BTCHW, points)
        point = {
            "psnr": float(psnr(video, truth.video_BTCHW)),
            "ssim": float(ssim(video, truth.video_BTCHW)),
            "psnr_mouth": float(psnr(mouth, true_mouth)),
            "ssim_mouth": float(ssim(mouth, true_mouth)),
        }
        found_TLP = self._find(video_THWC)
        if found_TLP is not None and truth.landmarks_TLP is not None:
            distance = shape_distance(found_TLP, truth.landmarks_TLP)
            point["nlmd"] = distance.nlmd
            point["faces_missed_share"] = distance.missed_share
            point["mouth_correlation"] = mouth_correlation(
                mouth_opening(found_TLP),
                mouth_opening(truth.landmarks_TLP),
                voiced_frames(truth.clip.audio_S),
            )
        return point

    def _find(self, video_THWC: Bytes) -> Floats | None:
        return None if self.find_landmarks is None else self.find_landmarks(video_THWC)


def _sample(clip: Clip, request: ClipRequest, video_THWC: Bytes) -> Sample:
    condition_HWC = np.ascontiguousarray(request.condition_CHW.transpose(1, 2, 0))
    return Sample(clip.key, clip.emotion, condition_HWC, clip.video_THWC, video_THWC, clip.audio_S)


def choose_clips(samples: Sequence[ShardSample], count: int, seed: int) -> list[ShardSample]:
    """Return `count` samples spread over the emotions, the same for the same seed."""
    by_emotion: dict[str, list[ShardSample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: draw_seed(seed, "validation", s.key)):
        by_emotion[sample.emotion].append(sample)
    rows = [by_emotion[emotion] for emotion in sorted(by_emotion)]
    turns = (row[turn] for turn in range(max(map(len, rows), default=0)) for row in rows
             if turn < len(row))  # fmt: skip
    return [sample for _, sample in zip(range(count), turns, strict=False)]


def shown_keys(samples: Sequence[ShardSample], count: int, condition: str) -> list[str]:
    """Return the keys of one sample an emotion, `count` emotions at most."""
    first: dict[str, str] = {}
    for sample in samples:
        if condition != NEUTRAL or NEUTRAL_MEMBER in sample.members:
            first.setdefault(sample.emotion, sample.key)
    return list(first.values())[:count]


def read_clips(
    shard_set: ShardSet, samples: Sequence[ShardSample], config: ValidationConfig, condition: str
) -> list[Clip]:
    """Return the clips of `samples`, cut to `config.max_frames`.

    With condition `neutral`, clips whose actor has no neutral still are left out.
    """
    clips = [_cut(read_clip(shard_set, sample.key), config.max_frames) for sample in samples]
    return [clip for clip in clips if condition != NEUTRAL or clip.neutral_HWC is not None]


def read_other_speech(
    shard_set: ShardSet, samples: Sequence[ShardSample], clips: Sequence[Clip], seed: int
) -> dict[str, Floats]:
    """Return for each of `clips` the speech of another sentence, cut or padded to its length.

    Args:
        shard_set: where the samples are.
        samples: all that are validated, of every process: partners are found among them.
        clips: this process's share.
        seed: of the choice.
    """
    reader = SampleReader(shard_set)
    sentences = [read_sentence(reader, sample) for sample in samples]
    keys, actors = [s.key for s in samples], [s.actor for s in samples]
    partners = dict(
        zip(keys, partners_with_other_speech(keys, sentences, actors, seed=seed), strict=True)
    )
    speech: dict[str, Floats] = {}
    for clip in clips:
        partner = partners.get(clip.key)
        if partner is not None:
            speech[clip.key] = fitted(read_speech(reader, samples[partner]), clip)
    return speech


def _cut(clip: Clip, frames: int) -> Clip:
    return replace(
        clip,
        video_THWC=clip.video_THWC[:frames],
        audio_S=clip.audio_S[: frames * SAMPLES_PER_FRAME],
        landmarks_TLP=clip.landmarks_TLP[:frames],
    )


def _means(points: Sequence[object]) -> Point:
    """Return the means of each figure over the clips that have one; none of what no clip has."""
    columns: dict[str, list[float]] = defaultdict(list)
    for point in points:
        if isinstance(point, Mapping):
            for name, value in point.items():
                columns[name].append(value)
    return {
        f"validation/{name}": float(np.nanmean(column))
        for name, column in columns.items()
        if not np.isnan(column).all()
    }
