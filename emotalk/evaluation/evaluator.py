"""Generate the videos of clips and compare them, with their baselines, with the true clips."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Literal

import numpy as np

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.errors import WrongUse
from emotalk.evaluation.comparison import (
    Comparison,
    Truth,
    compare,
    detect_landmarks,
    prepare_truth,
)
from emotalk.evaluation.emotion_judges import EmotionJudge
from emotalk.evaluation.emotion_results import EmotionPredictions
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.other_speech import fit_length
from emotalk.evaluation.quantities import METRICS, measure
from emotalk.evaluation.results import ClipResults, Figures
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.media.decode import decode_video_window
from emotalk.media.encode import encode_video
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes
from emotalk.schema import EMOTIONS, FPS, NEUTRAL, Bytes, Floats
from emotalk.shards.clip import Clip

REENCODED = {"crf": "23", "preset": "medium"}


@dataclass(frozen=True)
class Generated:
    """The videos generated for one clip, uint8 RGB (T, H, W, 3)."""

    video: Bytes  # from the condition image with the clip's own speech and emotion
    from_still: Bytes | None  # from the neutral still; None without one or without a judge
    other_speech: Bytes | None  # as `video` with another sentence's speech; None if no clip has one

    @property
    def emotion_video(self) -> Bytes:
        """Return the video from the neutral still, or `video` if there is none."""
        return self.video if self.from_still is None else self.from_still


@dataclass(frozen=True)
class Evaluator:
    """Generates and measures clips.

    With `validation_numerics` the videos of all rows are generated in one run, the pictures'
    channels are kept last in memory, and landmarks are detected in every copy of the repeated
    frame. This changes only the last digits of figures; validation's published ones depend on it.
    """

    loaded: LoadedGenerator
    condition: Literal["first_frame", "neutral"]  # the picture that the generator gets
    landmark_model: LandmarkModel | None  # None: quantities of landmarks are not measured
    emotion_judge: EmotionJudge | None = None  # None: emotions are not measured
    seed: int = 0  # of the noise
    batch_size: int = 8  # clips that are generated together
    as_reported: bool = False  # also measure the report's faulty figures
    validation_numerics: bool = False

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
            made = generate_clips(
                self.loaded, list(batch.values()), seed=self.seed, batch_size=self.batch_size
            )
            videos.update(zip(batch, made, strict=True))
        return [
            Generated(
                videos["video", clip.key],
                videos.get((from_still, clip.key)) if self._classifies(clip) else None,
                videos.get(("other_speech", clip.key)),
            )
            for clip in clips
        ]

    def measure(self, clip: Clip, made: Generated) -> ClipResults:
        """Return the figures of a clip's videos and of its baselines."""
        truth = prepare_truth(clip, self.landmark_model)
        compared = {
            "generated": self._compare(made.video, truth),
            "repeat": self._compare_repeated(self.condition_image(clip), truth),
            "reencoded": self._compare(reencode(clip.video_THWC), truth),
        }
        if made.other_speech is not None:
            compared["other_speech"] = self._compare(made.other_speech, truth)
        metrics = [m for m in METRICS if self.landmark_model is not None or not m.needs_landmarks]
        rows = {row: measure(comparison, metrics) for row, comparison in compared.items()}
        openings = {row: comparison.opening_T for row, comparison in compared.items()}
        of_truth = [m for m in metrics if m.of_truth]
        if of_truth:
            true_video = Comparison(truth.video_BTCHW, truth.landmarks_TLP, truth.opening_T, truth)
            rows["truth"] = measure(true_video, of_truth)
        faulty: Figures = {}
        if self.as_reported:
            faulty = {
                "psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(made.video, clip.video_THWC),
                "nlmd_without_procrustes": rows["generated"]["nlmd_iod"],
            }
        return ClipResults(
            key=clip.key,
            actor=clip.actor,
            emotion=clip.emotion,
            intensity=clip.intensity,
            rows=rows,
            openings={"truth": truth.opening_T, **openings},
            voiced_T=truth.voiced_T,
            predictions=self._predict_emotions(clip, made),
            as_reported=faulty,
        )

    def condition_image(self, clip: Clip) -> Bytes:
        """Return the picture that the generator gets for a clip, uint8 RGB (H, W, 3)."""
        if self.condition == "first_frame":
            return np.asarray(clip.video_THWC[0])
        if clip.neutral_HWC is None:
            raise ValueError(f"{clip.key}: condition neutral without a still")
        return clip.neutral_HWC

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

    def _compare(self, video_THWC: Bytes, truth: Truth) -> Comparison:
        return compare(video_THWC, detect_landmarks(video_THWC, self.landmark_model), truth)

    def _compare_repeated(self, image_HWC: Bytes, truth: Truth) -> Comparison:
        frames = len(truth.clip.video_THWC)
        video_THWC = np.broadcast_to(image_HWC, (frames, *image_HWC.shape))
        if self.validation_numerics:
            return self._compare(video_THWC, truth)
        landmarks_1LP = detect_landmarks(image_HWC[None], self.landmark_model)
        return compare(video_THWC, np.repeat(landmarks_1LP, frames, axis=0), truth)

    def _request(self, clip: Clip, image_HWC: Bytes, speech_S: Floats) -> ClipRequest:
        condition_CHW = image_HWC.transpose(2, 0, 1)
        if not self.validation_numerics:
            condition_CHW = np.ascontiguousarray(condition_CHW)
        return ClipRequest(condition_CHW, speech_S, self._emotion_weights(clip), clip.key)

    def _emotion_weights(self, clip: Clip) -> Floats:
        facts = self.loaded.facts
        emotion = clip.emotion or NEUTRAL  # the code that training gives to unlabelled clips
        if emotion not in facts.emotions:
            raise WrongUse(
                f"{clip.key}: emotion {emotion}, but the checkpoint {self.loaded.folder} "
                f"knows {', '.join(facts.emotions)}; give shards of the set it was trained on"
            )
        weights_E = np.zeros(len(facts.emotions), np.float32)
        known = facts.use_intensity and clip.emotion is not None and clip.intensity is not None
        weights_E[facts.emotions.index(emotion)] = clip.intensity if known else 1.0
        return weights_E


def reencode(frames_THWC: Bytes) -> Bytes:
    """Return the frames after H.264 encoding at the usual quality for viewers: crf 23, 4:2:0."""
    stream = io.BytesIO()
    encode_video(stream, frames_THWC, fps=Fraction(FPS), options=REENCODED)
    return decode_video_window(stream.getvalue(), 0, len(frames_THWC))
