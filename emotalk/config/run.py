"""Define the configuration of a training run and check its sections against each other."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from emotalk.config.augment import AugmentConfig
from emotalk.config.data import DataConfig
from emotalk.config.losses import VGG19_FILE, LossesConfig, vgg19_file
from emotalk.config.model import ModelConfig, discriminator_sections
from emotalk.config.optim import OptimConfig
from emotalk.config.runtime import RuntimeConfig
from emotalk.config.section import Section
from emotalk.config.shards import Shards
from emotalk.config.stages import StageConfig
from emotalk.config.tracking import TrackingConfig
from emotalk.config.validation import CheckpointConfig, ValidationConfig

# loss term of the generator -> the head that it trains, and what that head reads
HEADS_OF_TERMS = {
    "speech_emotion": ("auxiliary_emotion", "the generator's guess of the emotion"),
    "speech_mouth": ("auxiliary_mouth", "the generator's reading of the mouth"),
}


class EmotionConfig(Section):
    """Configure how the emotion is encoded for the generator."""

    set: Literal["six", "mead8"] = "six"
    use_intensity: bool = False  # intensity x one-hot; unknown intensity counts as 1


class TrainConfig(Section):
    """Configure `accelerate launch train.py configs/train/X.yaml shards=DIR run_dir=DIR`."""

    shards: Shards
    run_dir: Path
    seed: int = Field(default=0, ge=0)
    # auto: continue where run_dir stopped; other_shards: also with another shard set than before
    resume: Literal["auto", "never", "other_shards"] = "auto"
    start_from: Path | None = None  # model whose weights initialise a new run
    # take model, emotion and data.speech_level from start_from's model.json
    sizes_from_start: bool = False
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    emotion: EmotionConfig = EmotionConfig()
    losses: LossesConfig = LossesConfig()
    optim: OptimConfig = OptimConfig()
    stages: tuple[StageConfig, ...] = Field(min_length=1)
    runtime: RuntimeConfig = RuntimeConfig()
    validation: ValidationConfig = ValidationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    tracking: TrackingConfig = TrackingConfig()

    def total_steps(self, clips_per_epoch: int) -> int:
        """Return the steps of all stages; only those given in epochs depend on the data."""
        batch = self.data.batch_size
        return sum(stage.steps(clips_per_epoch, batch) for stage in self.stages)

    @property
    def discriminators(self) -> list[str]:
        """Return the discriminators whose terms a stage computes, in the order of `model`."""
        terms = {term for stage in self.stages for part in stage.updates for term in part.losses}
        sections = discriminator_sections()
        return [name for name, section in sections if terms & {name, *section.real_terms}]

    @property
    def clips_a_micro_batch(self) -> int:
        """Return the number of clips that one process handles at a time."""
        return self.data.batch_size // (self.runtime.processes * self.runtime.accumulate)

    @model_validator(mode="after")
    def _batch_divides(self) -> "TrainConfig":
        parts = self.runtime.processes * self.runtime.accumulate
        if self.data.batch_size % parts:
            raise ValueError(
                f"data.batch_size {self.data.batch_size} is not divisible by runtime.processes x "
                f"runtime.accumulate = {parts}; use a multiple of {parts} or fewer processes"
            )
        return self

    @model_validator(mode="after")
    def _sizes_come_from_a_model(self) -> "TrainConfig":
        if self.sizes_from_start and self.start_from is None:
            raise ValueError(
                "start_from is not given, but sizes_from_start takes the networks of that model; "
                "add start_from=RUN, a checkpoint, an exported model or one of "
                "`emotalk import-original`"
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "TrainConfig":
        if self.checkpoint.keep_best == "validation/nlmd" and self.validation.landmarks == "none":
            raise ValueError(
                "checkpoint.keep_best validation/nlmd needs validation.landmarks: it is none, so "
                "NLMD is never measured; choose judge, insightface or onnx, or another keep_best"
            )
        return self

    @model_validator(mode="after")
    def _babble_has_voices(self) -> "TrainConfig":
        noise = self.augment.speech.noise
        if noise.p > 0 and "babble" in noise.kinds and self.data.babble_voices == 0:
            raise ValueError(
                "augment.speech.noise.kinds has babble, but data.babble_voices is 0: set it to the "
                "number of other speakers to mix, e.g. data.babble_voices=4, or leave babble out"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_their_parts(self) -> "TrainConfig":
        if not any(stage.iterations or stage.epochs for stage in self.stages):
            raise ValueError("stages: every stage has length 0: there is nothing to do")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages: names must differ, got {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _terms_have_their_heads(self) -> "TrainConfig":
        for term, (head, reading) in HEADS_OF_TERMS.items():
            if getattr(self.model.generator, head):
                continue
            asking = [
                f"stages.{stage.name}.updates.{number}.losses"
                for stage in self.stages
                for number, update in enumerate(stage.updates)
                if term in update.losses
            ]
            if asking:
                raise ValueError(
                    f"{', '.join(asking)}: {term} needs {reading} from the speech, but "
                    f"model.generator.{head} is false; set model.generator.{head}=true, or take "
                    f"{term} out"
                )
        return self

    @model_validator(mode="after")
    def _perceptual_loss_has_its_network(self) -> "TrainConfig":
        if not any("generator.perceptual" in stage.terms for stage in self.stages):
            return self
        network, weights = self.losses.perceptual.network, self.losses.perceptual.weights
        if network == "none":
            raise ValueError(
                "a stage asks for the perceptual loss, but losses.perceptual.network is none; "
                "set it to vgg19 or random, or take `perceptual` out of the stage"
            )
        if network == "vgg19" and weights is None and not vgg19_file().is_file():
            raise ValueError(
                "losses.perceptual.weights is not given: losses.perceptual.network=vgg19 needs "
                f"torchvision's file {VGG19_FILE} (weights VGG19_Weights.IMAGENET1K_V1), which is "
                f"not at {vgg19_file()} either; `emotalk fetch vgg19` puts it there, or name your "
                f"own: losses.perceptual.weights=/data/{VGG19_FILE}; or choose "
                "losses.perceptual.network=random or none"
            )
        return self
