"""Train the lip-sync network on the shard sets of talking people, and write it with its figures.

    python -m emotalk.lip_sync.train SHARDS [SHARDS ...] --unseen PERSON --unseen PERSON

The splits `train` and `val` are trained on. Evaluated are the split `test` (clips that it has not
seen, of people that it has) and every clip of the people named by `--unseen`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.lip_sync.augment import vary_lips, vary_speech
from emotalk.lip_sync.corpus import Crops, TalkingClip, batches, read_talking_clips
from emotalk.lip_sync.features import lip_features, log_mel
from emotalk.lip_sync.load import save_model
from emotalk.lip_sync.network import LipSyncNet, lag_similarity
from emotalk.models.modes import training_mode
from emotalk.seeding import draw_seed

BATCH = 32
OTHERS = 3  # clips whose speech each clip's lips are compared with
OVERLAP = 12  # embeddings that a lag needs
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
LAG_SPREAD = 0.6  # frames: how far beside the true lag the target reaches
VOICE_SPREAD = 0.12  # standard deviation of the logarithm of the factor on a voice's frequencies
VOICE_LIMITS = (0.7, 1.45)


def fit(clips: Sequence[TalkingClip], *, steps: int, seed: int) -> LipSyncNet:
    """Return a network trained on random crops, with AdamW and a one-cycle learning rate."""
    torch.manual_seed(draw_seed(seed, "lip sync net"))
    generator = torch.Generator().manual_seed(draw_seed(seed, "lip sync batches"))
    net = LipSyncNet()
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    drawn = batches(clips, size=min(BATCH, len(clips)), generator=generator)
    with training_mode(net):
        for _ in track(range(steps), "training"):
            loss = contrastive_loss(net, vary(next(drawn), generator), generator)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return net.eval().requires_grad_(False)


def vary(crops: Crops, generator: torch.Generator) -> Crops:
    """Return augmented crops."""
    lips_BTLP = vary_lips(crops.lips_BTLP, generator)
    power_BJF = vary_speech(crops.power_BJF, generator)
    return Crops(lips_BTLP, power_BJF, crops.lag_B, crops.clip_B)


def contrastive_loss(net: LipSyncNet, crops: Crops, generator: torch.Generator) -> Tensor:
    """Return the cross-entropy of the true lag among all lags, and all lags of other speech.

    Source: InfoNCE (van den Oord et al. 2018), with lags of the own clip as further negatives.
    """
    clips = len(crops.lips_BTLP)
    voice_B = torch.exp(VOICE_SPREAD * torch.randn(clips, generator=generator))
    lips_BTD = net.embed_lips(lip_features(crops.lips_BTLP))
    speech_BTD = net.embed_speech(log_mel(crops.power_BJF, voice_B.clamp(*VOICE_LIMITS)))
    own_BK, lag_K = lag_similarity(lips_BTD, speech_BTD, overlap=OVERLAP)
    logits = [own_BK]
    for shift in (torch.randperm(clips - 1, generator=generator)[:OTHERS] + 1).tolist():
        other_BK, _ = lag_similarity(lips_BTD, speech_BTD.roll(shift, 0), overlap=OVERLAP)
        same_B = crops.clip_B == crops.clip_B.roll(shift)
        logits.append(other_BK.masked_fill(same_B[:, None], -1.0))
    off_BK = (lag_K - crops.lag_B[:, None]) / LAG_SPREAD
    wanted_BK = torch.exp(-off_BK.square())
    wanted_BK = wanted_BK / wanted_BK.sum(1, keepdim=True)
    log_share = F.log_softmax(torch.cat(logits, 1) * net.log_sharpness.exp(), 1)
    return -(log_share[:, : len(lag_K)] * wanted_BK).sum(1).mean()


def command(
    shards: Annotated[list[str], typer.Argument(help="Shard sets of talking people.")],
    unseen: Annotated[list[str] | None, typer.Option(help="A person to leave out.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    steps: Annotated[int, typer.Option(min=2, help="Batches of 32 crops.")] = 1200,
    output: Annotated[Path, typer.Option(help="Folder of the files.")] = Path(__file__).parent,
) -> None:
    """Train the lip-sync network; it takes two minutes on one core."""
    torch.set_num_threads(1)
    left_out = set(unseen or ())
    clips = [
        clip
        for location in shards
        for split in ("train", "val")
        for clip in read_talking_clips(location, split)
        if clip.person not in left_out
    ]
    net = fit(clips, steps=steps, seed=seed)
    facts: dict[str, Any] = {
        "seed": seed,
        "steps": steps,
        "people": sorted({clip.person for clip in clips}),
        "clips": len(clips),
    }
    save_model(net, facts, output)
    typer.echo(json.dumps(facts))


if __name__ == "__main__":
    typer.run(command)
