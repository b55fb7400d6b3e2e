"""Generate one long video for the speech of several clips of one person, one after another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.requests import emotion_weights
from emotalk.inference.generate import ClipRequest, generate_blocks
from emotalk.inference.speech import network_pieces
from emotalk.media.sound_source import SoundInMemory
from emotalk.schema import FPS, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample


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


@dataclass(frozen=True)
class JoinedVideo:
    """Hold the video of several clips' speech.

    Attributes:
        request: of the whole video.
        video_THWC: uint8.
        begins: the frame each clip begins at, and last the number of frames.
    """

    request: ClipRequest
    video_THWC: Bytes
    begins: tuple[int, ...]

    def clip(self, place: int) -> Bytes:
        """Return the frames of the clip at a place, (T, H, W, 3)."""
        return self.video_THWC[self.begins[place] : self.begins[place + 1]]

    def seconds(self, place: int) -> tuple[float, float]:
        """Return when the clip at a place begins and ends."""
        return self.begins[place] / FPS, self.begins[place + 1] / FPS

    def end_of(self, place: int, seconds: float) -> ClipRequest | None:
        """Return the request of the last `seconds` up to the end of the clip at a place.

        None for a clip whose middle is not beyond `seconds`, or that is so long that nothing would
        come before it.
        """
        begin, end = self.begins[place], self.begins[place + 1]
        first = end - round(seconds * FPS)
        if begin + end <= 2 * seconds * FPS or first >= begin:
            return None
        return self.request._replace(
            speech_S=self.request.speech_S[first * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME],
            emotion=self.request.emotion[first:end],
            name=f"{seconds:g} s to {end}",
        )


def generate_joined(
    loaded: LoadedGenerator, clips: Sequence[Clip], image_HWC: Bytes, *, seed: int
) -> JoinedVideo:
    """Return one video for the speech of all clips, generated block by block.

    The state of the network goes on from clip to clip; the emotion is that of the clip. Each clip's
    speech is brought to the level at which it is heard alone, so that only the length differs.
    """
    lengths = [len(clip.video_THWC) for clip in clips]
    emotions = [emotion_weights(loaded, clip) for clip in clips]
    request = ClipRequest(
        np.ascontiguousarray(image_HWC.transpose(2, 0, 1)),
        np.concatenate([_heard_alone(loaded, clip) for clip in clips]),
        np.repeat(np.stack(emotions), lengths, axis=0),
        "joined",
    )
    blocks = generate_blocks(
        loaded, request.condition_CHW, SoundInMemory(request.speech_S), request.emotion,
        name=request.name, seed=seed,
    )  # fmt: skip
    begins = tuple(int(begin) for begin in np.cumsum([0, *lengths]))
    return JoinedVideo(request, np.concatenate(list(blocks)), begins)


def _heard_alone(loaded: LoadedGenerator, clip: Clip) -> Floats:
    """Return a clip's speech as the generator hears it where the clip is generated alone."""
    frames = len(clip.video_THWC)
    source, samples = SoundInMemory(clip.audio_S), frames * SAMPLES_PER_FRAME
    return next(network_pieces(source, loaded.facts, frames=frames, samples=samples))
