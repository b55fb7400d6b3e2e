"""What a configuration would do, said before anything is done."""

from torch import nn

from emotalk.config.run import TrainConfig
from emotalk.training.build import build_modules

ADAM_COPIES = 4  # weight, gradient, two moments; fp32


def describe(config: TrainConfig) -> str:
    """Return networks, parameter counts, memory of their state, stages and what is written."""
    generator, critics = build_modules(config)
    networks: dict[str, nn.Module] = {"generator": generator}
    if critics is not None:
        networks |= {f"{name} discriminator": module for name, module in critics.named_children()}
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()}
    lines = ["networks"]
    lines += [f"  {name:24} {count:>14,} parameters" for name, count in counts.items()]
    total = sum(counts.values())
    gib = total * 4 * ADAM_COPIES / 2**30
    lines.append(f"  {'together':24} {total:>14,} parameters, {gib:.2f} GiB of weights, gradients")
    lines[-1] += " and Adam's moments a process without ZeRO"
    lines += ["", f"steps: {_steps(config)}, {config.data.batch_size} clips each"]
    lines.append(
        f"  {config.runtime.processes} process(es) x {config.runtime.accumulate} micro-batch(es) x "
        f"{config.clips_a_micro_batch} clip(s) x {config.data.frames} frames"
    )
    for stage in config.stages:
        long = stage.iterations if stage.epochs is None else f"{stage.epochs:g} epochs"
        lines.append(f"  {stage.name}: {long}")
        for update in stage.updates:
            terms = ", ".join(f"{weight:g} {term}" for term, weight in update.losses.items())
            when = "every step" if update.every == 1 else f"step {update.offset} of {update.every}"
            lines.append(f"    {update.network}, {when}, lr {update.lr:g}: {terms}")
    lines += ["", f"shards: {config.shards}", f"would write: {config.run_dir}/config.yaml,"]
    lines.append("  status.json, metrics.jsonl, checkpoints/step-XXXXXX/, samples/step-XXXXXX/")
    return "\n".join(lines)


def _steps(config: TrainConfig) -> str:
    """Return the number of steps, which of stages in epochs only the shards could tell."""
    if any(stage.epochs is not None for stage in config.stages):
        return "as many as the epochs have"
    return str(config.total_steps(0))
