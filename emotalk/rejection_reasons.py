"""List every reason for rejecting a clip, with its meaning and advice.

The names stand in `rejected.jsonl` and in the manifest's counts, so people and scripts rely on
them: one may be added, none renamed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Describe one reason."""

    meaning: str  # what is wrong with the clip, as a table's cell
    advice: str  # what the owner of the clip can do


REASONS: dict[str, Reason] = {
    # by name alone, before anything is opened
    "unknown_name": Reason(
        "its name is not of the corpus' grammar", "rename it, or take it out of the source"
    ),
    "known_bad": Reason(
        "one of the four that CREMA-D published with a fault", "none: it stays out"
    ),
    # the file
    "missing": Reason(
        "no such file, a dangling link, or no regular file",
        "copy it there; a link must name a file",
    ),
    "empty_file": Reason("0 bytes", "copy the file again"),
    "git_lfs_pointer": Reason(
        "a git-lfs pointer stands in place of the media", "run `git lfs pull` in the clone"
    ),
    "unreadable": Reason(
        "no media file, damaged, or not ours to read",
        "copy or convert the file again, and check that you may read it",
    ),
    "no_video": Reason("no video stream, or one without a frame", "give a file with a picture"),
    "no_audio": Reason(
        "no audio stream, or one without a sample",
        "give a file with sound (CREMA-D, MEAD: or its sound beside it)",
    ),
    # time
    "truncated_video": Reason(
        "picture and sound end before the header says", "copy the file again"
    ),
    "truncated_audio": Reason(
        "the sound ends before its header or the picture does",
        "copy the file again, or cut the picture to its sound",
    ),
    "audio_gaps": Reason(
        "its sound has more gaps than quality.max_gap_share",
        "record or copy it again, or raise quality.max_gap_share",
    ),
    "no_times": Reason(
        "its time stamps do not tell what happens when",
        "write it anew from its source, e.g. `ffmpeg -i IN -vf fps=25 OUT.mp4`, and look at it",
    ),
    "too_short": Reason("shorter than quality.min_seconds", "lower quality.min_seconds"),
    "too_long": Reason(
        "longer than quality.max_seconds",
        "cut it into utterances (the folder corpus does, with stretches.cut), or raise "
        "quality.max_seconds",
    ),
    "silent": Reason(
        "quieter than quality.min_loudness_db",
        "make the recording louder, or lower quality.min_loudness_db",
    ),
    # the face
    "no_face": Reason(
        "frames without a face (quality.min_face_share)",
        "cut the clip to where the face is seen, or lower quality.min_face_share",
    ),
    "several_faces": Reason(
        "more faces than quality.max_faces in many frames", "crop the clip to one person"
    ),
    "small_face": Reason(
        "its face is smaller than quality.min_face_pixels",
        "give a larger recording, or lower quality.min_face_pixels",
    ),
    "mouth_outside": Reason(
        "mouth outside the picture (quality.min_mouth_share)",
        "cut the clip to where the mouth is seen, or lower quality.min_mouth_share",
    ),
    "blurred": Reason(
        "less sharp than quality.min_sharpness",
        "give a recording in focus, or lower quality.min_sharpness",
    ),
    "no_landmarks": Reason(
        "its side-car file of landmarks is missing",
        "write it, or set landmarks.backend=insightface",
    ),
    "bad_landmarks": Reason(
        "landmarks not of a whole, upright, steady face",
        "turn the clip upright, or show the whole face; or write the side-car file anew; limits: "
        "quality.max_landmark_error, max_landmark_drift, max_bad_landmarks_share",
    ),
    "leaves_crop": Reason(
        "its face leaves the crop (quality.min_crop_share)",
        "set align=every_frame, cut the clip, or lower quality.min_crop_share",
    ),
    # what is said
    "bad_words": Reason(
        "its word times (`.words.csv`) cannot be used",
        "write the file anew (columns word, start, end; seconds, in order), or take it away",
    ),
    # a recording that is cut into stretches
    "no_voice": Reason("nobody speaks in the whole long recording", "give a recording with speech"),
    "no_stretch": Reason(
        "no part of the long recording can be cut out",
        "lower stretches.min_seconds or stretches.min_voice_share, or give a recording with "
        "longer shots of one person",
    ),
    "file_changed": Reason(
        "its file changed while it was read", "wait until it is written, then run again"
    ),
    # what the frames show together
    "shot_change": Reason(
        "a new shot begins within it",
        "cut the clip there, or raise quality.max_picture_change or quality.max_face_jump",
    ),
    "still_picture": Reason(
        "a still picture, maybe zoomed or panned",
        "give a recording of a talking person, or lower quality.min_face_motion",
    ),
    "out_of_sync": Reason(
        "lips and sound are not in step (quality.sync=reject)",
        "give the clip its own sound in step, or set quality.sync=report",
    ),
    # the program and the machine
    "crashed": Reason(
        "an unforeseen exception ended the work on it",
        "convert the file again, or report the traceback in the log; the next run tries it again",
    ),
    "worker_died": Reason(
        "every worker that tried the clip died",
        "look at memory and at the file, then run again",
    ),
}
