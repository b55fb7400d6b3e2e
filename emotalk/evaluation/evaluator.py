"""The work on one group of clips: generate all that is needed, measure it, keep the findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.landmark_models import Examiner
from emotalk.evaluation.measure import (
    Comparison,
    Truth,
    as_reported_figures,
    compare,
    prepare_truth,
    reencoded,
)
from emotalk.evaluation.results import ClipResults, EmotionSeen, Figures
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.pretrained import EmotionJudge
from emotalk.schema import EMOTIONS, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.shards.clip import Clip


@dataclass(frozen=True)
class Generated:
    """The videos made for one clip, uint8 RGB (T, H, W, 3).

    Attributes:
        video: from the condition image with the clip's own speech and emotion.
        from_still: from the neutral still; None without a still or a judge.
        other_speech: as `video` with another sentence's speech; None where there is none.
    """

    video: Bytes
    from_still: Bytes | None
    other_speech: Bytes | None


@dataclass(frozen=True)
class Evaluator:
    """Everything that is the same for all clips."""

    config: EvaluateConfig
    loaded: LoadedGenerator
    examiner: Examiner
    emotion_judge: EmotionJudge | None

    def generate(
        self, clips: Sequence[Clip], other_speech: Mapping[str, Floats]
    ) -> list[Generated]:
        """Return the videos of each clip; everything of one kind runs in batches.

        Args:
            clips: with a condition image each.
            other_speech: key -> speech of another sentence, for the clips that have one.
        """
        videos = self._run([self._request(c, self._condition(c), c.audio_S) for c in clips])
        swapped = [c for c in clips if c.key in other_speech]
        others = self._run(
            [self._request(c, self._condition(c), fitted(other_speech[c.key], c)) for c in swapped]
        )
        other_of = {clip.key: video for clip, video in zip(swapped, others, strict=True)}
        still_of = self._from_stills(clips, videos)
        return [
            Generated(video, still_of.get(clip.key), other_of.get(clip.key))
            for clip, video in zip(clips, videos, strict=True)
        ]

    def examine(self, clip: Clip, made: Generated) -> tuple[ClipResults, Bytes]:
        """Return the findings of a clip, and the video that shows its emotion best."""
        truth = prepare_truth(clip, self.examiner)
        generated = self._compare(made.video, truth)
        condition = self._condition(clip)
        rows = {
            "generated": generated,
            "repeat": self._compare_repeated(condition, truth),
            "reencoded": self._compare(reencoded(clip.video_THWC), truth),
        }
        if made.other_speech is not None:
            rows["other_speech"] = self._compare(made.other_speech, truth)
        openings = {row: comparison.opening_T for row, comparison in rows.items()}
        faulty: Figures = {}
        if self.config.as_reported:
            faulty = as_reported_figures(made.video, truth, generated.figures["nlmd_iod"])
        findings = ClipResults(
            key=clip.key,
            actor=clip.actor,
            emotion=clip.emotion,
            intensity=clip.intensity,
            rows={row: comparison.figures for row, comparison in rows.items()},
            openings={"truth": truth.opening_T, **openings},
            voiced_T=truth.voiced_T,
            seen=self._seen(clip, made),
            as_reported=faulty,
        )
        return findings, made.video if made.from_still is None else made.from_still

    def _from_stills(self, clips: Sequence[Clip], videos: Sequence[Bytes]) -> dict[str, Bytes]:
        if self.emotion_judge is None:
            return {}
        if self.config.condition == "neutral":
            return {clip.key: video for clip, video in zip(clips, videos, strict=True)}
        requests = {
            clip.key: self._request(clip, clip.neutral_HWC, clip.audio_S)
            for clip in clips
            if clip.neutral_HWC is not None and clip.emotion in EMOTIONS
        }
        return dict(zip(requests, self._run(list(requests.values())), strict=True))

    def _seen(self, clip: Clip, made: Generated) -> EmotionSeen | None:
        judge, still = self.emotion_judge, clip.neutral_HWC
        if judge is None or made.from_still is None or still is None:
            return None
        if clip.emotion not in EMOTIONS:
            return None
        return EmotionSeen(
            wanted=EMOTIONS.index(clip.emotion),
            generated=judge.emotion(made.from_still),
            still=judge.emotion(still[None]),
            truth=judge.emotion(clip.video_THWC),
        )

    def _compare(self, video_THWC: Bytes, truth: Truth) -> Comparison:
        return compare(video_THWC, self.examiner.landmarks(video_THWC), truth)

    def _compare_repeated(self, image_HWC: Bytes, truth: Truth) -> Comparison:
        """Compare a face that never moves; its landmarks are looked for once."""
        frames = len(truth.clip.video_THWC)
        landmarks_1LP = self.examiner.landmarks(image_HWC[None])
        video = np.broadcast_to(image_HWC, (frames, *image_HWC.shape))
        return compare(video, np.repeat(landmarks_1LP, frames, axis=0), truth)

    def _condition(self, clip: Clip) -> Bytes:
        if self.config.condition == "first_frame":
            return np.asarray(clip.video_THWC[0])
        if clip.neutral_HWC is None:
            raise ValueError(f"{clip.key}: condition neutral without a still")
        return clip.neutral_HWC

    def _request(self, clip: Clip, image_HWC: Bytes, speech_S: Floats) -> ClipRequest:
        return ClipRequest(
            condition_CHW=np.ascontiguousarray(image_HWC.transpose(2, 0, 1)),
            speech_S=speech_S,
            emotion=self._emotion(clip),
            name=clip.key,
        )

    def _emotion(self, clip: Clip) -> Floats:
        facts = self.loaded.facts
        if clip.emotion not in facts.emotions:
            raise WrongUse(
                f"{clip.key}: emotion {clip.emotion}, but the checkpoint {self.loaded.folder} "
                f"knows {', '.join(facts.emotions)}; give shards of the set it was trained on"
            )
        weights_E = np.zeros(len(facts.emotions), np.float32)
        known = facts.use_intensity and clip.intensity is not None
        weights_E[facts.emotions.index(clip.emotion)] = clip.intensity if known else 1.0
        return weights_E

    def _run(self, requests: Sequence[ClipRequest]) -> list[Bytes]:
        return generate_clips(
            self.loaded, requests, seed=self.config.seed, batch_size=self.config.batch_size
        )


def fitted(speech_S: Floats, clip: Clip) -> Floats:
    """Return another clip's speech as long as this clip: cut, or followed by silence."""
    wanted = len(clip.video_THWC) * SAMPLES_PER_FRAME
    return np.pad(speech_S[:wanted], (0, max(0, wanted - len(speech_S))))
