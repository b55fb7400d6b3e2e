"""Keep the stretches of recordings in the manifest of a set, and read them from it."""

from emotalk.config.etl import EtlConfig
from emotalk.shards.manifest import Manifest, RecordingEntry
from emotalk.shards.rejected import read_rejected
from etl.clip.files import is_replaced
from etl.corpora.listing import Stretch
from etl.job.output import finished_ns
from etl.job.plan import Plan, with_stretches
from etl.recording.recording import Recording, clips_of


def recording_entry(recording: Recording) -> RecordingEntry:
    """Return a recording as the manifest lists it."""
    return RecordingEntry(
        clip=recording.clip,
        sha256=recording.sha256,
        seconds=recording.seconds,
        stretches=tuple(
            (s.start_ms, s.end_ms, s.first_frame, s.stamps_crc) for s in recording.stretches
        ),
        left_out_s=dict(sorted(recording.left_out_s.items())),
    )


def plan_of_set(config: EtlConfig, plan: Plan, manifest: Manifest) -> Plan:
    """Return the plan of a finished set: with the stretches that its manifest lists.

    A recording whose file is another one now, and none of whose stretches was accepted, is a file
    again: it will be looked at anew.
    """
    rejected = read_rejected(config.output)
    known = {
        key: recording
        for key, recording in _recordings(plan, manifest).items()
        if not (
            all(part.label.clip in rejected for part in clips_of(plan.clips[key], recording))
            and is_replaced(plan.clips[key].video, recording.sha256, finished_ns(config.output))
        )
    }
    return with_stretches(config, plan, known)


def _recordings(plan: Plan, manifest: Manifest) -> dict[str, Recording]:
    """Return the recordings that a manifest lists, by the keys of their files."""
    key_of = {clip.label.clip: key for key, clip in plan.clips.items()}
    return {
        key_of[entry.clip]: Recording(
            key=key_of[entry.clip],
            clip=entry.clip,
            source=None,
            sha256=entry.sha256,
            seconds=entry.seconds,
            stretches=tuple(Stretch(*stretch) for stretch in entry.stretches),
            left_out_s=entry.left_out_s,
        )
        for entry in manifest.recordings
        if entry.clip in key_of
    }
