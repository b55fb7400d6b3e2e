"""Run trainings that take seconds: small networks, short windows, a made-up shard set."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from tests.helpers.run_to_end import LONGEST_S, run_to_end
from tests.helpers.shard_set import made_clips, write_shard_set

ROOT = Path(__file__).parents[2]
ALL_TERMS = {
    "mouth_region": 100,
    "l1": 1,
    "frame": 0.01,
    "emotion": 0.01,
    "pair": 0.01,
    "temporal": 0.01,
}
TINY: dict[str, Any] = {
    "seed": 3,
    "data": {"frames": 4, "batch_size": 4, "workers": 0, "speech_margin_frames": 2},
    "model": {"width": 0.02},
    "losses": {"perceptual": {"network": "none"}},
    "stages": [
        {
            "name": "emotion",
            "iterations": 1,
            "updates": [{"network": "discriminators", "lr": 1e-3, "losses": {"emotion_real": 1}}],
        },
        {
            "name": "gan",
            "iterations": 5,
            "updates": [
                {"network": "generator", "lr": 1e-3, "losses": ALL_TERMS},
                {
                    "network": "discriminators",
                    "lr": 1e-3,
                    "losses": {"frame": 1, "emotion": 1, "pair": 1, "temporal": 1},
                },
            ],
        },
    ],
    "runtime": {"threads": 1, "device": "cpu"},
    "validation": {"clips": 0},
    "checkpoint": {"every": 2},
    "tracking": {"log_every": 1, "flops": False, "mlflow": {"enabled": False}},
}

EVERY_TRANSFORM = [
    *(
        f"augment.video.{name}.p=1"
        for name in (
            "brightness", "contrast", "gamma", "hue", "saturation", "value", "clahe", "noise",
            "channel_shuffle", "rgb_shift",
        )
    ),
    "augment.speech.noise.p=1",
    "augment.speech.gain.p=1",
    "augment.speech.noise.kinds=[white, pink]",
]  # fmt: skip


def tiny_shards(folder: Path) -> Path:
    """Write a shard set of two training shards and one for validation."""
    clips = made_clips(12, frames=(12, 15, 13))
    rest = made_clips(4, frames=(12,), prefix="v")
    return write_shard_set(
        folder, [("train", clips[:7]), ("train", clips[7:]), ("val", rest), ("test", rest[:0])][:3]
    )


def tiny_yaml(folder: Path, shards: Path) -> Path:
    """Write the tiny configuration and return its path."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, "shards": str(shards)}), encoding="utf-8")
    return path


def tiny_config(folder: Path, *overrides: str) -> TrainConfig:
    """Return the tiny configuration; run folder `folder`/run."""
    path = tiny_yaml(folder, folder / "shards")
    return load_config(TrainConfig, path, [f"run_dir={folder / 'run'}", *overrides])


def train_command(
    config: Path, run_dir: Path, *overrides: str, processes: int = 1, device: str = "cpu"
) -> tuple[list[str], dict[str, str]]:
    """Return train.py's command as a user would give it: plainly, or under torchrun."""
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        launcher += ["--master-port", "0", "--rdzv-backend", "c10d"]
        launcher += ["--rdzv-endpoint", "localhost:0"]
    command = [*launcher, str(ROOT / "train.py"), str(config), f"run_dir={run_dir}"]
    command += [f"runtime.processes={processes}", f"runtime.device={device}", *overrides]
    on_cpu = {"ACCELERATE_USE_CPU": "true"} if device == "cpu" else {}
    return command, {**os.environ, "OMP_NUM_THREADS": "1", **on_cpu}


def train(
    config: Path,
    run_dir: Path,
    *overrides: str,
    processes: int = 1,
    device: str = "cpu",
    timeout_s: float = LONGEST_S,
) -> subprocess.CompletedProcess[str]:
    """Run train.py to its end."""
    command, environment = train_command(
        config, run_dir, *overrides, processes=processes, device=device
    )
    return run_to_end(command, environment, timeout_s=timeout_s)


def read_metrics(run_dir: Path) -> list[dict[str, float]]:
    """Return the log lines of a run without clock, speed and memory."""
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {
            name: value
            for name, value in json.loads(line).items()
            if name != "time" and not name.startswith(("speed/", "memory/"))
        }
        for line in lines
    ]
