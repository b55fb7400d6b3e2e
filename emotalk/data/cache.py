"""Keep decoded clips in memory, for corpora small enough to be decoded once."""

from dataclasses import replace

from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, SIZE
from emotalk.shards.clip import Clip, read_window
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample

MIB = 1 << 20


class ClipCache:
    """Cache of whole clips, as many as fit; none is ever evicted.

    An epoch reads every clip before it reads one again, so that evicting the least recently used
    would always drop the clip that is needed next.

    Args:
        mib: room for decoded clips in MiB; 0 keeps nothing and decodes only the requested window.
    """

    def __init__(self, mib: int) -> None:
        self._free = mib * MIB
        self._clips: dict[str, Clip] = {}

    def window(
        self,
        reader: SampleReader,
        sample: Sample,
        start: int,
        frames: int,
        *,
        extras: tuple[str, ...],
    ) -> Clip:
        """Return a window as `read_window` does, from memory where possible.

        Raises:
            DataFault: the sample cannot be read.
        """
        clip = self._clips.get(sample.key)
        if clip is None:
            if self._free < _size(sample):
                return read_window(reader, sample, start=start, frames=frames, extras=extras)
            clip = read_window(reader, sample, start=0, frames=sample.frames, extras=extras)
            self._clips[sample.key] = clip
            self._free -= _size(sample)
        window = slice(start, start + frames)
        return replace(
            clip,
            video_THWC=clip.video_THWC[window],
            landmarks_TLP=clip.landmarks_TLP[window],
        )


def _size(sample: Sample) -> int:
    """Return the approximate size of a decoded clip in bytes."""
    frame = 3 * SIZE * SIZE + LANDMARKS * 2 * 4 + SAMPLES_PER_FRAME * 4
    return (sample.frames + 1) * frame  # one more for the still
