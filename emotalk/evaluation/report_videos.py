"""Choose the clips whose videos a report shows, and generate them once more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.page_video import PageVideo, side_by_side
from emotalk.evaluation.report import Report
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.schema import Bytes
from emotalk.shards.clip import Clip

FIGURE = "mouth_correlation"
TRUE, GENERATED, BASELINE = "true", "generated", "baseline"

Rows = Mapping[str, Mapping[str, float | str | None]]


class Chosen(NamedTuple):
    """A clip whose video is shown."""

    key: str
    why: str


def choose_videos(per_clip: Mapping[str, Rows], count: int) -> list[Chosen]:
    """Return `count` clips at most: the best, the median and the worst, then one of each emotion.

    Clips are ordered by the correlation of the mouth's opening; clips without one come last. An
    emotion that is shown already gets no further clip.
    """
    ordered = sorted(per_clip, key=lambda key: (-_correlation(per_clip[key]), key))
    if not ordered or not count:
        return []
    places = {"best": 0, "median": (len(ordered) - 1) // 2, "worst": len(ordered) - 1}
    chosen: dict[str, str] = {}
    for name, place in places.items():
        chosen.setdefault(ordered[place], f"{name} correlation of the mouth")
    shown = {_emotion(per_clip[key]) for key in chosen}
    for key in ordered:
        emotion = _emotion(per_clip[key])
        if emotion not in shown:
            shown.add(emotion)
            chosen[key] = f"emotion {emotion}"
    return [Chosen(*item) for item in list(chosen.items())[:count]]


def generate_videos(
    evaluator: Evaluator, clips: Iterable[Clip], report: Report, chosen: Sequence[Chosen]
) -> list[PageVideo]:
    """Return the videos of the chosen clips, and one of all emotions if the generator knows some.

    The videos are generated again, by the same seed, so that an evaluation keeps none in memory.
    """
    reasons = {one.key: one.why for one in chosen}
    shown = sorted(clips, key=lambda clip: list(reasons).index(clip.key))
    made = evaluator.generate(shown, {})
    videos = []
    for clip, one in zip(shown, made, strict=True):
        parts = {TRUE: clip.video_THWC, GENERATED: one.video}
        if one.baseline is not None:
            parts[BASELINE] = one.baseline
        title = video_title(clip, reasons[clip.key], report.per_clip[clip.key])
        videos.append(side_by_side(title, parts, clip.audio_S))
    if shown and len(emotions_to_show(evaluator.loaded)) > 1:
        videos.append(emotion_video(evaluator.loaded, shown[0], evaluator.seed))
    return videos


def emotions_to_show(loaded: LoadedGenerator) -> tuple[str, ...]:
    """Return the emotions that the generator learned, or all that it takes if that is unknown."""
    learnt = what_it_knows(loaded.facts).learnt
    return loaded.facts.emotions if learnt is None else learnt


def emotion_video(loaded: LoadedGenerator, clip: Clip, seed: int) -> PageVideo:
    """Return the video of each emotion from one picture of a clip and its speech."""
    image_HWC = clip.video_THWC[0] if clip.neutral_HWC is None else clip.neutral_HWC
    condition_CHW = np.ascontiguousarray(image_HWC.transpose(2, 0, 1))
    accepted, emotions = loaded.facts.emotions, emotions_to_show(loaded)
    one_hot_EE = np.eye(len(accepted), dtype=np.float32)
    requests = [
        ClipRequest(condition_CHW, clip.audio_S, one_hot_EE[accepted.index(name)], clip.key)
        for name in emotions
    ]
    made: list[Bytes] = generate_clips(loaded, requests, seed=seed, batch_size=len(requests))
    picture = "first frame" if clip.neutral_HWC is None else "neutral still"
    title = f"{len(emotions)} emotions from one {picture} of {clip.key}, with the same speech"
    return side_by_side(title, dict(zip(emotions, made, strict=True)), clip.audio_S)


def video_title(clip: Clip, why: str, rows: Rows) -> str:
    """Return what is shown of a clip, why, and its figure; `rows` are the clip's in the report."""
    value = rows.get("generated", {}).get(FIGURE)
    correlation = f", correlation {value:.2f}" if isinstance(value, float) else ""
    emotion = "" if clip.emotion is None or clip.emotion in why else f", {clip.emotion}"
    return f"{why}: {clip.key}{emotion}{correlation}"


def _correlation(rows: Rows) -> float:
    value = rows.get("generated", {}).get(FIGURE)
    return value if isinstance(value, float) else -2.0


def _emotion(rows: Rows) -> str | None:
    emotion = rows.get("clip", {}).get("emotion")
    return emotion if isinstance(emotion, str) else None
