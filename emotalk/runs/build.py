"""From a configuration to the parts of a run, from outside in."""

import logging
from collections.abc import Callable, Mapping

import torch
from torch import nn

from emotalk.augment.batch import BatchAugment
from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.resume import load_newest
from emotalk.checkpoints.train_state import TrainState
from emotalk.checkpoints.warm_start import start_from
from emotalk.config.data import DataConfig
from emotalk.config.run import TrainConfig
from emotalk.config.validation import ValidationConfig
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.distributed import AdamByParts, Engine, Runtime
from emotalk.errors import WrongUse, refused_name
from emotalk.evaluation.validation import (
    FindLandmarks,
    Validation,
    choose_clips,
    read_clips,
    read_other_speech,
    shown_keys,
)
from emotalk.masking import masked
from emotalk.models import Generator
from emotalk.models.ema import Ema
from emotalk.models.initialise import initialise
from emotalk.printable import printable
from emotalk.runs.data_facts import data_facts
from emotalk.runs.same_run import continued_shards
from emotalk.runs.tags import resume_tag, run_tags
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8
from emotalk.seeding import draw_seed
from emotalk.shards.remote_storage import folder_of
from emotalk.shards.shard_set import ShardSet
from emotalk.tracking.console import Console
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines, cut_back
from emotalk.tracking.mlflow import MlflowTracker, RunFacts, tracking_uri
from emotalk.tracking.params import as_params
from emotalk.tracking.tracker import Tracker, Trackers
from emotalk.training.input_preparation import InputPreparation
from emotalk.training.networks import (
    Discriminators,
    Networks,
    autocast_context,
    build_features,
    discriminator_names,
    learning_parts,
)
from emotalk.training.trainer import Parts, Trainer

LOG = logging.getLogger("emotalk.train")


def build(config: TrainConfig, runtime: Runtime, stop_asked: Callable[[], bool]) -> Trainer:
    """Return a trainer that stands where the run folder's newest checkpoint left off.

    Args:
        config: of the run.
        runtime: this process among its peers.
        stop_asked: tells whether a signal has asked the run to save and leave.
    """
    # First: what is wrong with shards shows at once.
    loader = build_train_loader(config, runtime.rank, runtime.world_size)
    networks = build_networks(config, runtime)
    refuse_beside_zero(config, {networks.generator.name: networks.generator.zero_stage})
    folder = config.run_dir / CHECKPOINTS
    if config.start_from is not None and latest_checkpoint(folder) is None:
        start_from(config.start_from, networks.engines)
    ema = _build_ema(config, networks)
    state = load_newest(folder, networks.engines, ema, runtime) or TrainState()
    if runtime.is_main:
        for line in (*loader.describe(), *unknown_intensities(config, loader)):
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
    shard_set = ShardSet.open(config.shards, config.data.remote)
    state.shards = continued_shards(config, state, shard_set)
    loader.start_step = state.step
    loader.asked_to_stop = stop_asked
    facts = model_facts(config).model_copy(update={"data": data_facts(shard_set)})
    generator = networks.generator.module
    assert isinstance(generator, Generator)
    inputs = InputPreparation(
        config,
        emotions=len(facts.emotions),
        noise_features=generator.noise_features,
        augment=BatchAugment(config.augment, config.seed),
        device=runtime.device,
    )
    parts = Parts(
        config=config,
        runtime=runtime,
        networks=networks,
        ema=ema,
        inputs=inputs,
        loader=loader,
        validation=_build_validation(config, runtime, shard_set, facts),
        tracker=_build_tracker(config, runtime, state, facts, loader.clips_per_epoch),
        facts=facts,
        stop_asked=stop_asked,
    )
    return Trainer(parts, state)


def model_facts(config: TrainConfig) -> ModelFacts:
    """Return what a checkpoint of this run tells inference."""
    return ModelFacts(
        emotions=EMOTIONS if config.emotion.set == "six" else EMOTIONS_MEAD8,
        speech_margin_frames=config.data.speech_margin_frames,
        speech_level=config.data.speech_level,
        condition=config.data.condition,
        use_intensity=config.emotion.use_intensity,
    )


def build_modules(config: TrainConfig) -> tuple[Generator, Discriminators | None]:
    """Return the bare networks with weights that depend on the seed alone."""
    emotions = len(model_facts(config).emotions)
    torch.manual_seed(draw_seed(config.seed, "weights", "generator") % 2**32)
    generator = Generator(**config.model.generator_arguments(emotions), check_values=False)
    initialise(generator, config.optim.init)
    names = discriminator_names(config)
    torch.manual_seed(draw_seed(config.seed, "weights", "discriminators") % 2**32)
    if not names:
        return generator, None
    critics = Discriminators(config.model, emotions=emotions, names=names)
    initialise(critics, config.optim.init)
    return generator, critics


def build_networks(config: TrainConfig, runtime: Runtime) -> Networks:
    """Return both engines on this process's device."""
    generator, critics = build_modules(config)
    features = build_features(config)
    return Networks(
        generator=_engine("generator", generator, config, runtime),
        discriminators=(
            None if critics is None else _engine("discriminators", critics, config, runtime)
        ),
        features=None if features is None else features.to(runtime.device),
        autocast=autocast_context(config, runtime.device),
    )


def engine_names(config: TrainConfig) -> list[str]:
    """Return the engines a run needs, the generator's first."""
    return ["generator", "discriminators"] if discriminator_names(config) else ["generator"]


def _engine(name: str, module: nn.Module, config: TrainConfig, runtime: Runtime) -> Engine:
    if config.runtime.channels_last:
        _to_channels_last(module)
    optim = config.optim
    adam = AdamByParts(module, learning_parts(module), betas=optim.betas, eps=optim.eps)
    return Engine(
        module,
        adam,
        runtime.accelerators[name],
        name=name,
        clip_grad_norm=optim.clip_grad_norm,
        compile_network=config.runtime.compile,
    )


