"""Measure how figures change with the time in a long video.

Clips of one person are joined: their speech one after another, their true frames too, and the first
frame of all as the condition image. One video is generated for the whole. Each of its clips is then
measured like any clip. A clip beyond 8 s is also generated at the end of a video of 8 s, after what
precedes it in the long one: the difference is what the length did. Every clip is generated alone,
too, which begins in another state: the difference is what any speech before it did. A clip belongs
to the window its middle lies in.

One run serves all lengths: the generator looks 0.2 s ahead and no further, so the first 30 s of
120 s are the video of 30 s.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from emotalk.evaluation.drift_loss import ALONE, JOINED, SHORT, TRUTH, drift_loss
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.joined_video import JoinedVideo, generate_joined
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.reading import ClipReader
from emotalk.evaluation.report import DriftLoss, DriftReport, Value
from emotalk.evaluation.requests import clip_request
from emotalk.evaluation.results import Figures, mean_over_actors
from emotalk.evaluation.speech_facts import speech_facts
from emotalk.inference.generate import generate_clips
from emotalk.schema import Bytes
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample

WINDOWS = {f"{low_s} to {high_s} s": (low_s, high_s) for low_s, high_s in
           ((0, 4), (4, 8), (8, 30), (30, 120))}  # fmt: skip
"""Name of a window -> its begin and end in the joined video, in seconds."""
LATE_S = 8.0  # the report's limit: beyond it a video should not be worse


@dataclass(frozen=True)
class Part:
    """One clip of the joined video."""

    key: str
    begin_s: float  # in the joined video
    end_s: float
    rows: dict[str, Figures]  # joined, short (beyond 8 s), alone and truth -> figures

    @property
    def middle_s(self) -> float:
        """Return the time of the clip's middle in the joined video."""
        return (self.begin_s + self.end_s) / 2

    @property
    def window(self) -> str:
        """Return the name of its window; the last one holds what lies beyond it, too.

        The last clip of 120 s may end some seconds after them.
        """
        return next(
            (name for name, (low_s, high_s) in WINDOWS.items() if low_s < self.middle_s <= high_s),
            [*WINDOWS][-1],
        )


def measure_drift(
    evaluator: Evaluator,
    reader: ClipReader,
    samples: Sequence[Sample],
    *,
    size: int,
    others: Mapping[str, Sequence[Sample]] = MappingProxyType({}),
) -> list[Part]:
    """Return the parts of the joined video of these clips, measured in blocks of `size`.

    `others` maps keys to samples of other sentences, which should fit the lips less.
    """
    clips = list(reader.clips(samples))
    if not clips:
        return []
    image_HWC = evaluator.condition_image(clips[0])
    joined = generate_joined(evaluator.loaded, clips, image_HWC, seed=evaluator.seed)
    facts = {
        clip.key: speech_facts(clip, reader.speeches(others.get(clip.key, ()))) for clip in clips
    }
    parts: list[Part] = []
    for first in range(0, len(clips), size):
        block = dict(enumerate(clips[first : first + size], first))
        videos = _videos(evaluator, block, image_HWC, joined)
        measured = evaluator.measure_videos(list(block.values()), videos, facts)
        for (place, clip), rows in zip(block.items(), measured, strict=True):
            parts.append(Part(clip.key, *joined.seconds(place), rows))
    return parts


def _videos(
    evaluator: Evaluator, clips: Mapping[int, Clip], image_HWC: Bytes, joined: JoinedVideo
) -> list[dict[str, Bytes]]:
    """Return row -> video of each clip: joined, alone, and short where it lies beyond 8 s.

    `clips` are by their places in the joined video.
    """
    alone = [
        clip_request(evaluator.loaded, clip, image_HWC, clip.audio_S)._replace(
            name=f"alone {place}"
        )
        for place, clip in clips.items()
    ]
    short = {
        place: request for place in clips if (request := joined.end_of(place, LATE_S)) is not None
    }
    made = generate_clips(
        evaluator.loaded, [*alone, *short.values()],
        seed=evaluator.seed, batch_size=evaluator.batch_size,
    )  # fmt: skip
    videos = {
        place: {JOINED: joined.clip(place), ALONE: video}
        for place, video in zip(clips, made, strict=False)
    }
    for place, video in zip(short, made[len(clips) :], strict=True):
        videos[place][SHORT] = video[-len(clips[place].video_THWC) :]
    return list(videos.values())


def describe_drift(
    parts: Sequence[Part], actor: str, seed: int, *, known: Collection[str]
) -> DriftReport | None:
    """Return the means of the windows and what is worse beyond 8 s; None without parts.

    Figures that are not in `known` are left out: a judge that failed says nothing here either.
    """
    if not parts:
        return None
    late = [part for part in parts if part.middle_s > LATE_S]
    keys, rows = [part.key for part in late], [part.rows for part in late]
    measured = {
        name: quantity
        for name, quantity in quantities().items()
        if name in known and any(name in part.rows[JOINED] for part in parts)
    }
    windows = {name: [part for part in parts if part.window == name] for name in WINDOWS}

    def losses(control: str) -> dict[str, DriftLoss]:
        found = {
            name: drift_loss(keys, rows, name, quantity, control=control, seed=seed)
            for name, quantity in measured.items()
        }
        return {name: loss for name, loss in found.items() if loss is not None}

    return DriftReport(
        actor=actor,
        seconds=round(parts[-1].end_s, 2),
        clips=len(parts),
        different_clips=len({part.key for part in parts}),
        windows={
            window: {name: _means(inside, name, seed) for name in measured}
            for window, inside in windows.items()
            if inside
        },
        worse=losses(SHORT),
        worse_than_alone=losses(ALONE),
    )


def _means(parts: Sequence[Part], name: str, seed: int) -> dict[str, Value]:
    """Return row -> mean over the parts; their intervals are over clips of one person."""
    return {
        row: mean_over_actors(
            [part.rows.get(row, {}).get(name, float("nan")) for part in parts],
            ["one person"] * len(parts),
            seed,
        )
        for row in (JOINED, SHORT, ALONE, TRUTH)
        if any(name in part.rows.get(row, {}) for part in parts)
    }
