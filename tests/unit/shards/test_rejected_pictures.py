"""Pictures of rejected clips: the first of each reason, and nothing that is no small JPEG."""

import base64
import json
from pathlib import Path

import numpy as np

from emotalk.media.thumbnail import thumbnail_jpeg
from emotalk.shards.rejected import RejectedClip
from emotalk.shards.rejected_pictures import (
    PICTURES_A_REASON,
    first_rejected,
    pictures_json,
    read_pictures,
    rejected_picture,
)

JPEG = thumbnail_jpeg(np.full((40, 30, 3), 90, np.uint8))


def test_each_reason_keeps_its_first_clips_by_name() -> None:
    blurred = [RejectedClip(clip=f"{number:03d}.mp4", reason="blurred") for number in range(50)]
    silent = [RejectedClip(clip="zz.mp4", reason="silent")]
    first = first_rejected([*reversed(blurred), *silent])
    assert first == [*blurred[:PICTURES_A_REASON], *silent]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    pictures = [rejected_picture(clip, JPEG) for clip in ("b <i>.mp4", "a.mp4")]
    (tmp_path / "rejected_pictures.jsonl").write_bytes(pictures_json(pictures))
    assert read_pictures(tmp_path) == {"a.mp4": JPEG, "b <i>.mp4": JPEG}
    assert pictures_json(reversed(pictures)) == pictures_json(pictures)


def test_what_is_no_small_jpeg_is_left_out(tmp_path: Path) -> None:
    assert read_pictures(tmp_path) == {}
    encoded = base64.b64encode(JPEG).decode()
    unfit = {
        "svg": base64.b64encode(b"<svg onload='alert(1)'/>").decode(),
        "not base64": f'{encoded}"><script>',
        "large": base64.b64encode(JPEG + bytes(10_000)).decode(),
        "number": 7,
    }
    lines = [{"clip": name, "jpeg": jpeg} for name, jpeg in (*unfit.items(), ("good", encoded))]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "rejected_pictures.jsonl").write_text(text)
    assert read_pictures(tmp_path) == {"good": JPEG}
