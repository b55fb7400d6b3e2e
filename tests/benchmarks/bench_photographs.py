"""Measure how a model moves the mouths of photographs, and show it.

    python -m tests.benchmarks.bench_photographs --model A --model B --sheet sheet.png

Needs the shared test material. Photographs speak one recording; first frames of real clips speak
their clip's own sound, so that the clip is the truth. Landmarks of generated and true crops come
from one detector (YuNet, Peppa-68). For each model the table holds

- opening: standard deviation of the gap between the inner lips, percent of the face's width;
- ratio: that of the generated clip over the true one's;
- correlation with the true gap;
- sync: the lip-sync model's cosine at its best lag, and how many clips lie within one frame of 0.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from emotalk.checkpoints.load import load_generator
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.align import align_image, warp
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.inference.face import read_face
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.inference.speech import read_speech
from emotalk.lip_sync.estimate import estimate_sync
from emotalk.lip_sync.load import load_lip_sync_model
from emotalk.schema import INNER_LIP_TOP_BOTTOM, SAMPLES_PER_FRAME, Bytes, Floats
from tests.helpers.shared import shared_root

SECONDS = 3
FRAMES = 25 * SECONDS
SHOWN = (0, 12, 25, 40, 55, 70)  # frames of a row of the sheet
DATA = shared_root() / "data"
SPEECH = DATA / "audio/eskimez_speech01.wav"


@dataclass(frozen=True)
class Case:
    """A face, its speech, and its true crops where it comes from a clip."""

    name: str
    face_CHW: Bytes
    speech_S: Floats
    true_THWC: Bytes | None


def speech_of(path: Path) -> Floats:
    """Return the first seconds of a file's sound at 8 kHz, as long as there is."""
    speech = read_speech(path).speech
    return speech.read(0, min(speech.size, FRAMES * SAMPLES_PER_FRAME))


def cases(detector: LandmarkDetector) -> Iterator[Case]:
    """Yield photographs, then first frames of real clips of 25 frames a second."""
    for path in sorted((DATA / "images").iterdir()):
        try:
            face_CHW = read_face(path, detector, choice="largest")
        except WrongUse as refused:
            print(f"left out: {refused}")  # noqa: T201
            continue
        yield Case(path.stem, face_CHW, speech_of(SPEECH), None)
    clips = [*sorted((DATA / "clips/grid").iterdir()), *sorted((DATA / "clips/wild").iterdir())]
    for path in clips:
        with av.open(str(path)) as opened:
            if abs(float(opened.streams.video[0].average_rate or 0) - 25) > 0.1:
                continue
            frames = [
                frame.to_ndarray(format="rgb24")
                for frame, _ in zip(opened.decode(video=0), range(FRAMES), strict=False)
            ]
        landmarks_LP = detector.detect([frames[0]])[0].landmarks_LP
        if landmarks_LP is not None:
            crop_HWC, _, transform = align_image(frames[0], landmarks_LP)
            true_THWC = np.stack([warp(frame, transform) for frame in frames])
            yield Case(path.stem, crop_HWC.transpose(2, 0, 1), speech_of(path), true_THWC)


def landmarks_of(detector: LandmarkDetector, video_THWC: Bytes) -> Floats:
    """Return landmarks (T, 68, 2) of crops; a frame without a face takes those of the one before.

    NaN before the first face.
    """
    found, last = [], np.full((68, 2), np.nan, np.float32)
    for face in detector.detect([np.ascontiguousarray(frame) for frame in video_THWC]):
        last = last if face.landmarks_LP is None else np.asarray(face.landmarks_LP, np.float32)
        found.append(last)
    return np.stack(found)


def opening(landmarks_TLP: Floats) -> Floats:
    """Return the gap between the inner lips (T,), percent of the width of the face."""
    top, bottom = INNER_LIP_TOP_BOTTOM
    wide = np.nanmedian(np.linalg.norm(landmarks_TLP[:, 16] - landmarks_TLP[:, 0], axis=-1))
    gap_T = np.linalg.norm(landmarks_TLP[:, bottom] - landmarks_TLP[:, top], axis=-1)
    return np.asarray(100 * gap_T / wide, np.float32)


def main() -> None:
    """Print a table for each model and write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--emotion", default="neutral")
    parser.add_argument("--limit", type=int, default=100, help="how many faces")
    given = parser.parse_args()
    detector = build_landmark_detector(
        LandmarksConfig(
            backend="onnx",
            detector=DATA / "models/yunet_n_dynamic.onnx",
            landmarker=DATA / "models/peppa_slim_160_68.onnx",
        )
    )
    sync = load_lip_sync_model()
    every = list(cases(detector))[: given.limit]
    true = [None if c.true_THWC is None else landmarks_of(detector, c.true_THWC) for c in every]
    rows: list[list[Bytes]] = [[] for _ in every]
    for path in given.model:
        loaded = load_generator(path)
        emotion = np.eye(len(loaded.facts.emotions), dtype=np.float32)
        wanted = emotion[loaded.facts.emotions.index(given.emotion)]
        print(f"\n{path}\n{'face':24} opening  true  ratio  corr.  cosine  lag")  # noqa: T201
        results = []
        for number, case in enumerate(every):
            request = ClipRequest(case.face_CHW, case.speech_S, wanted, case.name)
            (video_THWC,) = generate_clips(loaded, [request])
            rows[number].append(video_THWC)
            made_TLP = landmarks_of(detector, video_THWC)
            made_T, truth = opening(made_TLP), true[number]
            frames = len(video_THWC)
            padded_S = np.pad(case.speech_S, (0, frames * SAMPLES_PER_FRAME - len(case.speech_S)))
            step = estimate_sync(sync, made_TLP, padded_S.astype(np.float32))
            figures = [float(made_T.std()), np.nan, np.nan, np.nan, step.correlation, step.offset]
            if truth is not None:
                both = min(frames, len(truth))
                true_T = opening(truth)[:both]
                related = np.corrcoef(made_T[:both], true_T)[0, 1]
                figures[1:4] = [true_T.std(), figures[0] / true_T.std(), related]
            results.append(figures)
            shown = "  ".join(f"{value:5.2f}" for value in figures[:5])
            print(f"{case.name:24} {shown}  {figures[5]:+3.0f}")  # noqa: T201
        table = np.array(results)
        middle = "  ".join(f"{value:5.2f}" for value in np.nanmedian(table[:, :5], axis=0))
        near = int((np.abs(table[:, 5]) <= 1).sum())
        print(f"{'median':24} {middle}  {near} of {len(table)} within 1 frame")  # noqa: T201
    if given.sheet is not None:
        write_sheet(given.sheet, every, rows)


def write_sheet(path: Path, every: list[Case], rows: list[list[Bytes]]) -> None:
    """Write a picture: for each face the photograph, then frames of each model."""
    lines = []
    for case, videos in zip(every, rows, strict=True):
        tiles = [case.face_CHW.transpose(1, 2, 0)]
        tiles += [video[min(t, len(video) - 1)] for video in videos for t in SHOWN]
        lines.append(np.concatenate(tiles, axis=1))
    cv2.imwrite(str(path), np.concatenate(lines)[..., ::-1])


if __name__ == "__main__":
    main()
