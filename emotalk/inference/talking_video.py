"""Make a talking video from a picture, a recording and an emotion."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.inference.emotion_timeline import (
    Timeline,
    intensity_note,
    parse_timeline,
    timeline_weights,
)
from emotalk.inference.face import FoundFace, find_face, read_aligned
from emotalk.inference.generate import generate_blocks
from emotalk.inference.knowledge_notes import photograph_note, refuse_unlearnt, unlearnt_note
from emotalk.inference.panels import PanelGrid
from emotalk.inference.paste_back import PasteBack
from emotalk.inference.precision import Precision
from emotalk.inference.read_ahead import read_ahead
from emotalk.inference.sound_track import sound_track
from emotalk.inference.speech import Speech, read_speech
from emotalk.inference.video import (
    check_length,
    check_output,
    video_format,
    write_talking_video,
)
from emotalk.media.image import enlarge, read_image
from emotalk.printable import printable
from emotalk.schema import FPS, Bytes

Progress = Callable[[int, int], None]
LONG_SIDE, PANEL_LONG_SIDE = 1920, 640  # pixels of a whole picture, unless given
LOG = logging.getLogger("emotalk.generate")


@dataclass(frozen=True)
class VideoRequest:
    """Hold a request for a talking video."""

    image: Path  # with a face
    audio: Path  # any file with speech
    # see `emotalk.inference.emotion_timeline`; None: a panel for each emotion of the model
    emotion: str | None
    # the file to write, see `emotalk.inference.video`; None where `plan_video` alone is called
    output: Path | None
    landmarks: LandmarksConfig | None  # None: the picture is an aligned crop
    face: str | None = None  # which of several, see `emotalk.inference.face`
    seed: int = 0  # of the noise
    scale: int = 1  # side of the video in multiples of 128 pixels
    overwrite: bool = False  # replace an existing `output`
    paste_back: bool = False  # put the face back into the whole picture
    long_side: int | None = None  # most pixels of the whole picture; None: 1920, of a panel 640
    intensity: float = 1.0  # factor of all weights of `emotion`, in [0, 1]
    precision: Precision = "auto"  # of the decoder, see `emotalk.inference.precision`
    mark: str = ""  # of the request, stored in the file, see `emotalk.inference.request_mark`


@dataclass(frozen=True)
class VideoReport:
    """Hold the result of a request: a video, and the time it took to generate and write it."""

    output: Path
    frames: int
    elapsed_s: float
    notes: tuple[str, ...] = ()  # parts of the request that had no effect or were not learnt

    def __str__(self) -> str:
        """Return the report as one line."""
        return (
            f"{self.output}: {counted(self.frames, 'frame')}, {self.frames / FPS:.2f} s of video, "
            f"made in {self.elapsed_s:.1f} s ({self.frames / self.elapsed_s:.0f} frames/s)"
        )


@dataclass(frozen=True)
class PlannedVideo:
    """Hold a video whose frames are not computed yet."""

    blocks: Iterator[Bytes]  # uint8 RGB (t, H, W, 3), computed one after the other as they are read
    speech: Speech  # of as many frames
    provenance: str  # inputs of the video, for the file's comment
    notes: tuple[str, ...]  # see `VideoReport`


def make_video(
    request: VideoRequest,
    loaded: LoadedGenerator,
    *,
    progress: Progress | None = None,
    detector: LandmarkDetector | None = None,
) -> VideoReport:
    """Write the video of a request; wrong requests are refused before anything is generated.

    Args:
        request: what to make.
        loaded: the generator.
        progress: called with the number of written frames and of all frames.
        detector: the face finder of `request.landmarks`; None: it is loaded for this video.

    Raises:
        WrongUse: a file, the emotion or the output is not usable as it is.
    """
    output = request.output
    assert output is not None, "a request without an output is for plan_video"
    check_output(output, overwrite=request.overwrite)
    plan = plan_video(request, loaded, detector=detector)
    frames = plan.speech.frames
    started = time.monotonic()
    write_talking_video(
        output,
        _frames(read_ahead(plan.blocks), frames, progress),
        sound_track(plan.speech, video_format(output)),
        provenance=plan.provenance,
    )
    return VideoReport(output, frames, time.monotonic() - started, plan.notes)


def plan_video(
    request: VideoRequest, loaded: LoadedGenerator, *, detector: LandmarkDetector | None = None
) -> PlannedVideo:
    """Return the frames of a request, to be computed as they are read, and their sound.

    Args:
        request: what to make.
        loaded: the generator.
        detector: the face finder of `request.landmarks`; None: it is loaded for this video.

    Raises:
        WrongUse: a file or the emotion is not usable as it is.
    """
    _check_options(request)
    timelines = _timelines(request, loaded)
    picture_HWC = _picture(request)  # before what takes seconds: long speech, the face finder
    speech = read_speech(request.audio)
    if request.output is not None:
        check_length(request.output, speech.frames)
    emotions = loaded.facts.emotions
    weights = [timeline_weights(timeline, emotions, speech.frames) for timeline in timelines]
    face = _face(request, picture_HWC, detector)
    notes = _notes(request, timelines, loaded)
    for note in notes:  # after the checks, so that a refusal is the only message
        LOG.warning("%s", note)
    notes += _size_note(request, face)
    views = [
        _view(
            request,
            face,
            generate_blocks(
                loaded,
                face.crop_CHW,
                speech.speech,
                weights_TE,
                seed=request.seed,
                precision=request.precision,
            ),
        )
        for weights_TE in weights
    ]
    return PlannedVideo(
        blocks=views[0] if request.emotion is not None else _grid(views, emotions),
        speech=speech,
        provenance=_provenance(request, loaded),
        notes=notes,
    )


def _provenance(request: VideoRequest, loaded: LoadedGenerator) -> str:
    """Return the sentences of the file's comment that name a video's inputs."""
    mark = f" Request: {request.mark}." if request.mark else ""
    intensity = "" if request.intensity == 1 else f" Intensity: {request.intensity:g}."
    return (
        f"Picture: {printable(request.image.name)}. Speech: {printable(request.audio.name)}. "
        f"Emotion: {request.emotion or 'each'}.{intensity} Seed: {request.seed}. "
        f"Model: {printable(loaded.folder.name)}.{mark}"
    )


def _check_options(request: VideoRequest) -> None:
    """Raise `WrongUse` for options that exclude each other, or an output that is an input."""
    output = request.output
    for file in (request.image, request.audio):
        if output is not None and output.exists() and file.exists() and output.samefile(file):
            raise WrongUse(
                f"{output}: it is the input {file} itself; choose another name for the video"
            )
    if request.paste_back and request.landmarks is None:
        raise WrongUse(
            "paste back: an aligned crop has no picture around it; give the whole picture and a "
            "face finder (--landmarks insightface or onnx), or leave out --paste-back"
        )
    if request.paste_back and request.scale != 1:
        raise WrongUse(
            f"paste back: scale {request.scale} is for crops; the whole picture keeps its own size,"
            " which --long-side limits: leave out --scale"
        )
    if request.long_side is not None and not request.paste_back:
        way = "add --paste-back, or" if request.landmarks else "an aligned crop has none:"
        raise WrongUse(
            f"long side {request.long_side}: it limits the whole picture; {way} give --scale for a "
            "crop"
        )


def _timelines(request: VideoRequest, loaded: LoadedGenerator) -> list[Timeline]:
    """Return the timeline of the video, or that of each emotion."""
    emotions = loaded.facts.emotions
    if request.emotion is None:
        refuse_unlearnt(what_it_knows(loaded.facts), emotions, wish="--all-emotions")
    texts = emotions if request.emotion is None else [request.emotion]
    return [parse_timeline(text, emotions).scaled(request.intensity) for text in texts]


def _notes(
    request: VideoRequest, timelines: Sequence[Timeline], loaded: LoadedGenerator
) -> tuple[str, ...]:
    """Return a line for each part of a request that has no effect, or one not to be trusted."""
    face = ""
    if request.face is not None and request.landmarks is None:
        face = (
            f"face {request.face}: not used, as an aligned picture is taken whole without detection"
        )
    knowledge = what_it_knows(loaded.facts)
    notes = (
        intensity_note(timelines, use_intensity=loaded.facts.use_intensity),
        unlearnt_note(knowledge, (name for timeline in timelines for name in timeline.names)),
        photograph_note(knowledge, detected=request.landmarks is not None),
        face,
    )
    return tuple(note for note in notes if note)


def _picture(request: VideoRequest) -> Bytes:
    """Return the whole picture, or the crop that it already is, uint8 RGB (H, W, 3)."""
    if request.landmarks is None:
        return read_aligned(request.image).transpose(1, 2, 0)
    return read_image(request.image)


def _face(
    request: VideoRequest, picture_HWC: Bytes, detector: LandmarkDetector | None
) -> FoundFace:
    if request.landmarks is None:
        crop_CHW = np.ascontiguousarray(picture_HWC.transpose(2, 0, 1))
        return FoundFace(crop_CHW, picture_HWC, np.eye(2, 3))
    detector = detector or build_landmark_detector(request.landmarks)
    return find_face(request.image, picture_HWC, detector, choice=request.face)


def _size_note(request: VideoRequest, face: FoundFace) -> tuple[str, ...]:
    """Return a note where the whole picture is shown smaller without having been asked to."""
    height, width = face.picture_HWC.shape[:2]
    limit = _long_side(request)
    if not request.paste_back or request.long_side is not None or max(height, width) <= limit:
        return ()
    note = (
        f"the picture's {width} x {height} pixels are more than {limit} on the longer side, so it "
        "is shown smaller; --long-side sets another limit"
    )
    LOG.warning("%s", note)
    return (note,)


def _long_side(request: VideoRequest) -> int:
    return request.long_side or (PANEL_LONG_SIDE if request.emotion is None else LONG_SIDE)


def _view(request: VideoRequest, face: FoundFace, blocks: Iterator[Bytes]) -> Iterator[Bytes]:
    """Return the blocks as they are shown: in the whole picture, or enlarged crops."""
    if not request.paste_back:
        return (
            np.stack([enlarge(frame_HWC, request.scale) for frame_HWC in block_THWC])
            for block_THWC in blocks
        )
    paste = PasteBack(
        face.picture_HWC,
        face.matrix_23,
        long_side=_long_side(request),
        landmarks_LP=face.landmarks_LP,
    )
    return (paste.paste(block_THWC) for block_THWC in blocks)


def _grid(views: Sequence[Iterator[Bytes]], labels: Sequence[str]) -> Iterator[Bytes]:
    """Yield the blocks of all views side by side, with the emotions' names."""
    grid: PanelGrid | None = None
    for panels in zip(*views, strict=True):
        height, width = panels[0].shape[1:3]
        grid = grid or PanelGrid(labels, height=height, width=width)
        yield grid.compose(panels)


def _frames(blocks: Iterable[Bytes], frames: int, progress: Progress | None) -> Iterator[Bytes]:
    """Yield the frames of all blocks, and report the progress after each block."""
    done = 0
    for block_THWC in blocks:
        yield from block_THWC
        done += len(block_THWC)
        if progress is not None:
            progress(done, frames)
