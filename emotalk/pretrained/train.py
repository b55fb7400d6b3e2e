"""Train the pretrained networks on drawn faces, and evaluate them on held-out actors.

    python -m emotalk.pretrained.train --seed 1000

This takes eight minutes on one core. The project's training corpora use seeds below 1000, so that
these networks never evaluate a face they were trained on.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.errors import WrongUse
from emotalk.models.modes import training_mode
from emotalk.pretrained.distort import distort
from emotalk.pretrained.emotion_net import EmotionNet
from emotalk.pretrained.held_out import emotion_figures, landmark_figures
from emotalk.pretrained.landmark_net import LandmarkNet
from emotalk.pretrained.load import EMOTION_FILE, LANDMARK_FILE, network_input, save_network
from emotalk.pretrained.portraits import Portraits, draw_portraits
from emotalk.schema import EMOTIONS, LANDMARKS, MOUTH
from emotalk.seeding import draw_seed, numpy_generator

LOG = logging.getLogger(__name__)

FIRST_FREE_SEED = 1000
BATCH = 32
MOUTH_WEIGHT = 2.0
Batches = Iterator[tuple[Tensor, Tensor, Tensor]]


def train_networks(
    seed: int, *, actors: int, held_out: int, landmark_steps: int, emotion_steps: int, output: Path
) -> dict[str, dict[str, Any]]:
    """Write both networks to `output` and return their figures on the held-out actors.

    The networks are trained on `actors` people and evaluated on `held_out` further ones. A step is
    a batch of 32 crops.

    Raises:
        WrongUse: the seed is one that training corpora may use.
    """
    if seed < FIRST_FREE_SEED:
        raise WrongUse(
            f"seed {seed}: these networks are trained on corpora of seed {FIRST_FREE_SEED} and "
            "above, so that they evaluate faces they have not seen"
        )
    with Progress() as bar:
        drawing = bar.add_task("drawing", total=actors + held_out)
        known = draw_portraits(seed, range(actors), frames=4, progress=lambda: bar.advance(drawing))
        others = draw_portraits(
            seed,
            range(actors, actors + held_out),
            frames=8,
            progress=lambda: bar.advance(drawing),
        )
        made = {"seed": seed, "actors": actors, "held_out_actors": held_out}
        torch.manual_seed(draw_seed(seed, "landmark net"))
        landmark_net = LandmarkNet()
        fit(landmark_net, known, landmark_loss, landmark_steps, seed, bar)
        torch.manual_seed(draw_seed(seed, "emotion net"))
        emotion_net = EmotionNet()
        fit(emotion_net, known, emotion_loss, emotion_steps, seed + 1, bar)
    figures = {
        LANDMARK_FILE: {**made, **landmark_figures(landmark_net, others, seed)},
        EMOTION_FILE: {**made, **emotion_figures(emotion_net, others, seed)},
    }
    figures[EMOTION_FILE]["emotions"] = list(EMOTIONS)
    output.mkdir(parents=True, exist_ok=True)
    save_network(landmark_net, figures[LANDMARK_FILE], output / LANDMARK_FILE)
    save_network(emotion_net, figures[EMOTION_FILE], output / EMOTION_FILE)
    return figures


def fit(
    net: nn.Module,
    portraits: Portraits,
    loss: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor],
    steps: int,
    seed: int,
    bar: Progress,
) -> None:
    """Train `net` in place on distorted crops, with AdamW and a one-cycle learning rate."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    task = bar.add_task(type(net).__name__, total=steps)
    with training_mode(net):
        for images, landmarks, emotion in _batches(portraits, steps, seed):
            value = loss(net, images, landmarks, emotion)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            bar.update(task, advance=1, description=f"{type(net).__name__} {value.item():.3f}")


def landmark_loss(
    net: nn.Module, images_NCHW: Tensor, landmarks_NLP: Tensor, emotion_N: Tensor
) -> Tensor:
    """Return the mean distance in pixels, with twice the weight for the mouth's points."""
    weight_L = torch.ones(LANDMARKS)
    weight_L[MOUTH] = MOUTH_WEIGHT
    distance_NL = torch.linalg.vector_norm(net(images_NCHW) - landmarks_NLP, dim=-1)
    mean: Tensor = (distance_NL * weight_L).mean() / weight_L.mean()
    return mean


def emotion_loss(
    net: nn.Module, images_NCHW: Tensor, landmarks_NLP: Tensor, emotion_N: Tensor
) -> Tensor:
    """Return the cross-entropy with a label smoothing of 0.05."""
    return F.cross_entropy(net(images_NCHW), emotion_N, label_smoothing=0.05)


def _batches(portraits: Portraits, steps: int, seed: int) -> Batches:
    generator = numpy_generator(seed, "batches")
    order: NDArray[np.int64] = np.empty(0, np.int64)
    for _ in range(steps):
        if len(order) < BATCH:
            order = generator.permutation(len(portraits.frames_NHWC))
        chosen, order = order[:BATCH], order[BATCH:]
        pairs = [
            distort(portraits.frames_NHWC[i], portraits.landmarks_NLP[i], generator) for i in chosen
        ]
        yield (
            network_input(np.stack([crop for crop, _ in pairs])),
            torch.from_numpy(np.stack([landmarks for _, landmarks in pairs])),
            torch.from_numpy(portraits.emotion_N[chosen]),
        )


def command(
    seed: Annotated[int, typer.Option(help="1000 or more.")] = 1000,
    actors: Annotated[int, typer.Option(min=1)] = 80,
    held_out: Annotated[int, typer.Option(min=1)] = 16,
    landmark_steps: Annotated[int, typer.Option(min=2)] = 3000,
    emotion_steps: Annotated[int, typer.Option(min=2)] = 2500,
    output: Annotated[Path, typer.Option(help="Folder of the files.")] = Path(__file__).parent,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Train the landmark net and the emotion net on drawn faces."""
    torch.set_num_threads(threads)
    figures = train_networks(
        seed,
        actors=actors,
        held_out=held_out,
        landmark_steps=landmark_steps,
        emotion_steps=emotion_steps,
        output=output,
    )
    for name, values in figures.items():
        typer.echo(f"{output / name}: {values}")


if __name__ == "__main__":
    typer.run(command)
