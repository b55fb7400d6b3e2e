"""Generate the videos of clips and compare them, with their baselines, with the true clips."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from types import MappingProxyType

import numpy as np
import torch

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.evaluation.comparison import (
    CPU,
    Comparison,
    Metric,
    SpeechFacts,
    Truth,
    compare,
    detect_landmarks,
    truth_of,
)
from emotalk.evaluation.emotion_judges import EmotionJudge
from emotalk.evaluation.emotion_results import EmotionPredictions
from emotalk.evaluation.face_embedder import FaceEmbedder
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.other_speech import fit_length
from emotalk.evaluation.quantities import METRICS, measure_together
from emotalk.evaluation.requests import Condition, clip_request, condition_image, knows_emotion
from emotalk.evaluation.results import ClipResults, Figures
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.media.decode import decode_video_window
from emotalk.media.encode import encode_video
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes
from emotalk.schema import EMOTIONS, FPS, Bytes, Floats
from emotalk.shards.clip import Clip

REENCODED = {"crf": "23", "preset": "medium"}


@dataclass(frozen=True)
class Generated:
    """The videos generated for one clip, uint8 RGB (T, H, W, 3)."""

    video: Bytes  # from the condition image with the clip's own speech and emotion
    from_still: Bytes | None  # from the neutral still; None without one or without a judge
    other_speech: Bytes | None  # as `video` with another sentence's speech; None if no clip has one
    baseline: Bytes | None = None  # as `video` by the baseline model; None without one

    @property
    def emotion_video(self) -> Bytes:
        """Return the video from the neutral still, or `video` if there is none."""
        return self.video if self.from_still is None else self.from_still


@dataclass(frozen=True)
class Evaluator:
    """Generate and measure clips.

    With `validation_numerics` the videos of all rows are generated in one run, the pictures'
    channels are kept last in memory, and landmarks are detected in every copy of the repeated
    frame. This changes only the last digits of figures; validation's published ones depend on it.
    """

    loaded: LoadedGenerator
    condition: Condition  # the picture that the generator gets
    landmark_model: LandmarkModel | None  # None: quantities of landmarks are not measured
    emotion_judge: EmotionJudge | None = None  # None: emotions are not measured
    seed: int = 0  # of the noise
    batch_size: int = 8  # clips that are generated together
    as_reported: bool = False  # also measure the report's faulty figures
    validation_numerics: bool = False
    baseline: LoadedGenerator | None = None  # another model for the same clips
    device: torch.device = CPU  # where image metrics compute
    embedder: FaceEmbedder | None = None  # None: identity is not measured
    metrics: Sequence[Metric] = METRICS

    def generate(
        self, clips: Sequence[Clip], other_speech: Mapping[str, Floats]
    ) -> list[Generated]:
        """Return the videos of each clip; `other_speech` maps keys to another sentence's speech."""
        requests = {
            ("video", clip.key): self._request(clip, self.condition_image(clip), clip.audio_S)
            for clip in clips
        }
        requests |= {
            ("other_speech", clip.key): requests["video", clip.key]._replace(
                speech_S=fit_length(other_speech[clip.key], clip)
            )
            for clip in clips
            if clip.key in other_speech
        }
        if self.condition != "neutral":
            requests |= {
                ("from_still", clip.key): self._request(clip, clip.neutral_HWC, clip.audio_S)
                for clip in clips
                if clip.neutral_HWC is not None and self._classifies(clip)
            }
        from_still = "video" if self.condition == "neutral" else "from_still"
        videos: dict[tuple[str, str], Bytes] = {}
        for _, items in groupby(
            requests.items(), key=lambda item: "all" if self.validation_numerics else item[0][0]
        ):
            batch = dict(items)
            videos.update(zip(batch, self._make(self.loaded, list(batch.values())), strict=True))
        by_baseline = self._make_baseline(clips)
        return [
            Generated(
                videos["video", clip.key],
                videos.get((from_still, clip.key)) if self._classifies(clip) else None,
                videos.get(("other_speech", clip.key)),
                by_baseline.get(clip.key),
            )
            for clip in clips
        ]

    def measure(self, clip: Clip, made: Generated) -> ClipResults:
        """Return the figures of a clip's videos and of its baselines."""
        return self.measure_together([clip], [made])[0]

    def measure_together(
        self,
        clips: Sequence[Clip],
        made: Sequence[Generated],
        facts: Mapping[str, SpeechFacts] = MappingProxyType({}),
    ) -> list[ClipResults]:
        """Return the figures of several clips: landmarks in one call, then metrics of all rows.

        `facts` maps keys to what is known of the clips' speech beyond its samples.
        """
        rows_of = [self._rows(*pair) for pair in zip(clips, made, strict=True)]
        compared = self._compare(clips, rows_of, facts)
        found = []
        for clip, videos, comparisons, rows in zip(
            clips, made, compared, self._figures(compared), strict=True
        ):
            truth = comparisons["generated"].truth
            openings = {row: comparison.opening_T for row, comparison in comparisons.items()}
            found.append(
                ClipResults(
                    key=clip.key,
                    actor=clip.actor,
                    emotion=clip.emotion,
                    intensity=clip.intensity,
                    rows=rows,
                    openings={"truth": truth.opening_T, **openings},
                    voiced_T=truth.voiced_T,
                    predictions=self._predict_emotions(clip, videos),
                    as_reported=self._faulty(clip, videos, rows) if self.as_reported else {},
                    face_vectors=truth.identity.vectors if truth.identity else None,
                    phones=truth.speech.phones,
                )
            )
        return found

    def measure_videos(
        self,
        clips: Sequence[Clip],
        videos: Sequence[Mapping[str, Bytes]],
        facts: Mapping[str, SpeechFacts] = MappingProxyType({}),
    ) -> list[dict[str, Figures]]:
        """Return name -> figures of any videos of each clip, and of the true one as `truth`.

        A video has as many frames as its clip. `facts` as in `measure_together`.
        """
        return self._figures(self._compare(clips, videos, facts))

    def _figures(self, compared: Sequence[Mapping[str, Comparison]]) -> list[dict[str, Figures]]:
        """Return row -> figures of each clip; `truth`: what the true video itself measures."""
        metrics = [
            m for m in self.metrics if self.landmark_model is not None or not m.needs_landmarks
        ]
        of_truth = [m for m in metrics if m.of_truth]
        rows = [comparison for each in compared for comparison in each.values()]
        truths = [next(iter(each.values())).truth for each in compared]
        figures = iter(measure_together(rows, metrics))
        of_true = measure_together(
            [Comparison(t.frames_THWC, t.landmarks_TLP, t.opening_T, t) for t in truths], of_truth
        )
        return [
            {row: next(figures) for row in each} | ({"truth": true} if of_truth else {})
            for each, true in zip(compared, of_true, strict=True)
        ]

    def condition_image(self, clip: Clip) -> Bytes:
        """Return the picture that the generator gets for a clip, uint8 RGB (H, W, 3)."""
        return condition_image(clip, self.condition)

    def _rows(self, clip: Clip, made: Generated) -> dict[str, Bytes]:
        """Return row of the report -> video; of the still that is repeated, one frame only."""
        still_1HWC = self.condition_image(clip)[None]
        if self.validation_numerics:
            still_1HWC = np.repeat(still_1HWC, len(clip.video_THWC), axis=0)
        rows = {
            "generated": made.video,
            "repeat": still_1HWC,
            "reencoded": reencode(clip.video_THWC),
            "other_speech": made.other_speech,
            "baseline": made.baseline,
        }
        return {row: video for row, video in rows.items() if video is not None}

    def _compare(
        self,
        clips: Sequence[Clip],
        rows: Sequence[Mapping[str, Bytes]],
        facts: Mapping[str, SpeechFacts],
    ) -> list[dict[str, Comparison]]:
        """Return row -> comparison of each clip."""
        shown = [
            video for clip, of in zip(clips, rows, strict=True)
            for video in (clip.video_THWC, *of.values())
        ]  # fmt: skip
        landmarks = iter(detect_landmarks(shown, self.landmark_model))
        compared = []
        for clip, of in zip(clips, rows, strict=True):
            truth = truth_of(
                clip,
                next(landmarks),
                device=self.device,
                embedder=self.embedder,
                speech=facts.get(clip.key, SpeechFacts()),
            )
            compared.append(
                {row: _beside(video, next(landmarks), truth) for row, video in of.items()}
            )
        return compared

    def _faulty(self, clip: Clip, made: Generated, rows: Mapping[str, Figures]) -> Figures:
        faulty = {"psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(made.video, clip.video_THWC)}
        if self.landmark_model is not None:
            faulty["nlmd_without_procrustes"] = rows["generated"]["nlmd_iod"]
        return faulty

    def _make(self, loaded: LoadedGenerator, requests: Sequence[ClipRequest]) -> list[Bytes]:
        return generate_clips(loaded, requests, seed=self.seed, batch_size=self.batch_size)

    def _make_baseline(self, clips: Sequence[Clip]) -> dict[str, Bytes]:
        """Return key -> video by the baseline model, of the clips whose emotion it knows."""
        model = self.baseline
        if model is None:
            return {}
        requests = {
            clip.key: clip_request(model, clip, self.condition_image(clip), clip.audio_S)
            for clip in clips
            if knows_emotion(model, clip)
        }
        return dict(zip(requests, self._make(model, list(requests.values())), strict=True))

    def _classifies(self, clip: Clip) -> bool:
        known = clip.neutral_HWC is not None and clip.emotion in EMOTIONS
        return self.emotion_judge is not None and known

    def _predict_emotions(self, clip: Clip, made: Generated) -> EmotionPredictions | None:
        judge, still_HWC = self.emotion_judge, clip.neutral_HWC
        if judge is None or still_HWC is None or made.from_still is None:
            return None
        if not self._classifies(clip):
            return None
        return EmotionPredictions(
            EMOTIONS.index(clip.emotion),
            {
                "generated": judge.probabilities(made.from_still),
                "still": judge.probabilities(still_HWC[None]),
                "truth": judge.probabilities(clip.video_THWC),
            },
        )

    def _request(self, clip: Clip, image_HWC: Bytes, speech_S: Floats) -> ClipRequest:
        request = clip_request(self.loaded, clip, image_HWC, speech_S)
        if self.validation_numerics:
            return request._replace(condition_CHW=image_HWC.transpose(2, 0, 1))
        return request


def _beside(video_THWC: Bytes, landmarks_TLP: Floats, truth: Truth) -> Comparison:
    """Return a video beside the true one; a single frame is repeated."""
    frames = len(truth.clip.video_THWC)
    if len(video_THWC) == 1:
        video_THWC = np.broadcast_to(video_THWC, (frames, *video_THWC.shape[1:]))
        landmarks_TLP = np.repeat(landmarks_TLP, frames, axis=0)
    return compare(video_THWC, landmarks_TLP, truth)


def reencode(frames_THWC: Bytes) -> Bytes:
    """Return the frames after H.264 encoding at the usual quality for viewers: crf 23, 4:2:0."""
    stream = io.BytesIO()
    encode_video(stream, frames_THWC, fps=Fraction(FPS), options=REENCODED)
    return decode_video_window(stream.getvalue(), 0, len(frames_THWC))
