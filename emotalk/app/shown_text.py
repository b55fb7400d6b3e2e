"""Write the page's changing pieces of HTML: progress, messages and the strip of a time line."""

import base64
from collections.abc import Sequence
from html import escape

from emotalk.app.face_choice import jpeg_bytes
from emotalk.app.order_queue import Job
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.inference.emotion_timeline import parse_timeline
from emotalk.printable import printable_lines
from emotalk.schema import Bytes

TAIL_S = 1.5  # how long the last emotion is drawn; the speech may go on


def message(text: str, *, bad: bool = False) -> str:
    """Return a message for the user as HTML."""
    kind = "bad" if bad else "good"
    return f'<p class="told say {kind}" role="status">{escape(printable_lines(text))}</p>'


def done(report: str) -> str:
    """Return the report of a finished video as HTML: its first line, then each note."""
    first, *notes = printable_lines(report).split("; note: ")
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<div class="told say good" role="status">{escape(first)}<ul>{lines}</ul></div>'


def progress(job: Job, place: int) -> str:
    """Return an order's place in the queue or its finished frames as HTML."""
    if place:
        before = "1 video comes" if place == 1 else f"{place} videos come"
        return _bar(None, f"Place {place} in the queue: {before} before yours")
    if not job.frames:
        return _bar(None, "Looking at the face and listening to the speech")
    return _bar(job.done / job.frames, f"{job.done} of {counted(job.frames, 'frame')}")


def crop(crop_HWC: Bytes, faces: int) -> str:
    """Return the aligned crop of the chosen face as HTML, and how to choose another one."""
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg_bytes(crop_HWC)).decode()
    words = "This face will talk."
    if faces > 1:
        words = f"{faces} faces found. This one will talk; click another face to choose it."
    return (
        f'<div class="told crop"><img src="{source}" width="96" height="96" alt="The chosen face">'
        f'<p role="status">{words}</p></div>'
    )


def timeline_strip(text: str, emotions: Sequence[str]) -> str:
    """Return a time line as coloured pieces in the order of time, or what is wrong with it."""
    try:
        timeline = parse_timeline(text, emotions)
    except WrongUse as error:
        return message(str(error), bad=True)
    entries = timeline.entries
    whole = entries[-1].start_s + TAIL_S
    ends = [*(entry.start_s for entry in entries[1:]), whole]
    pieces = []
    for entry, end_s in zip(entries, ends, strict=True):
        share = 100 * (end_s - entry.start_s) / whole
        strongest = max(entry.mix.parts, key=lambda part: part[1])[0]
        hue = 360 * emotions.index(strongest) / len(emotions)
        level = min(1.0, sum(weight for _, weight in entry.mix.parts))
        pieces.append(
            f'<span style="width:{share:.2f}%;--hue:{hue:.0f};--level:{level:g}">'
            f"<b>{escape(' + '.join(entry.mix.names))}</b><i>{entry.start_s:g} s</i></span>"
        )
    return f'<div class="strip" aria-label="Time line">{"".join(pieces)}</div>'


def _bar(share: float | None, text: str) -> str:
    value = "" if share is None else f' value="{share:.4f}"'
    return (
        f'<div class="told say working" role="status"><progress max="1"{value}></progress>'
        f"<span>{escape(text)}</span></div>"
    )
