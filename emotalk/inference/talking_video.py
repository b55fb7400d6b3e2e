"""Make a talking video from a picture, a recording and an emotion."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.inference.emotion_timeline import (
    Timeline,
    intensity_note,
    parse_timeline,
    timeline_weights,
)
from emotalk.inference.face import read_aligned, read_face
from emotalk.inference.generate import generate_blocks
from emotalk.inference.knowledge_notes import photograph_note, unlearnt_note
from emotalk.inference.speech import read_speech
from emotalk.inference.video import check_output, write_talking_video
from emotalk.printable import printable
from emotalk.schema import FPS, Bytes

Progress = Callable[[int, int], None]
LOG = logging.getLogger("emotalk.generate")


@dataclass(frozen=True)
class VideoRequest:
    """A request for a talking video."""

    image: Path  # with a face
    audio: Path  # any file with speech
    emotion: str  # see `emotalk.inference.emotion_timeline`
    output: Path  # the MP4 file to write
    landmarks: LandmarksConfig | None  # None: the picture is an aligned crop
    face: str | None = None  # which of several, see `emotalk.inference.face`
    seed: int = 0  # of the noise
    scale: int = 1  # side of the video in multiples of 128 pixels
    overwrite: bool = False  # replace an existing `output`


@dataclass(frozen=True)
class VideoReport:
    """The result of a request: a video, and the time it took to generate and write it."""

    output: Path
    frames: int
    elapsed_s: float
    notes: tuple[str, ...] = ()  # parts of the request that had no effect or were not learnt

    def __str__(self) -> str:
        """Return the report as one line."""
        return (
            f"{self.output}: {self.frames} frames, {self.frames / FPS:.2f} s of video, made in "
            f"{self.elapsed_s:.1f} s ({self.frames / self.elapsed_s:.0f} frames/s)"
        )


def make_video(
    request: VideoRequest, loaded: LoadedGenerator, *, progress: Progress | None = None
) -> VideoReport:
    """Write the video of a request; wrong requests are refused before anything is generated.

    `progress` is called with the number of written frames and of all frames.

    Raises:
        WrongUse: a file, the emotion or the output is not usable as it is.
    """
    check_output(request.output, overwrite=request.overwrite)
    timeline = parse_timeline(request.emotion, loaded.facts.emotions)
    notes = _notes(request, timeline, loaded)
    for note in notes:
        LOG.warning("%s", note)
    speech = read_speech(request.audio)
    weights_TE = timeline_weights(timeline, loaded.facts.emotions, speech.frames)
    condition_CHW = _condition(request)
    started = time.monotonic()
    blocks = generate_blocks(loaded, condition_CHW, speech.speech, weights_TE, seed=request.seed)
    write_talking_video(
        request.output,
        _frames(blocks, speech.frames, progress),
        speech.sound,
        provenance=(
            f"Picture: {printable(request.image.name)}. Speech: {printable(request.audio.name)}. "
            f"Emotion: {request.emotion}. Seed: {request.seed}. "
            f"Model: {printable(loaded.folder.name)}."
        ),
        scale=request.scale,
    )
    return VideoReport(request.output, speech.frames, time.monotonic() - started, notes)


def _notes(request: VideoRequest, timeline: Timeline, loaded: LoadedGenerator) -> tuple[str, ...]:
    """Return a line for each part of a request that has no effect, or one not to be trusted."""
    face = ""
    if request.face is not None and request.landmarks is None:
        face = (
            f"face {request.face}: not used, as an aligned picture is taken whole without detection"
        )
    knowledge = what_it_knows(loaded.facts)
    notes = (
        intensity_note(timeline, use_intensity=loaded.facts.use_intensity),
        unlearnt_note(knowledge, timeline.names),
        photograph_note(knowledge, detected=request.landmarks is not None),
        face,
    )
    return tuple(note for note in notes if note)


def _condition(request: VideoRequest) -> Bytes:
    if request.landmarks is None:
        return read_aligned(request.image)
    return read_face(request.image, build_landmark_detector(request.landmarks), choice=request.face)


def _frames(blocks: Iterable[Bytes], frames: int, progress: Progress | None) -> Iterator[Bytes]:
    """Yield the frames of all blocks, and report the progress after each block."""
    done = 0
    for block_THWC in blocks:
        yield from block_THWC
        done += len(block_THWC)
        if progress is not None:
            progress(done, frames)
