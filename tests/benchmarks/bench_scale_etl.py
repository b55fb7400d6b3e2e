"""The driver of a large ETL job: what going on after a stop costs, and its memory.

    python -m tests.benchmarks.bench_scale_etl [--finished 100000] [--clips 1000000]

First a store of finished clips is written, and a job that goes on reads it: the bytes that the
driver reads, its time, the CPU's and the clock's. Then a job of a million clips runs from its plan
to its manifest with workers that return made-up verdicts, so that only the driver works.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from emotalk.config.etl import EtlConfig
from emotalk.schema import EMOTIONS, SPLITS, ClipLabel
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.measures import MEASURES
from etl.clip.files import stamp_of
from etl.corpora.listing import SourceClip
from etl.job import run
from etl.job.plan import Plan, plan_shards, samples_per_shard
from etl.job.process import process_clips
from etl.job.store import save_clip
from etl.job.verdict import Verdict, pack_face
from etl.job.verdicts import Verdicts
from tests.benchmarks.bench_scale import in_new_process, peak_mib

MEMBERS = {"mp4": b"v" * 4000}
REJECTED_EVERY = 20
SECONDS = {"sample": 1.2345678901234, "encode": 0.98765432109876}


class Restart(NamedTuple):
    """What going on costs."""

    bytes_a_clip: float
    cpu_s: float
    seconds: float


class Pretended:
    """An executor whose workers answer at once."""

    workers = 1

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer

    def stream(
        self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with its made-up result."""
        del function, shared
        return ((item, self._answer(item)) for item in items)


class Silent:
    """Shows no progress."""

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Do nothing."""

    def recording_done(self, stretches: int) -> None:
        """Do nothing."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--clips", type=int, default=1_000_000)
    wanted = parser.parse_args()
    restart = in_new_process(restart_cost, wanted.finished)
    mib = in_new_process(driver_mib, wanted.clips)
    lines = (
        ("finished clips", f"{wanted.finished}"),
        ("bytes read a clip (asked: at most 1000)", f"{restart.bytes_a_clip:.0f}"),
        ("going on, seconds", f"{restart.seconds:.1f}"),
        ("going on, CPU s", f"{restart.cpu_s:.1f}"),
        ("clips of a job", f"{wanted.clips}"),
        ("its driver's memory, MiB (asked: under 2048)", f"{mib:.0f}"),
    )
    for name, value in lines:
        sys.stdout.write(f"{name:<48}{value:>10}\n")


def restart_cost(finished: int) -> Restart:
    """Return what reading the verdicts of finished clips costs a driver."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, plan = make_plan(folder, finished)
        store = folder / "store"
        store.mkdir()
        for clip in plan.clips.values():
            save_clip(store, verdict_on(clip, stamp_of(clip, config)), MEMBERS)
        bytes_read, began, cpu_s = _bytes_read(), time.monotonic(), time.process_time()
        with Verdicts(store) as verdicts:
            nobody = Pretended(lambda clip: 1 / 0)
            process_clips(config, plan, plan.clips, nobody, Silent(), store, verdicts)
        return Restart(
            (_bytes_read() - bytes_read) / finished,
            time.process_time() - cpu_s,
            time.monotonic() - began,
        )


def driver_mib(clips: int) -> float:
    """Return the most memory of a driver beyond its programs', from the plan to the manifest."""
    before = peak_mib()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        config, plan = make_plan(Path(name), clips)
        config.output.mkdir()
        for unneeded in ("model_places", "remove_other_shards"):
            stack.enter_context(mock.patch.object(run, unneeded, return_value={}))
        run.run_job(config, plan, Pretended(answer), Silent())
    return peak_mib() - before


def answer(item: Any) -> Any:
    """Return a clip's verdict, the digest of a rejected clip's files, or a shard's entry."""
    if isinstance(item, SourceClip):
        return verdict_on(item, (1, 1))
    shard, samples = item
    if isinstance(shard, SourceClip):
        return "0" * 64
    return ShardEntry(
        file=shard.file, split=shard.split, samples=len(samples), frames=70 * len(samples),
        bytes=10_240, sha256="0" * 64, index_sha256="0" * 64,
    )  # fmt: skip


def make_plan(folder: Path, clips: int) -> tuple[EtlConfig, Plan]:
    """Return a job of clips whose files are all one, and its plan."""
    file = folder / "clip.mp4"
    file.write_bytes(b"clip")
    config = EtlConfig(corpus="folder", source=str(folder), output=folder / "out")
    listed = {}
    for number in range(clips):
        label = ClipLabel(
            key=f"speaker{number // 200:05d}_clip{number:08d}",
            clip=f"speaker{number // 200:05d}/clip{number:08d}.mp4",
            actor=f"speaker{number // 200:05d}",
            emotion=EMOTIONS[number % len(EMOTIONS)],
            intensity=None,
        )
        listed[label.key] = SourceClip(label, folder / "clip.mp4")
    split_of = {key: SPLITS[0] if n % 10 else SPLITS[1] for n, key in enumerate(listed)}
    return config, Plan(
        clips=listed,
        rejected=(),
        left_out=0,
        split_of=split_of,
        shards=tuple(plan_shards(split_of, samples_per_shard(config, clips))),
        config={"corpus": "folder"},
    )


def verdict_on(clip: SourceClip, source: tuple[int, int]) -> Verdict:
    """Return a made-up verdict of the usual length."""
    key, number = clip.label.key, int(clip.label.key[-8:])
    measures = {name: (number % 997 + 1) / (3 + place) for place, name in enumerate(MEASURES)}
    facts: dict[str, Any] = {"measures": measures, "node": "node0017.cluster"}
    if number % REJECTED_EVERY == 0:
        facts |= {"reason": "no_face", "detail": "in 12 of 70 frames"}
    else:
        face = np.random.default_rng(number % 997).uniform(20, 110, (68, 2))
        facts |= {"face": pack_face(face), "sha256": f"{number:064x}", "frames": 70}
        facts |= {"seconds": SECONDS}
    return Verdict(key, clip.label.clip, source, **facts)


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


if __name__ == "__main__":
    main()
