"""A shard set from somebody else of which a report is made: any of the files that it reads."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Random, change_json
from tests.fuzz.surface import Case, Door, Surface
from tests.fuzz.surfaces.shard_files import _open_set

MARK = "<script>alert(1)</script>"


def _report(folder: Path) -> Door:
    from emotalk.errors import WrongUse
    from emotalk.quality_report.page import write_report
    from emotalk.shards.manifest import Manifest
    from emotalk.shards.record import parse

    shards = _open_set(folder)
    manifest = json.loads((shards / "manifest.json").read_text())
    manifest["config"]["quality"] = {"min_sharpness": 0.004, "max_seconds": 60, "sync": "report"}
    manifest["rejected_by_reason"] = {"no_face": 1}
    measures = {"clip": MARK, "key": "clip0000", "seconds": 2.4, "sharpness": 0.1}
    sync = {"sync_offset": 3.0, "sync_confidence": 0.9, "face_pixels": 140.0}
    jpeg = base64.b64encode(b"\xff\xd8\xff" + bytes(60)).decode()
    trees: dict[str, Any] = {
        "manifest.json": manifest,
        "measures.jsonl": measures | sync,
        "rejected.jsonl": {"clip": MARK, "reason": "no_face", "detail": MARK},
        "rejected_pictures.jsonl": {"clip": MARK, "jpeg": jpeg},
    }

    def make(rng: Random) -> Case:
        name = rng.choice(sorted(trees))
        return name, change_json(trees[name], rng)

    def enter(case: Case) -> None:
        for name, tree in trees.items():
            (shards / name).write_text(json.dumps(tree))
        (shards / case[0]).write_bytes(case[1])
        found = parse(Manifest, (shards / "manifest.json").read_bytes(), "manifest.json")
        write_report(folder / "report.html", shards, found)
        page = (folder / "report.html").read_bytes()
        assert MARK.encode() not in page
        assert b"\x1b" not in page
        assert len(page) < 2_000_000

    return Door(make, enter, (WrongUse,))


SURFACES = (Surface("report", 1000, _report, media=True),)
"""Few cases: each one decodes crops and writes a page."""
