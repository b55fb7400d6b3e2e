"""Make a shard set of real faces in this process by the ETL's own functions."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from etl.job.verdict import Verdict

CLIPS = {  # three seconds of speech each; the emotions are labels for the tests, not seen in them
    "grid/sbwe5n.mpg": "neutral",
    "grid/lbax4n.mpg": "anger",
    "grid/lrwp9a.mpg": "sadness",
    "grid/brbk7n.mpg": "fear",
    "grid_s1/s1_pbwj5a.mpg": "neutral",
    "grid_s1/s1_bbal6n.mpg": "happiness",
    "grid_s1/s1_lgas2n.mpg": "disgust",
}


class InThisProcess:
    """Run the job's tasks one after the other, without Ray."""

    workers = 1

    def stream(
        self, function: Callable[..., Any], items: Iterable[Any], *shared: Any
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with its result."""
        for item in items:
            yield item, function(item, *shared)


class Quiet:
    """Take the verdict on each clip and show nothing."""

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Do nothing."""

    def recording_done(self, stretches: int) -> None:
        """Do nothing."""


def write_real_shards(
    folder: Path, shared: Path, shares: tuple[float, float, float] = (1, 0, 0)
) -> Path:
    """Make shards of seven clips, three a shard; return their folder.

    Args:
        folder: made if missing; also holds the table of clips.
        shared: the shared test material.
        shares: of the clips in train, val and test.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "clips.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "actor", "emotion", "level"))
        writer.writerows((clip, "one", emotion, "") for clip, emotion in CLIPS.items())
    config = EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(shared / "clips"),
            "clips": str(table),
            "output": str(folder / "shards"),
            "landmarks": {"pack": "faces68", "root": str(shared / "insightface")},
            "split": {"by": "clip", "shares": shares},
            "samples_per_shard": 3,
        }
    )
    with lock_output(config.output):
        manifest = run_job(config, make_plan(config), InThisProcess(), Quiet())
    accepted = manifest.clips["accepted"]
    assert accepted == len(CLIPS), (accepted, manifest.rejected_by_reason)
    return config.output
