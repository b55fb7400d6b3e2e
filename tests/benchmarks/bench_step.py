"""A full training step beside a plain one: the generator's update and the discriminators'.

    python -m tests.benchmarks.bench_step [--threads 2] [--repeats 2] [--width 1]
    python -m tests.benchmarks.bench_step --device cuda --precision bf16 --channels-last --compile

The original's networks and objective (preset eskimez2021, an untrained VGG-19), 2 clips of 25
frames. Three forms, in turn, in this process: `plain` (tests/helpers/plain_step.py: the original's
step in float32, VGG-19 on all frames with its weights' gradients kept, skips copied for every
frame), `fast` (the project's, same losses) and `quarter` (the same with the perceptual loss on a
random quarter of the frames). Before the first update the losses of `plain` and `fast` are
compared. On CPU the CPU time of the process counts, on CUDA the clock, with the device waited for;
medians after one warm-up. On CUDA the plain form stays in float32, the other two run as asked;
`model FLOPs` are those of the fast form's matrix products and convolutions in one step.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.data.loader import build_loader
from emotalk.distributed import Runtime
from emotalk.losses.mouth_region import mouth_region_weights
from emotalk.losses.perceptual import draw_frames
from emotalk.runs.networks import build_modules, build_networks, engine_names
from emotalk.schema import EMOTIONS, LANDMARKS, SAMPLES_PER_FRAME, SIZE
from emotalk.shards.shard_set import ShardSet
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks, build_features
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from tests.helpers.plain_step import Losses, PlainStep
from tests.helpers.shard_set import made_clips, made_members, textured_video, write_shard_set
from tests.helpers.tiny_training import ROOT

CLIPS, FRAMES = 2, 25
RELATIVE, ABSOLUTE = 1e-4, 1e-5  # between the losses of plain and fast, in float32
RELATIVE_BF16 = 0.05
# Dense bf16 tensor-core peaks in TFLOP/s, of the makers' data sheets.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}
Work = Callable[[], object]


def main() -> None:
    """Measure and print."""
    options = _options()
    torch.set_num_threads(options.threads)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.stdout.write("no CUDA device here: nothing measured\n")
        return
    figures = measure(options)
    sys.stdout.write(_table(figures, options))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--width", type=float, default=1.0, help="of all networks but VGG-19")
    parser.add_argument("--vgg-width", type=float, default=1.0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--peak-tflops", type=float, help="of the device, if its name is unknown")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser


def _options() -> argparse.Namespace:
    return parser().parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds a step of each form, the worst difference of a loss, FLOPs and data wait."""
    config = config_of(options)
    runtime = Runtime.start(config.runtime, engine_names(config))
    networks = build_networks(config, runtime)
    plain = _plain(config, runtime)
    x = clips_of(runtime.device, plain.generator.noise_features)
    figures: dict[str, Any] = {
        "loss_difference": _difference(plain, networks, config, x, options.precision),
        "model_flops": _flops(networks, config, x),
    }
    forms: dict[str, Work] = {
        "plain": lambda: (plain.generator_step(x), plain.discriminator_step(x)),
        "fast": lambda: fast_step(networks, config, x),
        "quarter": lambda: fast_step(networks, config, _with_a_quarter(x)),
    }
    figures |= _medians(forms, options.repeats, cuda=options.device == "cuda")
    if options.device == "cuda":
        figures["data_wait_share"] = _data_wait(forms["fast"], figures["fast"])
    runtime.stop()
    return figures


def config_of(options: argparse.Namespace) -> TrainConfig:
    overrides = [
        "shards=x", "run_dir=x", "losses.perceptual.network=random",
        f"losses.perceptual.width={options.vgg_width}", f"model.width={options.width}",
        f"runtime.device={options.device}", f"runtime.threads={options.threads}",
        f"runtime.precision={options.precision}", f"runtime.compile={options.compile}",
        f"runtime.channels_last={options.channels_last}",
    ]  # fmt: skip
    return load_config(TrainConfig, ROOT / "configs/train/eskimez2021.yaml", overrides)


def _updates(config: TrainConfig) -> tuple[UpdateConfig, UpdateConfig]:
    """Return the generator's and the discriminators' update of the last stage."""
    generator, critics = config.stages[-1].updates
    return generator, critics


def _plain(config: TrainConfig, runtime: Runtime) -> PlainStep:
    generator, critics = build_modules(config)
    features = build_features(config)
    assert critics is not None
    assert features is not None
    learns, judges = _updates(config)
    device = runtime.device
    return PlainStep(
        generator.to(device), critics.to(device), features.to(device), learns.lr, judges.lr
    )


def clips_of(device: torch.device, noise_features: int) -> ClipInputs:
    """Return clips of drawn numbers, whose perceptual loss sees every frame."""
    source = torch.Generator().manual_seed(0)
    bare = mouth_region_weights(torch.rand(CLIPS, FRAMES, 2, generator=source) * 40 + 44)
    emotion = torch.arange(CLIPS) % len(EMOTIONS)
    video = torch.rand(CLIPS, FRAMES, 3, SIZE, SIZE, generator=source) * 2 - 1
    speech = torch.rand(CLIPS, FRAMES * SAMPLES_PER_FRAME, generator=source) * 2 - 1
    return ClipInputs(
        video_BTCHW=video.to(device),
        image_BCHW=video[:, 0].to(device),
        speech_BS=speech.to(device),
        other_speech_BS=None,
        emotion_B=emotion.to(device),
        emotion_BE=torch.eye(len(EMOTIONS))[emotion].to(device),
        noise_BTD=torch.randn(CLIPS, FRAMES, noise_features, generator=source).to(device),
        alpha_B=torch.rand(CLIPS, generator=source).to(device),
        frames_BK=None,
        weights_BTHW=bare.to(device),
        mouth_BTHW=(bare - 0.01).to(device),
        landmarks_BTLP=torch.zeros(CLIPS, FRAMES, LANDMARKS, 2, device=device),
        valid_B=torch.ones(CLIPS, device=device),
        margin_frames=0,
        keys=tuple(f"clip {number}" for number in range(CLIPS)),
    )


