"""The generator beside its plain form: frames a second and peak memory, on one core.

    python -m tests.benchmarks.bench_generator [--preset paper] [--seconds 4] [--repeats 5]

Both forms run in this process, one after the other in turn, on one thread, at full width in
float32, after a warm-up of each; times are CPU times of the process and the medians count. Peak
memory is that of a fresh process for each form, less what it held before the call.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from emotalk.models import AnyOutput, Generator
from tests.helpers.generators import ORIGINAL, whole_utterance
from tests.helpers.plain_generator import plain_generator

PRESETS: dict[str, dict[str, Any]] = {"paper": {}, "eskimez2021": ORIGINAL}
FORMS = ("plain", "fast")
TRAINING_CLIPS = 2
TRAINING_SECONDS = 1
MIB = 2**20


def main() -> None:
    """Measure and print one table; with `--memory-of` one number, for the parent process."""
    options = _options()
    torch.set_num_threads(1)
    if options.memory_of:
        form, work = options.memory_of.split("-")
        sys.stdout.write(f"{_peak_bytes(options, form, work)}\n")
        return
    rows = [_forward_row(options), _training_row(options)]
    rows += [_memory_row(options, work) for work in ("forward", "training")]
    sys.stdout.write(_table(rows, options))
    if options.json:
        sys.stdout.write(json.dumps({"rows": rows, "torch": torch.__version__}) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="eskimez2021")
    parser.add_argument("--seconds", type=int, default=4, help="of speech in the forward pass")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args()


def _forward_row(options: argparse.Namespace) -> dict[str, Any]:
    generator, inputs = _prepared(options.preset, clips=1, seconds=options.seconds)

    def forward(form: Callable[..., AnyOutput]) -> None:
        with torch.no_grad():
            form(*inputs)

    seconds = _medians(generator, forward, options.repeats)
    frames = 25 * options.seconds
    return _row(f"forward, {options.seconds} s of speech, frames/s", seconds, frames)


def _training_row(options: argparse.Namespace) -> dict[str, Any]:
    generator, inputs = _prepared(options.preset, clips=TRAINING_CLIPS, seconds=TRAINING_SECONDS)
    seconds = _medians(generator, lambda form: _train(generator, form, inputs), options.repeats)
    frames = 25 * TRAINING_CLIPS * TRAINING_SECONDS
    return _row("forward + backward, 2 clips of 1 s, frames/s", seconds, frames)


def _train(
    generator: Generator, form: Callable[..., AnyOutput], inputs: tuple[Tensor, ...]
) -> None:
    generator.zero_grad(set_to_none=True)
    torch.autograd.backward(form(*inputs).video_BTCHW.square().mean())


def _row(name: str, seconds: dict[str, float], frames: int) -> dict[str, Any]:
    rates = {form: frames / seconds[form] for form in FORMS}
    return {"what": name, **rates, "ratio": rates["fast"] / rates["plain"]}


def _memory_row(options: argparse.Namespace, work: str) -> dict[str, Any]:
    mib = {}
    for form in FORMS:
        command = [sys.executable, "-m", "tests.benchmarks.bench_generator"]
        command += ["--preset", options.preset, "--seconds", str(options.seconds)]
        command += ["--memory-of", f"{form}-{work}"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        mib[form] = int(answer.stdout) / MIB
    return {"what": f"peak memory, {work}, MiB", **mib, "ratio": mib["fast"] / mib["plain"]}


def _peak_bytes(options: argparse.Namespace, form: str, work: str) -> int:
    training = work == "training"
    clips, seconds = (TRAINING_CLIPS, TRAINING_SECONDS) if training else (1, options.seconds)
    generator, inputs = _prepared(options.preset, clips=clips, seconds=seconds)
    before = psutil.Process().memory_info().rss
    if training:
        _train(generator, _forms(generator)[form], inputs)
    else:
        with torch.no_grad():
            _forms(generator)[form](*inputs)
    return _highest_rss() - before


def _highest_rss() -> int:
    """Return the most bytes this process has held; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) * 1024


def _prepared(preset: str, *, clips: int, seconds: int) -> tuple[Generator, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    generator = Generator(**PRESETS[preset])
    samples = 8000 * seconds
    return generator, whole_utterance(generator, clips=clips, samples=samples)


def _forms(generator: Generator) -> dict[str, Callable[..., AnyOutput]]:
    return {"plain": lambda *x: plain_generator(generator, *x), "fast": generator}


def _medians(
    generator: Generator, work: Callable[[Callable[..., AnyOutput]], None], repeats: int
) -> dict[str, float]:
    """Return the median CPU seconds of each form, the forms taking turns."""
    forms = _forms(generator)
    times: dict[str, list[float]] = {form: [] for form in FORMS}
    for turn in range(repeats + 1):
        for name in FORMS:
            start = time.process_time()
            work(forms[name])
            if turn:  # the first turn warms up
                times[name].append(time.process_time() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _table(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    head = (
        f"generator, preset {options.preset}, full width, float32, 1 thread, batch as named, "
        f"median CPU time of {options.repeats} after 1 warm-up, forms in turn; "
        f"torch {torch.__version__}, {platform.machine()}\n"
    )
    lines = [f"{'':48}{'plain':>10}{'fast':>10}{'fast/plain':>12}"]
    lines += [
        f"{row['what']:48}{row['plain']:>10.1f}{row['fast']:>10.1f}{row['ratio']:>12.2f}"
        for row in rows
    ]
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
