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

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from types import MappingProxyType

import numpy as np

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.drift_loss import ALONE, JOINED, SHORT, TRUTH, drift_loss
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.reading import ClipReader
from emotalk.evaluation.report import DriftLoss, DriftReport, Value
from emotalk.evaluation.requests import clip_request, emotion_weights
from emotalk.evaluation.results import Figures, mean_over_actors
from emotalk.evaluation.speech_facts import speech_facts
from emotalk.inference.generate import ClipRequest, generate_blocks, generate_clips
from emotalk.media.sound_source import SoundInMemory
from emotalk.schema import FPS, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample

WINDOWS_S = ((0, 4), (4, 8), (8, 30), (30, 120))
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


def choose_joined(samples: Sequence[Sample], seconds: float, *, seed: int) -> list[Sample]:
    """Return clips of the person with the most frames, at least `seconds` long in all.

    Their order is drawn, every emotion in turn. Where the person has too few, they come again.
    """
    frames: Counter[str] = Counter()
    for sample in samples:
        frames[sample.actor] += sample.frames
    actor = max(sorted(frames), key=lambda name: frames[name])
    own = [sample for sample in samples if sample.actor == actor]
    order = spread_clips(own, 0, seed=seed, purpose="joined clip", over_actors=False)
    joined: list[Sample] = []
    for sample in chain.from_iterable(order for _ in count()):
        if sum(one.frames for one in joined) >= seconds * FPS:
            return joined
        joined.append(sample)
    raise AssertionError("an endless order has an end")


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
    joined = _joined_request(evaluator.loaded, clips, image_HWC)
    joined_THWC = _generate(evaluator.loaded, joined, evaluator.seed)
    begins = np.cumsum([0, *(len(clip.video_THWC) for clip in clips)])
    facts = {
        clip.key: speech_facts(clip, reader.speeches(others.get(clip.key, ()))) for clip in clips
    }
    parts: list[Part] = []
    for first in range(0, len(clips), size):
        block = clips[first : first + size]
        requests = [
            clip_request(evaluator.loaded, clip, image_HWC, clip.audio_S)._replace(
                name=f"alone {first + place}"
            )
            for place, clip in enumerate(block)
        ]
        places = range(first, first + len(block))
        ends = {
            place: request
            for place in places
            if (request := _end_of_8_s(joined, int(begins[place]), int(begins[place + 1])))
        }
        made = generate_clips(
            evaluator.loaded, [*requests, *ends.values()],
            seed=evaluator.seed, batch_size=evaluator.batch_size,
        )  # fmt: skip
        videos = [
            {JOINED: joined_THWC[begins[place] : begins[place + 1]], ALONE: video}
            for place, video in zip(places, made, strict=False)
        ]
        for place, video in zip(ends, made[len(block) :], strict=True):
            videos[place - first][SHORT] = video[-len(clips[place].video_THWC) :]
        measured = evaluator.measure_videos(block, videos, facts)
        for place, clip, rows in zip(places, block, measured, strict=True):
            begin, end = begins[place] / FPS, begins[place + 1] / FPS
            parts.append(Part(clip.key, float(begin), float(end), rows))
    return parts


def generate_joined(
    loaded: LoadedGenerator, clips: Sequence[Clip], image_HWC: Bytes, *, seed: int
) -> Bytes:
    """Return one video for the speech of all clips, one after another, (T, H, W, 3).

    The state of the network goes on from clip to clip; the emotion is that of the clip. Each clip's
    speech is brought to the level at which it is heard alone, so that only the length differs.
    """
    return _generate(loaded, _joined_request(loaded, clips, image_HWC), seed)


def _generate(loaded: LoadedGenerator, request: ClipRequest, seed: int) -> Bytes:
    """Return the video of a long utterance, generated block by block."""
    blocks: Iterator[Bytes] = generate_blocks(
        loaded, request.condition_CHW, SoundInMemory(request.speech_S), request.emotion,
        name=request.name, seed=seed,
    )  # fmt: skip
    return np.concatenate(list(blocks))


def _joined_request(
    loaded: LoadedGenerator, clips: Sequence[Clip], image_HWC: Bytes
) -> ClipRequest:
    """Return the request of one video for the speech of all clips, one after another."""
    speech_S = np.concatenate([_levelled(clip.audio_S, loaded) for clip in clips])
    emotion_TE = np.concatenate(
        [np.tile(emotion_weights(loaded, clip), (len(clip.video_THWC), 1)) for clip in clips]
    )
    return ClipRequest(
        np.ascontiguousarray(image_HWC.transpose(2, 0, 1)), speech_S, emotion_TE, "joined"
    )


def _end_of_8_s(joined: ClipRequest, begin: int, end: int) -> ClipRequest | None:
    """Return the request of the `LATE_S` that end with frame `end` of the joined video.

    None for a part whose middle is not beyond `LATE_S`, or that is so long that nothing would come
    before it.
    """
    first = end - round(LATE_S * FPS)
    if begin + end <= 2 * LATE_S * FPS or first >= begin:
        return None
    speech_S = joined.speech_S[first * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
    return joined._replace(
        speech_S=speech_S, emotion=joined.emotion[first:end], name=f"8 s to {end}"
    )


def _levelled(speech_S: Floats, loaded: LoadedGenerator) -> Floats:
    peak = float(np.abs(speech_S).max(initial=0.0))
    if loaded.facts.speech_level == "none" or peak == 0:
        return speech_S
    return speech_S / np.float32(peak)


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
    windows = {f"{low} to {high} s": _within(parts, low, high) for low, high in WINDOWS_S}

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


def _within(parts: Sequence[Part], low_s: float, high_s: float) -> list[Part]:
    return [part for part in parts if low_s < part.middle_s <= high_s]


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
