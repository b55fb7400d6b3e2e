"""Train the lip-sync network on the shard sets of talking people, and write it with its figures.

    python -m emotalk.lip_sync.train SHARDS --unseen PERSON --output FOLDER --corpus TEXT ...

The splits `train` and `val` are trained on. Evaluated are the split `test` (clips that it has not
seen, of people that it has) and every clip of the people named by `--unseen`.
"""

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.errors import EXIT_WRONG_USE, WrongUse
from emotalk.lip_sync.augment import vary_lips, vary_speech
from emotalk.lip_sync.corpus import Crops, TalkingClip, batches, read_talking_clips
from emotalk.lip_sync.estimate import OVERLAP
from emotalk.lip_sync.features import lip_features, log_mel
from emotalk.lip_sync.held_out import measure
from emotalk.lip_sync.load import WEIGHTS_FILE, LipSyncModel, save_model
from emotalk.lip_sync.network import LipSyncNet, lag_similarity, speech_length
from emotalk.lip_sync.one_thread import one_thread
from emotalk.logging_setup import set_up_logging
from emotalk.models.modes import training_mode
from emotalk.printable import printable, quoted
from emotalk.seeding import draw_seed
from emotalk.shards.shard_set import ShardSet

HELD_OUT_SPLIT = "test"
STEPS = 1500
BATCH = 32
OTHERS = 3  # clips whose speech each clip's lips are compared with
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
    with one_thread(), training_mode(net):
        for _ in track(range(steps), "training", console=Console(stderr=True)):
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


def split_clips(
    shards: Sequence[str], unseen: Sequence[str]
) -> tuple[list[TalkingClip], list[TalkingClip], list[TalkingClip]]:
    """Return the clips to train on, the held-out clips of the same people, and the unseen people's.

    Of one person's same sentence in several sets only the first is taken.

    Raises:
        WrongUse: no shard set there, no clip to train on, or a name in `unseen` that is nobody's.
    """
    clips: dict[tuple[str, str], tuple[TalkingClip, str]] = {}
    for shard_set in map(ShardSet.open, shards):
        for split in shard_set.manifest.split_names:
            for clip in read_talking_clips(shard_set, split):
                clips.setdefault((clip.person, clip.sentence), (clip, split))
    people = {clip.person for clip, _ in clips.values()}
    if unknown := [name for name in unseen if name not in people]:
        raise WrongUse(
            f"--unseen {quoted(unknown[0])}: nobody in these sets; they show "
            f"{printable(', '.join(sorted(people)))}"
        )
    known = [(clip, split) for clip, split in clips.values() if clip.person not in unseen]
    return (
        [clip for clip, split in known if split != HELD_OUT_SPLIT],
        [clip for clip, split in known if split == HELD_OUT_SPLIT],
        [clip for clip, _ in clips.values() if clip.person in unseen],
    )


def usual_speech_length(net: LipSyncNet, clips: Sequence[TalkingClip]) -> float:
    """Return the median over clips of the length of their speech embeddings, four digits."""
    with torch.inference_mode(), one_thread():
        lengths = [speech_length(net.embed_speech(log_mel(clip.power_JF[None]))) for clip in clips]
    return round(median(lengths), 4)


def describe(
    model: LipSyncModel,
    trained_on: Sequence[TalkingClip],
    held_out: Sequence[TalkingClip],
    unseen: Sequence[TalkingClip],
    *,
    seed: int,
) -> dict[str, Any]:
    """Return who and what the network was trained on, and its figures on everything else."""
    donors = [*held_out, *unseen]
    return {
        "seed": seed,
        "trained_on": dict(Counter(clip.person for clip in trained_on)),
        "held_out_clips": sorted(f"{clip.person}/{clip.sentence}" for clip in held_out),
        "unseen_people": sorted({clip.person for clip in unseen}),
        "figures": {
            name: measure(model, clips, donors, seed=seed)
            for name, clips in (("held_out_clips", held_out), ("unseen_people", unseen))
            if clips
        },
    }


def command(
    shards: Annotated[list[str], typer.Argument(help="Shard sets of talking people.")],
    output: Annotated[Path, typer.Option(help="Folder of the files.")],
    corpus: Annotated[str, typer.Option(help="What the clips are, and who made them.")],
    licence: Annotated[str, typer.Option(help="Their licence.")],
    unseen: Annotated[list[str] | None, typer.Option(help="A person to leave out.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    steps: Annotated[int, typer.Option(min=2, help="Batches of 32 crops.")] = STEPS,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a network there.")] = False,
) -> None:
    """Train the lip-sync network, and evaluate it on clips that it has not seen."""
    if (output / WEIGHTS_FILE).exists() and not replace:
        raise WrongUse(f"{output} holds a network; give another --output, or add --replace")
    trained_on, held_out, others = split_clips(shards, unseen or ())
    net = fit(trained_on, steps=steps, seed=seed)
    model = LipSyncModel(net, usual_speech_length(net, trained_on), {})
    facts = describe(model, trained_on, held_out, others, seed=seed)
    facts |= {"corpus": corpus, "licence": licence, "steps": steps}
    save_model(dataclasses.replace(model, facts=facts), output)
    typer.echo(json.dumps(facts["figures"], indent=2))


def main() -> None:
    """Run the command; wrong use is one message and exit 2."""
    set_up_logging()
    try:
        typer.run(command)
    except WrongUse as error:
        typer.echo(f"emotalk.lip_sync.train: {error}", err=True)
        sys.exit(EXIT_WRONG_USE)


if __name__ == "__main__":
    main()
