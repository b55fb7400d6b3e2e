"""Rendered frames of the synthetic corpus a second on one core.

Run it with `python -m tests.benchmarks.bench_synthetic`.

Nothing but rendering is timed, no voice, no encoding. Warm-up: a first clip draws an actor's still
layers; then three clips an actor, the median of their frames per CPU second.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time

import cv2

from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.clip import ClipPlan, plan_clip

CLIPS = (("IEO", "anger", "HI"), ("DFA", "happiness", "XX"), ("TSI", "fear", "XX"))
ACTORS = (1001, 1002, 1003)
GOAL = 40


def frames_per_second(plan: ClipPlan) -> float:
    """Return rendered frames per CPU second of one clip."""
    start = time.process_time()
    count = sum(1 for _ in plan.frames())
    return count / (time.process_time() - start)


def main() -> None:
    """Print the median and what it was measured on."""
    cv2.setNumThreads(1)
    speeds = []
    for number in ACTORS:
        actor = make_actor(0, number)
        frames_per_second(plan_clip(actor, "IEO", "neutral", "XX", 0))
        speeds += [frames_per_second(plan_clip(actor, *clip, 0)) for clip in CLIPS]
    sys.stdout.write(
        f"synthetic corpus, 480x360, one thread, CPU time, median of {len(speeds)} clips of "
        f"{len(ACTORS)} actors: {statistics.median(speeds):.0f} frames/s "
        f"(lowest {min(speeds):.0f}; floor {GOAL})\n"
    )


if __name__ == "__main__":
    main()
