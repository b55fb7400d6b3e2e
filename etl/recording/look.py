"""Look at a long recording once, from its beginning to its end, and find its stretches.

The sound comes first: without a voice no picture is decoded. Then every frame is decoded in order,
as a thumbnail for the shot changes, and twice a second in full for the faces. Memory does not grow
with the length, but for some bytes a frame.
"""

import math
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotalk.config.etl import EtlConfig
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.files.checksums import file_sha256
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.scan import scan
from emotalk.media.spooled_sound import spool_audio
from emotalk.media.stretch_frames import Span, crc_of, part_of
from emotalk.media.voice_activity import RATE, speech_probabilities
from emotalk.schema import Doubles, Rejection
from etl.clip.quality import check_whole
from etl.clip.shot_changes import ShotChanges
from etl.clip.words import read_words
from etl.corpora.listing import SourceClip, Stretch
from etl.corpora.media_file import stamp
from etl.recording.cut import Limits, cut, left_out_seconds
from etl.recording.recording import Recording
from etl.recording.steady_face import NO_FACE, SEVERAL, SteadyFaces
from etl.recording.voice import Interval, utterances

LONGEST_S = 48 * 3600.0  # of a recording
FACES_EVERY_S = 0.5
LONGEST_FRAME_S = 0.6  # a picture that stays for longer is a gap: it shows no face that speaks
THUMBNAIL = 160  # pixels of its longer side
MOST_DAMAGED = 0.2  # of all frames: more, and the file itself is at fault

OnProgress = Callable[[float, float], None]
"""Receiver of progress: seconds looked at, of how many."""


def look_at(
    clip: SourceClip,
    detector: LandmarkDetector,
    config: EtlConfig,
    *,
    source: tuple[int, int],
    on_progress: OnProgress,
) -> Recording:
    """Return the stretches of a recording.

    Args:
        clip: the recording, on this machine's disk.
        detector: of faces.
        config: the settings of the job.
        source: stamp of the recording's files, from before it was opened.
        on_progress: is called now and then with the seconds that were looked at, and all.

    Raises:
        Rejection: it has no stretch, cannot be read, or changed meanwhile; without `clip`.
    """
    path = clip.video
    assert isinstance(path, Path)
    began, before = time.perf_counter(), stamp(path)
    video = read_video(path)
    voice, sound_end_s = _voice(path, config)
    end_s = _end_s(video)
    if clip.words is not None:
        read_words(clip.words).check_end(max(end_s, sound_end_s))
    check_whole(video.info.duration_s, max(end_s, sound_end_s), config.quality)
    faces, damaged = _faces(video, voice, detector, config, on_progress)
    duration_s = min(end_s, sound_end_s)
    with_sound = _ended(faces.periods, sound_end_s + config.quality.max_audio_gap_s)
    stretches = cut(with_sound, voice, _limits(config))
    left_out_s = left_out_seconds(duration_s, faces.periods, voice, stretches, damaged)
    sha256 = file_sha256(path)
    if stamp(path) != before:
        raise Rejection("file_changed", f"{path.name}: it was written to while it was read")
    if not stretches:
        raise _without_stretch(voice, faces, duration_s, config)
    return Recording(
        key=clip.label.key,
        clip=clip.label.clip,
        source=source,
        sha256=sha256,
        seconds=round(duration_s, 3),
        stretches=tuple(_stretch(video, found) for found in stretches),
        left_out_s={why: round(seconds, 2) for why, seconds in left_out_s.items()},
        took_s=round(time.perf_counter() - began, 1),
        node=socket.gethostname(),
    )


def _ended(periods: Sequence[Interval], end_s: float) -> list[Interval]:
    """Return the periods up to a time; a clip whose sound ends earlier would be rejected."""
    return [Interval(p.start_s, min(p.end_s, end_s)) for p in periods if p.start_s < end_s]


def _limits(config: EtlConfig) -> Limits:
    shortest_s, longest_s = config.stretch_seconds
    return Limits(shortest_s, longest_s, config.stretches.min_voice_share)


def _voice(path: Path, config: EtlConfig) -> tuple[list[Interval], float]:
    """Return the utterances of a recording, and the end of its sound.

    Raises:
        Rejection: `no_voice`, and as `spool_audio`.
    """
    sound = spool_audio(path, rate=RATE, max_s=LONGEST_S)
    found = utterances(
        speech_probabilities(sound),
        first_s=sound.start_s,
        min_pause_s=config.stretches.min_pause_s,
    )
    seconds = sound.size / RATE
    if not found:
        raise Rejection("no_voice", f"{path.name}: nobody speaks in its {seconds:.0f} s of sound")
    return found, sound.start_s + seconds


