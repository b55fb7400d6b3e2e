"""Process one clip in a worker: make its sample, and store its members or why it was rejected."""

import hashlib
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from emotalk.config.etl import EtlConfig, LandmarksConfig
from emotalk.errors import Stopped, WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.faces.shape import mean_shape
from emotalk.faces.template import template_LP
from emotalk.home import ensure_home
from emotalk.host_memory import keep_freed_memory
from emotalk.media.lossless import png_bytes
from emotalk.media.thumbnail import thumbnail_jpeg
from emotalk.schema import NEUTRAL, AlignedSample, Floats, Rejection
from emotalk.shards.members import encode_members
from etl.clip.crash import (
    Crash,
    check_memory,
    check_readable,
    crash_of,
    is_machine_fault,
    naming_node,
    short_of_memory,
)
from etl.clip.files import sha256_of, stamp_of
from etl.clip.sample import FAULTS_OF_SEEKING, make_sample
from etl.corpora.listing import SourceClip
from etl.corpora.media_file import check_reachable, on_disk
from etl.executor import NodeUnfit
from etl.job.look_progress import look_progress
from etl.job.store import PICTURE, STILL, save_clip, save_recording
from etl.job.verdict import Verdict, pack_face
from etl.recording.look import look_at
from etl.recording.recording import Recording


def process_clip(clip: SourceClip, config: EtlConfig, store: Path) -> Verdict | Recording | Crash:
    """Return the verdict on a clip after storing it with the members, or the clip's crash.

    Of a file that is too long for a clip, where such files are cut, return its stretches. A crash
    is not stored: the next run tries the clip again.

    Raises:
        NodeUnfit: this machine cannot reach the source, lacks the models that find faces or a
            package, or has too little memory for any clip.
        OSError: the disk of the source or of the store failed; a note names this machine.
    """
    _set_up_process()
    try:
        detector = _detector(config.landmarks, Path(config.source).expanduser())
    except WrongUse as error:
        check_reachable(config.source)  # which holds the side-car files
        # The driver found them: it is this node that lacks them.
        raise NodeUnfit(
            f"on {socket.gethostname()}: {error}",
            "Put there what the driver's node has, or leave that node out (Slurm: sbatch "
            "--exclude=NODE)",
        ) from None
    with naming_node(clip.label.clip):
        source = stamp_of(clip, config)
        outcome = _processed(clip, detector, config, source, store)
        if isinstance(outcome, Crash):
            return outcome
        if isinstance(outcome, Recording):
            save_recording(store, outcome)
            return outcome
        verdict, members = outcome
        save_clip(store, verdict, members)
    return verdict


def _processed(
    clip: SourceClip,
    detector: LandmarkDetector,
    config: EtlConfig,
    source: tuple[int, int],
    store: Path,
) -> tuple[Verdict, dict[str, bytes]] | Recording | Crash:
    """Return the verdict on a clip and its members, its stretches, or its crash."""
    try:
        with on_disk(clip.video) as path:
            return _made(replace(clip, video=path), detector, config, source, store)
    except Rejection as rejection:
        check_reachable(config.source)
        if clip.stretch is None or rejection.reason in FAULTS_OF_SEEKING:
            check_readable(clip.video)  # not hours of it for each stretch without a face
        return rejected(clip, rejection, source), _picture(rejection)
    except (Stopped, WrongUse):
        raise  # of the job, not of the clip
    except Exception as error:  # noqa: BLE001  reported; the other clips go on
        if is_machine_fault(error):
            check_reachable(config.source)  # a file system that is gone is a fault of this node
        crash, memory = crash_of(error, clip.video), short_of_memory(error)
    # After the except block, where the clip's frames are freed.
    check_reachable(config.source)
    check_readable(clip.video)
    if memory:
        check_memory(clip.label.clip, crash)
    return crash


