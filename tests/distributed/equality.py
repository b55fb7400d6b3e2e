"""The same training in one process, in several, in micro-batches, under ZeRO: how equal are they?

    python -m tests.distributed.equality                 every set-up, as a table
    python -m tests.distributed.equality DDP ZeRO-2      these set-ups
    python -m tests.distributed.equality --record        write the losses on file anew

All discriminators, the gradient penalty and the perceptual loss of a drawn VGG-19, four clips a
step, the same data in the same order with the same draws; first three steps that train the emotion
discriminator alone, then twenty of everything.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.runs.networks import build_modules
from tests.helpers.tiny_training import ALL_TERMS, ROOT, TINY, read_metrics, tiny_shards, train

GOLDEN = ROOT / "tests" / "golden" / "full_objective.json"
FEW, STEPS = 3, 20
LOSS_ABSOLUTE, LOSS_RELATIVE = 1e-5, 1e-4
UPDATE_SHARE = 0.01  # of a tensor's total update, by norm
LR = 1e-4  # the report's; ten times more, and rounding grows tenfold every two steps
# A score's constant, whose exact gradient is zero, stays put (test_discriminators has the proof).
WITHOUT_GRADIENT = ("discriminators.frame.out.2.bias",)


@dataclass(frozen=True)
class SetUp:
    """One way to run the training.

    Attributes:
        zero: stages of the generator's and the discriminators' engines, or None for DDP.
    """

    processes: int
    accumulate: int = 1
    zero: tuple[int, int] | None = None

    @property
    def overrides(self) -> list[str]:
        """The command line's part of the configuration."""
        words = [f"runtime.accumulate={self.accumulate}"]
        if self.zero is not None:
            files = [f"launch/deepspeed/zero{stage}.json" for stage in self.zero]
            words += [
                "runtime.engine=deepspeed",
                f"runtime.deepspeed.generator={ROOT / files[0]}",
                f"runtime.deepspeed.discriminators={ROOT / files[1]}",
            ]
        return words

    @property
    def said(self) -> tuple[str, str]:
        """What the run must say of its two engines."""
        alone = "DDP" if self.processes > 1 else "one process"
        kinds = [alone] * 2 if self.zero is None else [f"DeepSpeed ZeRO-{s}" for s in self.zero]
        return (
            f"generator: {kinds[0]} x {self.processes}",
            f"discriminators: {kinds[1]} x {self.processes}",
        )


ALONE = SetUp(1)
SET_UPS = {
    "DDP": SetUp(2),
    "accumulation": SetUp(1, accumulate=2),
    "DDP, accumulation": SetUp(2, accumulate=2),
    "ZeRO-0": SetUp(2, zero=(0, 0)),
    "ZeRO-1": SetUp(2, zero=(1, 1)),
    "ZeRO-2": SetUp(2, zero=(2, 2)),
    "ZeRO-3+2": SetUp(2, zero=(3, 2)),
    "ZeRO-2, accumulation": SetUp(2, accumulate=2, zero=(2, 2)),
    "ZeRO-3+2, accumulation": SetUp(2, accumulate=2, zero=(3, 2)),
    "ZeRO-2, one process": SetUp(1, zero=(2, 2)),
}


@dataclass(frozen=True)
class Difference:
    """How far two runs are apart.

    Attributes:
        loss: largest |difference| of a logged loss as a share of what is allowed, 1 the limit.
        loss_name: the loss and its step.
        update: largest difference of a tensor as a share of its total update, by norm.
        update_name: the tensor.
        unmoved: whether the tensors without gradient are where they began.
    """

    loss: float
    loss_name: str
    update: float
    update_name: str
    unmoved: bool


def write_config(folder: Path) -> Path:
    """Write shards and the configuration that all set-ups share; return the latter's path."""
    generator = {"network": "generator", "lr": LR, "losses": {**ALL_TERMS, "perceptual": 1}}
    critics = {
        "network": "discriminators",
        "lr": LR,
        "losses": {"frame": 1, "emotion": 1, "pair": 1, "temporal": 1},
    }
    emotion = {"network": "discriminators", "lr": LR, "losses": {"emotion_real": 1}}
    config = {
        **TINY,
        "shards": str(tiny_shards(folder / "shards")),
        "data": {**TINY["data"], "frames": 5},  # 1/5 is rounded, 1/4 would not be
        "losses": {"perceptual": {"network": "random", "width": 0.125}},
        "optim": {"eps": 1e-6, "ema": 0},
        "stages": [
            {"name": "emotion", "iterations": FEW, "updates": [emotion]},
            {"name": "gan", "iterations": STEPS, "updates": [generator, critics]},
        ],
        "checkpoint": {"every": 0},
    }
    path = folder / "equality.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(config: Path, run_dir: Path, set_up: SetUp) -> None:
    """Train as `set_up` says, and make sure that it was so."""
    done = train(config, run_dir, *set_up.overrides, processes=set_up.processes)
    assert done.returncode == 0, done.stderr
    assert all(words in done.stderr for words in set_up.said), done.stderr


