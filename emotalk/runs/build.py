"""Build the trainer of a run from its configuration."""

import logging
from collections.abc import Callable

from emotalk.augment.batch import BatchAugment
from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.resume import load_newest
from emotalk.checkpoints.train_state import TrainState
from emotalk.checkpoints.warm_start import start_from
from emotalk.config.run import TrainConfig
from emotalk.data.loader import ClipLoader
from emotalk.distributed import Runtime
from emotalk.models import Generator
from emotalk.models.ema import Ema
from emotalk.runs.background_flops import BackgroundFlops
from emotalk.runs.facts import data_facts, model_facts
from emotalk.runs.leakage import leakage_lines
from emotalk.runs.loader import build_train_loader, unknown_emotions, unknown_intensities
from emotalk.runs.mirror import restore_from_mirror
from emotalk.runs.networks import build_networks, refuse_sharded_generator
from emotalk.runs.same_run import continued_shards
from emotalk.runs.status import CONFIG
from emotalk.runs.trackers import build_trackers
from emotalk.runs.validation import build_validation
from emotalk.shards.joined_set import AnyShardSet
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import cut_back
from emotalk.training.input_preparation import InputPreparation
from emotalk.training.networks import Networks
from emotalk.training.trainer import Components, Trainer
from emotalk.training.watchdog import Watchdog

LOG = logging.getLogger("emotalk.train")


def build(
    config: TrainConfig,
    shard_set: AnyShardSet,
    runtime: Runtime,
    stop_requested: Callable[[], bool],
    watchdog: Watchdog,
) -> Trainer:
    """Return a trainer that continues from the run folder's newest checkpoint, if there is one.

    `stop_requested` returns whether a signal has asked the run to save and exit. `watchdog` hears
    of every step.
    """
    # The loader comes first, so that faults of the shards show at once.
    loader = build_train_loader(config, shard_set, runtime.rank, runtime.world_size)
    networks = build_networks(config, runtime)
    refuse_sharded_generator(config, {networks.generator.name: networks.generator.zero_stage})
    folder = config.run_dir / CHECKPOINTS
    if runtime.is_main:
        restore_from_mirror(config)
    runtime.barrier()
    # The main process decides for all: a network file system may list a folder late on a node.
    if config.start_from is not None and runtime.gather([latest_checkpoint(folder) is None])[0]:
        start_from(config.start_from, networks.engines, runtime)
    ema = _build_ema(config, networks)
    state = load_newest(folder, networks.engines, ema, runtime) or TrainState()
    if runtime.is_main:
        for line in leakage_lines(shard_set):
            LOG.warning("%s", line)
        _log_start(config, runtime, loader, networks, state)
    state.shards = continued_shards(config, state, shard_set)
    loader.start_step = state.step
    loader.stop_requested = stop_requested
    facts = model_facts(config).model_copy(update={"data": data_facts(shard_set)})
    components = Components(
        config=config,
        runtime=runtime,
        networks=networks,
        ema=ema,
        inputs=_build_inputs(config, runtime, networks),
        loader=loader,
        validation=build_validation(config, runtime, shard_set, facts),
        tracker=build_trackers(config, runtime, state, facts, loader.clips_per_epoch),
        facts=facts,
        stop_requested=stop_requested,
        watchdog=watchdog,
        flops_of_clip=_flops(config, runtime),
    )
    return Trainer(components, state)


def _log_start(
    config: TrainConfig,
    runtime: Runtime,
    loader: ClipLoader,
    networks: Networks,
    state: TrainState,
) -> None:
    """Cut the log lines after the state's step and log the start of the run."""
    unknown = (*unknown_emotions(loader), *unknown_intensities(config, loader))
    for line in (*loader.describe(), *unknown):
        LOG.info("%s", line)
    for name, engine in networks.engines.items():
        LOG.info("%s: %s x %d", name, engine.kind, runtime.world_size)
    cut = cut_back(config.run_dir / METRICS, state.step)
    LOG.info(
        "%s at step %d%s",
        "continuing" if state.step else "starting",
        state.step,
        f"; {cut} log lines after it are written again" if cut else "",
    )


def _build_inputs(config: TrainConfig, runtime: Runtime, networks: Networks) -> InputPreparation:
    generator = networks.generator.module
    assert isinstance(generator, Generator)
    return InputPreparation(
        config,
        emotions=len(model_facts(config).emotions),
        noise_features=generator.noise_features,
        augment=BatchAugment(config.augment, config.seed),
        device=runtime.device,
    )


def _flops(config: TrainConfig, runtime: Runtime) -> Callable[[], dict[str, float]]:
    """Return what counts the operations of the steps, in the main process, or counts none."""
    if runtime.is_main and config.tracking.flops:
        return BackgroundFlops(config.run_dir / CONFIG)
    return dict


def _build_ema(config: TrainConfig, networks: Networks) -> Ema | None:
    if config.optim.ema == 0:
        return None
    module = networks.generator.module
    return Ema(module, decay=config.optim.ema, warmup=config.optim.ema_warmup)