def _faces(
    video: VideoFrames,
    voice: Sequence[Interval],
    detector: LandmarkDetector,
    config: EtlConfig,
    on_progress: OnProgress,
) -> tuple[SteadyFaces, list[Interval]]:
    """Return the periods with one steady face near to where somebody speaks, and damaged frames.

    Raises:
        Rejection: `unreadable`.
    """
    faces, shots = SteadyFaces(config.quality), ShotChanges(config.quality.max_picture_change)
    times_s = video.times_s
    speaks = _near(times_s, voice, config.stretch_seconds[0])
    next_s = -math.inf
    damaged: list[int] = []
    for index, frame in enumerate(scan(video)):
        time_s, before_s = float(times_s[index]), float(times_s[max(0, index - 1)])
        if time_s - before_s > LONGEST_FRAME_S:
            faces.end_shot(before_s, next_s=time_s)
            next_s = time_s
        if frame is None:
            damaged.append(index)
            faces.skip()
            next_s = time_s
            continue
        if shots.add(frame.thumbnail(THUMBNAIL)):
            assert shots.found is not None, "a new shot was found"
            last, first = (n + len(damaged) for n in (shots.found.last, shots.found.first))
            faces.end_shot(float(times_s[last + 1]), next_s=float(times_s[first]))
            next_s = time_s
        if not speaks[index]:
            faces.skip()
            next_s = time_s
        elif time_s >= next_s:
            found = detector.detect([frame.rgb()], clip=video.path, indices=[index])
            faces.add(time_s, found[0])
            next_s = time_s + FACES_EVERY_S
            on_progress(time_s, float(times_s[-1]))
    faces.end_shot(min(_end_s(video), float(times_s[-1]) + LONGEST_FRAME_S), next_s=math.inf)
    return faces, _damaged_periods(video, damaged)


def _damaged_periods(video: VideoFrames, damaged: Sequence[int]) -> list[Interval]:
    """Return when damaged frames are shown.

    Raises:
        Rejection: `unreadable` where there are too many of them.
    """
    if len(damaged) > MOST_DAMAGED * len(video):
        raise Rejection(
            "unreadable",
            f"{video.path.name}: {len(damaged)} of {len(video)} frames are damaged or lost, at "
            f"most {MOST_DAMAGED:g} of them (first: {damaged[0]})",
        )
    ends_s = np.append(video.times_s[1:], _end_s(video))
    return [Interval(float(video.times_s[n]), float(ends_s[n])) for n in damaged]


def _end_s(video: VideoFrames) -> float:
    """Return when the last frame ends, which is shown as long as the one before."""
    return float(2 * video.times_s[-1] - video.times_s[-2]) if len(video) > 1 else 0.0


def _near(times_s: Doubles, voice: Sequence[Interval], around_s: float) -> NDArray[np.bool_]:
    """Return for each time whether somebody speaks within some seconds of it."""
    near = np.zeros(len(times_s), np.bool_)
    for spoken in voice:
        first, last = np.searchsorted(times_s, [spoken.start_s - around_s, spoken.end_s + around_s])
        near[first:last] = True
    return near


def _stretch(video: VideoFrames, found: Interval) -> Stretch:
    """Return a stretch in whole milliseconds, with what tells its frames from others."""
    start_ms, end_ms = math.ceil(1000 * found.start_s), math.floor(1000 * found.end_s)
    span = Span(start_ms / 1000, end_ms / 1000)
    first = span.contains(video.times_s).start
    return Stretch(start_ms, end_ms, first, crc_of(part_of(video.stamps, video.info, span)))


def _without_stretch(
    voice: Sequence[Interval], faces: SteadyFaces, duration_s: float, config: EtlConfig
) -> Rejection:
    """Return why a recording has no stretch."""
    spoken_s = sum(spoken.seconds for spoken in voice)
    looks = max(1, faces.seen.total())
    if faces.seen[NO_FACE] == faces.seen.total():
        return Rejection("no_face", f"no face in any of the {looks} frames that were looked at")
    if faces.seen[SEVERAL] and not faces.periods:
        return Rejection(
            "several_faces",
            f"more than {config.quality.max_faces} face in {faces.seen[SEVERAL]} of the {looks} "
            "frames that were looked at, and no period with one",
        )
    shortest_s, longest_s = config.stretch_seconds
    longest_face_s = max((period.seconds for period in faces.periods), default=0.0)
    return Rejection(
        "no_stretch",
        f"none of {shortest_s:g} to {longest_s:g} s in {duration_s:.0f} s: somebody speaks for "
        f"{spoken_s:.0f} s, the longest of {len(faces.periods)} periods of one shot with one "
        f"steady face lasts {longest_face_s:.1f} s",
    )
