"""Describe a recording that was cut, and the clips that its stretches are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from emotalk.shards.manifest import left_out_words
from etl.corpora.listing import SourceClip, Stretch

OF_WHOLE = ("text",)  # columns of the table that hold for a whole file alone


@dataclass(frozen=True)
class Recording:
    """A file that became stretches, at least one."""

    key: str  # of the file, as of a clip
    clip: str  # the file's name in the table
    source: tuple[int, int] | None  # stamp of its files when it was cut; None: not known
    sha256: str  # of the file that was cut
    seconds: float  # length that picture and sound share
    stretches: tuple[Stretch, ...]
    left_out_s: Mapping[str, float]  # why the rest is in no stretch -> seconds
    took_s: float = 0.0  # time it took to find them
    node: str = ""  # the machine that did it

    @property
    def summary(self) -> str:
        """Return in words how much of the recording is in its stretches."""
        used_s = sum(stretch.seconds for stretch in self.stretches)
        rest = left_out_words(self.left_out_s)
        return (
            f"{self.clip}: {len(self.stretches)} stretches, {used_s:.0f} of {self.seconds:.0f} s"
            f"{'; left out: ' if rest else ''}{', '.join(rest)} ({self.took_s:.0f} s to look at)"
        )


def clips_of(clip: SourceClip, recording: Recording) -> list[SourceClip]:
    """Return the clips that a recording's stretches are, with the labels of its row."""
    return [_clip_of(clip, recording, stretch) for stretch in recording.stretches]


def _clip_of(clip: SourceClip, recording: Recording, stretch: Stretch) -> SourceClip:
    label = replace(
        clip.label,
        extra={name: v for name, v in clip.label.extra.items() if name not in OF_WHOLE},
        key=f"{clip.label.key}_{stretch.start_ms}",
        clip=f"{clip.label.clip}#{stretch.start_ms}-{stretch.end_ms}",
    )
    return replace(
        clip,
        label=label,
        stretch=stretch,
        video_sha256=recording.sha256,
        source=recording.source,
    )