def losses(run_dir: Path) -> list[dict[str, float]]:
    """Return every logged loss of every step."""
    return [
        {name: value for name, value in line.items() if not name.endswith(("grad_norm", "/lr"))}
        for line in read_metrics(run_dir)
    ]


def worst_loss(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> tuple[float, str]:
    """Return the largest difference as a share of what is allowed, and where it is."""
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    return max(
        (abs(line[name] - value) / (LOSS_ABSOLUTE + LOSS_RELATIVE * abs(value)), f"{name} {step}")
        for step, (line, expected) in enumerate(zip(ours, theirs, strict=True), start=1)
        for name, value in expected.items()
    )


def first_weights(config: Path) -> dict[str, Tensor]:
    """Return every tensor before the first step."""
    generator, critics = build_modules(load_config(TrainConfig, config, ["run_dir=x"]))
    assert critics is not None
    return _named(generator.state_dict(), critics.state_dict())


def last_weights(run_dir: Path) -> dict[str, Tensor]:
    """Return every tensor after the last step."""
    folder = run_dir / "checkpoints" / f"step-{FEW + STEPS:06d}"
    return _named(
        load_file(folder / "generator.safetensors"),
        load_file(folder / "discriminators.safetensors"),
    )


def _named(generator: dict[str, Tensor], critics: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"generator.{name}": value for name, value in generator.items()} | {
        f"discriminators.{name}": value for name, value in critics.items()
    }


def compare(run_dir: Path, alone: Path, start: dict[str, Tensor]) -> Difference:
    """Return how far two runs from the same start are apart."""
    loss, loss_name = worst_loss(losses(run_dir), losses(alone))
    ours, theirs = last_weights(run_dir), last_weights(alone)
    update, update_name = max(
        (float((ours[name] - value).norm() / (value - start[name]).norm()), name)
        for name, value in theirs.items()
        if name not in WITHOUT_GRADIENT
    )
    unmoved = all(
        torch.equal(weights[name], start[name])
        for name in WITHOUT_GRADIENT
        for weights in (ours, theirs)
    )
    return Difference(loss, loss_name, update, update_name, unmoved)


def record(alone: Path) -> None:
    """Write the losses of a run in one process to the file that guards them."""
    GOLDEN.write_text(json.dumps(losses(alone), indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set_ups", nargs="*", metavar="SET-UP", help=", ".join(SET_UPS))
    parser.add_argument("--record", action="store_true", help=f"write {GOLDEN.name} and stop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder))
        alone = Path(folder) / "alone"
        run(config, alone, ALONE)
        if options.record:
            record(alone)
            return
        start = first_weights(config)
        sys.stdout.write(_head(start))
        for name in options.set_ups or SET_UPS:
            run(config, Path(folder) / name, SET_UPS[name])
            sys.stdout.write(_row(name, compare(Path(folder) / name, alone, start)))
            sys.stdout.flush()


def _head(start: dict[str, Tensor]) -> str:
    return (
        f"{FEW} + {STEPS} steps of 4 clips, Adam epsilon 1e-6, lr {LR:g}, {len(start)} tensors, "
        f"torch {torch.__version__}; beside one process\n"
        f"allowed: loss {LOSS_ABSOLUTE:g} + {LOSS_RELATIVE:g} |v|; {UPDATE_SHARE:.0%} of each "
        f"tensor's total update; none of {', '.join(WITHOUT_GRADIENT)}, whose gradient is zero\n"
        f"{'':24}{'loss, share of allowed':<48}{'update, worst tensor':<58}no gradient\n"
    )


def _row(name: str, apart: Difference) -> str:
    loss = f"{apart.loss:.4f} {apart.loss_name}"
    update = f"{apart.update:.4%} {apart.update_name}"
    return f"{name:24}{loss:<48}{update:<58}{'unmoved' if apart.unmoved else 'MOVED'}\n"


if __name__ == "__main__":
    main()
