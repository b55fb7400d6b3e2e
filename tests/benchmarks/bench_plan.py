"""The plan of the whole of CREMA-D: 7442 names listed, labelled, split and laid into shards.

    python -m tests.benchmarks.bench_plan [--repeats 5]

Empty files of CREMA-D's names, 7442 videos and as many sounds, with its tables where they are here.
Seconds by the clock, median of the repeats after one warm-up; one thread.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from emotalk.config.etl import EtlConfig
from etl.job.plan import make_plan
from tests.helpers.corpus_index import crema_d_keys
from tests.helpers.shared import shared_root


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    found, shards, seconds = measure(parser.parse_args().repeats)
    sys.stdout.write(f"clips found                          {found:>10}\n")
    sys.stdout.write(f"shards planned                       {shards:>10}\n")
    sys.stdout.write(f"plan, seconds (asked: under 2)       {seconds:>10.2f}\n")


def measure(repeats: int) -> tuple[int, int, float]:
    """Return how many clips were found and shards planned, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        source = write_names(Path(folder))
        config = EtlConfig(corpus="crema_d", source=str(source), output=Path(folder) / "shards")
        plan = make_plan(config)
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            plan = make_plan(config)
            times.append(time.perf_counter() - started)
    return plan.found, len(plan.shards), statistics.median(times)


def write_names(folder: Path) -> Path:
    """Write empty files of CREMA-D's names and copies of its tables; return the corpus."""
    keys, _ = crema_d_keys(shared_root())
    for part, suffix in (("VideoFlash", "flv"), ("AudioWAV", "wav")):
        (folder / part).mkdir()
        for key in keys:
            (folder / part / f"{key}.{suffix}").touch()
    for table in ("summaryTable.csv", "VideoDemographics.csv"):
        real = shared_root() / "data" / "crema_d" / table
        if real.is_file():
            (folder / table).write_bytes(real.read_bytes())
    return folder


if __name__ == "__main__":
    main()