def _with_a_quarter(x: ClipInputs) -> ClipInputs:
    """Return the inputs with new frames for the perceptual loss, a quarter of them."""
    frames = draw_frames(torch.rand(CLIPS, FRAMES), round(FRAMES / 4)).to(x.video_BTCHW.device)
    return ClipInputs(**{**vars(x), "frames_BK": frames})


def fast_step(
    networks: Networks, config: TrainConfig, x: ClipInputs
) -> tuple[StepReport, StepReport]:
    """Make both updates as training makes them."""
    generator, critics = _updates(config)
    mean = GlobalMean(CLIPS, processes=1)
    first = generator_step([x], networks, generator, mean, generator.lr)
    second = discriminator_step([x], networks, critics, mean, critics.lr)
    return first, second


def _difference(
    plain: PlainStep, networks: Networks, config: TrainConfig, x: ClipInputs, precision: str
) -> float:
    """Return the worst difference of a loss as a share of what is allowed, from equal weights."""
    expected: list[Losses] = [plain.generator_step(x), plain.discriminator_step(x)]
    relative = RELATIVE if precision == "fp32" else RELATIVE_BF16
    worst = 0.0
    for report, terms in zip(fast_step(networks, config, x), expected, strict=True):
        for name, value in terms.items():
            ours = float(report.sums[name]) / CLIPS
            worst = max(worst, abs(ours - value) / (ABSOLUTE + relative * abs(value)))
    return worst


class FlopCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the floating-point operations of matrix products and convolutions; not of LSTMs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and count it."""
        del types
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def _flops(networks: Networks, config: TrainConfig, x: ClipInputs) -> float:
    """Return the floating-point operations of one fast step."""
    with torch.compiler.set_stance("force_eager"), FlopCount() as counter:
        fast_step(networks, config, x)
    return float(counter.total)


def _medians(forms: dict[str, Work], repeats: int, *, cuda: bool) -> dict[str, float]:
    """Return the median seconds of each form, the forms taking turns."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    clock = time.monotonic if cuda else time.process_time
    for turn in range(repeats + 1):
        for name, work in forms.items():
            start = clock()
            work()
            if cuda:
                torch.cuda.synchronize()
            if turn:  # the first turn warms up
                times[name].append(clock() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _data_wait(work: Work, seconds: float, steps: int = 20) -> float:
    """Return the share of time that steps of `seconds` would wait for a loader of four workers."""
    clips = made_clips(48, frames=(60, 75))
    with tempfile.TemporaryDirectory() as folder:
        shards = write_shard_set(
            Path(folder) / "set", [("train", clips)],
            members_of=lambda clip: made_members(clip, textured_video(clip)),
        )  # fmt: skip
        words = ["shards=x", "run_dir=x", "losses.perceptual.network=random"]
        words += [f"data.batch_size={CLIPS}", "data.workers=4"]
        data = load_config(TrainConfig, ROOT / "configs/train/eskimez2021.yaml", words).data
        batches = iter(build_loader(data, ShardSet.open(str(shards)), "train", 0, EMOTIONS))
        next(batches)
        waited = 0.0
        for _ in range(steps):
            start = time.monotonic()
            next(batches)
            waited += time.monotonic() - start
            work()
            torch.cuda.synchronize()
    return waited / (waited + steps * seconds)


def _table(figures: dict[str, Any], options: argparse.Namespace) -> str:
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    kind = "clock" if options.device == "cuda" else "CPU"
    plain = figures["plain"]
    lines = [
        f"generator + discriminators, eskimez2021, width {options.width:g}, {CLIPS} clips x "
        f"{FRAMES} frames, median {kind} time of {options.repeats} after 1 warm-up, forms in turn; "
        f"{options.threads} thread(s), {device}, torch {torch.__version__}",
        f"losses of plain and fast ({options.precision}): worst difference "
        f"{figures['loss_difference']:.3f} of what is allowed",
        f"{'':12}{'s a step':>10}{'plain / it':>12}",
        *(
            f"{name:12}{figures[name]:>10.2f}{plain / figures[name]:>12.2f}"
            for name in ("plain", "fast", "quarter")
        ),
        f"model FLOPs: {figures['model_flops'] / 1e12:.3f} TFLOP a step, "
        f"{figures['model_flops'] / figures['fast'] / 1e9:.1f} GFLOP/s",
    ]
    peak = options.peak_tflops or next((v for k, v in PEAKS.items() if k in device), None)
    if peak:
        share = figures["model_flops"] / figures["fast"] / (peak * 1e12)
        lines.append(f"model FLOP utilisation: {share:.1%} of {peak:g} TFLOP/s")
    if "data_wait_share" in figures:
        lines.append(f"data wait: {figures['data_wait_share']:.1%} of the time")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