def _made(
    clip: SourceClip,
    detector: LandmarkDetector,
    config: EtlConfig,
    source: tuple[int, int],
    store: Path,
) -> tuple[Verdict, dict[str, bytes]] | Recording:
    """Return the verdict on a clip that is on this machine's disk, or its stretches.

    Raises:
        Rejection: the reason to leave it out.
    """
    if clip.stretch is not None:
        _check_same_file(clip, source)
    try:
        return _accepted(clip, detector, config, source)
    except Rejection as rejection:
        if rejection.reason != "too_long" or not config.cuts_recordings or clip.stretch:
            raise
        first_HWC = rejection.picture_HWC
    try:
        with look_progress(store, clip.label.key) as on_progress:
            return look_at(clip, detector, config, source=source, on_progress=on_progress)
    except Rejection as rejection:
        rejection.picture_HWC = first_HWC
        raise


def _check_same_file(clip: SourceClip, source: tuple[int, int]) -> None:
    """Check that a stretch's file is the one that was cut.

    Raises:
        Rejection: `file_changed`.
    """
    assert isinstance(clip.video, Path)
    if source != clip.source and sha256_of(clip.video) != clip.video_sha256:
        raise Rejection("file_changed", f"{clip.video.name}: is another file than was cut")


def _accepted(
    clip: SourceClip, detector: LandmarkDetector, config: EtlConfig, source: tuple[int, int]
) -> tuple[Verdict, dict[str, bytes]]:
    began = time.perf_counter()
    sample = make_sample(clip, detector, config)
    made = time.perf_counter()
    members = encoded(sample, config)
    verdict = Verdict(
        key=clip.label.key,
        clip=clip.label.clip,
        source=source,
        frames=len(sample.frames_THWC),
        face=mean_face_of(sample.landmarks_TLP),
        seconds={"sample": made - began, "encode": time.perf_counter() - made},
        sha256=digest_of(members),
        node=socket.gethostname(),
        measures=sample.measures,
    )
    return verdict, members


def encoded(sample: AlignedSample, config: EtlConfig) -> dict[str, bytes]:
    """Return a sample's members; of a neutral clip also the still for other clips."""
    members = encode_members(sample, corpus=config.corpus, video=config.video)
    if sample.label.emotion == NEUTRAL:
        members[STILL] = png_bytes(sample.frames_THWC[0])
    return members


def rejected(clip: SourceClip, rejection: Rejection, source: tuple[int, int]) -> Verdict:
    """Return the verdict on a rejected clip; `source` is its stamp from before it was opened."""
    return Verdict(
        key=clip.label.key,
        clip=clip.label.clip,
        source=source,
        reason=rejection.reason,
        detail=rejection.detail,
        node=socket.gethostname(),
        measures=rejection.measures,
    )


def _picture(rejection: Rejection) -> dict[str, bytes]:
    """Return the stored picture of a rejected clip, empty if it has none."""
    picture_HWC = rejection.picture_HWC
    return {} if picture_HWC is None else {PICTURE: thumbnail_jpeg(picture_HWC)}


def digest_of(members: Mapping[str, bytes]) -> str:
    """Return a digest of a clip's members, their names and order included."""
    digests = [f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in members.items()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@lru_cache(maxsize=1)
def _detector(config: LandmarksConfig, source: Path) -> LandmarkDetector:
    """Return this process's landmark models, loaded once."""
    return build_landmark_detector(config, source=source)


@lru_cache(maxsize=1)
def _set_up_process() -> None:
    """Limit this process to one thread, and keep freed memory for the next frame.

    With one thread workers do not compete for cores, and numbers do not depend on the load.
    """
    ensure_home()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_freed_memory()


def mean_face_of(landmarks_TLP: Floats) -> bytes:
    """Return a clip's mean landmarks on the template as a verdict keeps them."""
    return pack_face(mean_shape(landmarks_TLP.astype(np.float64), template_LP(), rounds=2))
