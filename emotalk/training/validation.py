"""What a run's generator makes of clips it does not learn from, measured and shown."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotalk.checkpoint_format import ModelFacts
from emotalk.config.model import ModelConfig
from emotalk.config.validation import ValidationConfig
from emotalk.data.clip import Clip
from emotalk.data.loader import read_clip
from emotalk.data.shards import Sample, ShardSet
from emotalk.distributed import Runtime
from emotalk.draws import draw_seed
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.inference.load import LoadedGenerator
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.metrics.image import crop_mouth, psnr, ssim
from emotalk.metrics.landmarks import landmark_distance
from emotalk.models import Generator
from emotalk.schema import FPS, NEUTRAL, SAMPLE_RATE, SAMPLES_PER_FRAME, Bytes, Floats

FindLandmarks = Callable[[Bytes], Floats]
Point = dict[str, float]


@dataclass(frozen=True)
class Validation:
    """The clips, the measures and the folder for what people look at.

    Attributes:
        clips: this process's share of the validation clips, cut to the configured length.
        find_landmarks: frames -> 68 points of each, or None where NLMD is not measured.
        template_LP: the shape NLMD aligns to.
        seed: of the noise.
    """

    clips: Sequence[Clip]
    config: ValidationConfig
    model: ModelConfig
    facts: ModelFacts
    find_landmarks: FindLandmarks | None
    template_LP: Floats
    seed: int

    def measure(self, generator: Generator, runtime: Runtime, samples: Path | None) -> Point:
        """Return the means over all processes' clips, names as in MLflow.

        Args:
            generator: in evaluation mode.
            runtime: gathers the clips' figures.
            samples: folder for sample videos, true beside generated; None: write none.
        """
        loaded = LoadedGenerator(generator, self.model, self.facts, Path())
        requests = [self._request(clip) for clip in self.clips]
        videos = generate_clips(loaded, requests, seed=self.seed)
        points: list[object] = [
            self._point(clip, request.condition_CHW, video)
            for clip, request, video in zip(self.clips, requests, videos, strict=True)
        ]
        if samples is not None:
            self._write_samples(videos, samples)
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

    def _point(self, clip: Clip, condition_CHW: Bytes, video_THWC: Bytes) -> Point:
        point = self._compare(clip, video_THWC)
        still_THWC = np.broadcast_to(condition_CHW.transpose(1, 2, 0), clip.video_THWC.shape)
        baseline = self._compare(clip, np.ascontiguousarray(still_THWC))
        return point | {f"baseline_{name}": value for name, value in baseline.items()}

    def _compare(self, clip: Clip, video_THWC: Bytes) -> Point:
        video, truth = _unit(video_THWC), _unit(clip.video_THWC)
        landmarks = torch.from_numpy(clip.landmarks_TLP).unsqueeze(0)
        mouth, true_mouth = crop_mouth(video, landmarks), crop_mouth(truth, landmarks)
        point = {
            "psnr": float(psnr(video, truth)),
            "ssim": float(ssim(video, truth)),
            "psnr_mouth": float(psnr(mouth, true_mouth)),
        }
        if self.find_landmarks is not None:
            found, true = self.find_landmarks(video_THWC), self.find_landmarks(clip.video_THWC)
            point["nlmd"] = landmark_distance(found, true, self.template_LP).nlmd
        return point

    def _write_samples(self, videos: Sequence[Bytes], folder: Path) -> None:
        """Write one video an emotion, truth to the left, generated to the right, with sound."""
        folder.mkdir(parents=True, exist_ok=True)
        shown: set[str] = set()
        for clip, video_THWC in zip(self.clips, videos, strict=True):
            if clip.emotion in shown or len(shown) >= self.config.samples:
                continue
            shown.add(clip.emotion)
            encode_video(
                folder / f"{clip.emotion}-{clip.key}.mp4",
                np.concatenate([clip.video_THWC, video_THWC], axis=2),
                fps=Fraction(FPS),
                container="mp4",
                audio=AudioTrack(clip.audio_S, SAMPLE_RATE),
            )


def choose_clips(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Return `count` samples spread over the emotions, the same for the same seed."""
    by_emotion: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: draw_seed(seed, "validation", s.key)):
        by_emotion[sample.emotion].append(sample)
    rows = [by_emotion[emotion] for emotion in sorted(by_emotion)]
    turns = (row[turn] for turn in range(max(map(len, rows), default=0)) for row in rows
             if turn < len(row))  # fmt: skip
    return [sample for _, sample in zip(range(count), turns, strict=False)]


def read_clips(
    shard_set: ShardSet, samples: Sequence[Sample], config: ValidationConfig, condition: str
) -> list[Clip]:
    """Return the clips of `samples`, cut to `config.max_frames`.

    With condition `neutral`, clips whose actor has no neutral still are left out.
    """
    clips = [_cut(read_clip(shard_set, sample.key), config.max_frames) for sample in samples]
    return [clip for clip in clips if condition != NEUTRAL or clip.neutral_HWC is not None]


def _cut(clip: Clip, frames: int) -> Clip:
    return replace(
        clip,
        video_THWC=clip.video_THWC[:frames],
        audio_S=clip.audio_S[: frames * SAMPLES_PER_FRAME],
        landmarks_TLP=clip.landmarks_TLP[:frames],
    )


def _unit(video_THWC: Bytes) -> Tensor:
    """Return a video as (1, T, C, H, W) in [0, 1], as metrics take it."""
    video = torch.from_numpy(np.ascontiguousarray(video_THWC)).permute(0, 3, 1, 2)
    return video.unsqueeze(0).float() / 255


def _means(points: Sequence[object]) -> Point:
    columns: dict[str, list[float]] = defaultdict(list)
    for point in points:
        if isinstance(point, Mapping):
            for name, value in point.items():
                columns[name].append(value)
    return {f"validation/{name}": float(np.nanmean(column)) for name, column in columns.items()}
