"""Real recordings of real people, found by real models: every verdict as a person would give it."""

import csv
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.shards.inspect import inspect
from emotalk.shards.manifest import Manifest
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from tests.helpers.real_shards import InThisProcess, Quiet
from tests.helpers.shared import shared_data

# What is in these, by eye: hands before a mouth that says nothing, a face that gives way to a title
# screen, a title screen alone, a smile at -60.8 dB.
EDGE = {
    "edge/pexels_silent_2398.mp4": ("silent", "-inf dB of full scale, at least -60 dB"),
    # The face is seen for 2.4 s; the sound, and with it the clip's clock, begins at 2.43 s.
    "edge/pyfeat_face_noface_vfr.mov": ("no_face", "no face in 95 of 95 frames (first: 0"),
    "edge/pyfeat_no_face.mp4": ("no_face", "no face in 95 of 95 frames"),
    "edge/pyfeat_single_face_nearsilent.mp4": ("silent", "-60.8 dB of full scale"),
}


def run(output: Path, **more: object) -> tuple[Manifest, list[dict[str, str]]]:
    """Run the ETL in this process; return the manifest and the rejected clips."""
    pack = {"pack": "faces68", "root": str(shared_data("data", "insightface"))}
    tree = {"corpus": "folder", "landmarks": pack, "output": str(output),
            "split": {"shares": (1, 0, 0)}, **more}  # fmt: skip
    config = EtlConfig.model_validate(tree)
    with lock_output(config.output):
        manifest = run_job(config, make_plan(config), InThisProcess(), Quiet())
    assert inspect(output).ok
    lines = (output / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return manifest, [json.loads(line) for line in lines]


def write_table(path: Path, clips: list[str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "actor", "emotion"))
        writer.writerows((clip, Path(clip).stem, "neutral") for clip in clips)
    return path


@pytest.mark.slow
def test_every_single_face_with_speech_is_taken_and_nothing_else(tmp_path: Path) -> None:
    data = shared_data("data")
    found = sorted(p.relative_to(data).as_posix() for p in (data / "clips").rglob("*.mp*"))
    table = write_table(tmp_path / "clips.csv", [*found, *EDGE])
    manifest, rejected = run(tmp_path / "out", source=str(data), clips=str(table))
    assert {line["clip"] for line in rejected} == set(EDGE)
    for line in rejected:
        reason, words = EDGE[line["clip"]]
        assert line["reason"] == reason
        assert line["detail"].startswith(words)
        assert "; " in line["detail"]
    assert manifest.clips == {
        "found": len(found) + 4, "accepted": len(found), "rejected": 4, "left_out": 0,
    }  # fmt: skip
    # GRID's clips are 3 s; the wild ones 5.0 to 20 s at 25 and 30 fps.
    assert manifest.shards[0].frames == pytest.approx(20 * 75 + 1140, abs=40)


def test_crema_d_without_git_lfs_says_git_lfs_pull(tmp_path: Path) -> None:
    source = shared_data("data", "crema_d")
    manifest, rejected = run(tmp_path / "out", corpus="crema_d", source=str(source))
    assert manifest.rejected_by_reason == {"git_lfs_pointer": 2, "known_bad": 2}
    details = [line["detail"] for line in rejected if line["reason"] == "git_lfs_pointer"]
    assert all("run `git lfs pull` in the clone" in detail for detail in details)


class Quietly(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a server on this machine that serves the real clips."""
    handler = partial(Quietly, directory=str(shared_data("data", "clips")))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_source_on_a_web_server_gives_the_bytes_of_one_on_disk(tmp_path: Path, web: str) -> None:
    table = write_table(tmp_path / "clips.csv", ["grid/sbwe5n.mpg", "grid_s1/gone.mpg"])
    disk = str(shared_data("data", "clips"))
    for name, source in (("web", web), ("disk", disk)):
        _, rejected = run(tmp_path / name, source=source, clips=str(table))
        assert [(r["clip"], r["reason"]) for r in rejected] == [("grid_s1/gone.mpg", "missing")]
    for path in (tmp_path / "disk").glob("train*"):
        assert path.read_bytes() == (tmp_path / "web" / path.name).read_bytes()