def _to_channels_last(module: nn.Module) -> None:
    """Lay out every convolution's kernel with its channels last; shapes and names stay."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def refuse_beside_zero(config: TrainConfig, stages: Mapping[str, int | None]) -> None:
    """Raise `WrongUse` where a whole generator is asked for that ZeRO-3 spreads over processes.

    Args:
        config: of the run.
        stages: engine -> its ZeRO stage, None without DeepSpeed.
    """
    if stages["generator"] == 3 and (config.optim.ema > 0 or config.validation.clips > 0):
        raise WrongUse(
            f"runtime.deepspeed.generator={config.runtime.deepspeed.generator} is ZeRO stage 3: no "
            f"process holds the whole generator, so optim.ema ({config.optim.ema:g}) and "
            f"validation.clips ({config.validation.clips}) must be 0; or use stage 0, 1 or 2"
        )


def _build_ema(config: TrainConfig, networks: Networks) -> Ema | None:
    if config.optim.ema == 0:
        return None
    module = networks.generator.module
    return Ema(module, decay=config.optim.ema, warmup=config.optim.ema_warmup)


def build_train_loader(config: TrainConfig, rank: int = 0, world_size: int = 1) -> ClipLoader:
    """Return the loader of a process's training clips, with all that the stages' terms need."""
    wants_pairs = any("discriminators.pair" in stage.terms for stage in config.stages)
    data: DataConfig = config.data.model_copy(update={"other_speech": wants_pairs})
    return build_loader(
        data,
        config.shards,
        "train",
        seed=config.seed,
        emotions=model_facts(config).emotions,
        rank=rank,
        world_size=world_size,
    )


def unknown_intensities(config: TrainConfig, loader: ClipLoader) -> list[str]:
    """Return a line on clips whose intensity is asked for and not known, if there are any."""
    unknown = sum(sample.intensity is None for sample in loader.samples)
    if not config.emotion.use_intensity or unknown == 0:
        return []
    return [
        f"emotion.use_intensity: {unknown} of {len(loader.samples)} clips do not say how strongly "
        "they feel; they count as 1"
    ]


def _build_validation(
    config: TrainConfig, runtime: Runtime, shard_set: ShardSet, facts: ModelFacts
) -> Validation | None:
    wanted = config.validation
    if wanted.clips == 0:
        return None
    if "val" not in shard_set.manifest.split_names:
        LOG.warning("the shard set has no validation split; nothing is validated")
        return None
    chosen = choose_clips(shard_set.split("val").samples, wanted.clips, config.seed)
    mine = chosen[runtime.rank :: runtime.world_size]
    clips = read_clips(shard_set, mine, wanted, config.data.condition)
    return Validation(
        clips=clips,
        other_speech=read_other_speech(shard_set, chosen, clips, config.seed),
        shown=shown_keys(chosen, wanted.samples, config.data.condition),
        config=wanted,
        model=config.model,
        facts=facts,
        find_landmarks=landmark_finder(wanted),
        seed=config.seed,
    )


def landmark_finder(config: ValidationConfig) -> FindLandmarks | None:
    """Return who finds landmarks in generated frames, or None where nobody is asked.

    Raises:
        WrongUse: the models are not there.
    """
    if config.landmarks == "none":
        return None
    if config.landmarks == "judge":
        from emotalk.pretrained import load_landmark_judge  # noqa: PLC0415  on request

        return load_landmark_judge().landmarks
    from emotalk.faces.crop_landmarks import CropLandmarks  # noqa: PLC0415  on request
    from emotalk.faces.landmarks import build_finder  # noqa: PLC0415

    finder = config.finder.model_copy(update={"backend": config.landmarks})
    return CropLandmarks(build_finder(finder))


def _build_tracker(
    config: TrainConfig,
    runtime: Runtime,
    state: TrainState,
    facts: ModelFacts,
    clips_per_epoch: int,
) -> Tracker:
    if not runtime.is_main:
        return Trackers([])
    trackers: list[Tracker] = [
        JsonLines(config.run_dir / METRICS),
        Console(config.total_steps(clips_per_epoch), state.step),
    ]
    if config.tracking.mlflow.enabled:
        trackers.append(_start_mlflow(config, state, facts))
    return Trackers(trackers)


def _start_mlflow(config: TrainConfig, state: TrainState, facts: ModelFacts) -> Tracker:
    mlflow = MlflowTracker(
        config.tracking.mlflow,
        RunFacts(
            name=printable(config.tracking.mlflow.run_name or config.run_dir.resolve().name),
            params=as_params(config.model_dump(mode="json")),
            tags=run_tags(config, facts.data) | resume_tag(state.step),
        ),
        config.run_dir,
        run_id=state.mlflow_run,
        on_run=lambda run_id: setattr(state, "mlflow_run", run_id),
    )
    mlflow.artifact(config.run_dir / "config.yaml", "")
    LOG.info("MLflow: %s", masked(tracking_uri(config.tracking.mlflow)))
    return mlflow


def refuse_missing_shards(config: TrainConfig) -> None:
    """Raise `WrongUse` early where the shards are a local folder that is not there."""
    folder = folder_of(config.shards)
    try:
        there = folder is None or folder.is_dir()
    except OSError as error:  # a name too long, a folder closed to us
        refused = refused_name(error) or f"{folder}: {error.strerror}"
        raise WrongUse(f"shards: {refused}") from None
    if not there:
        raise WrongUse(
            f"shards={config.shards}: no such folder; make a shard set with `python etl/shard.py "
            "configs/etl/crema_d.yaml source=DIR output=DIR` and give its output here"
        )
