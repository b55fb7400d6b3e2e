"""Configure the sizes of the networks."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from emotalk.config.section import Section, Width

Slope = Annotated[float, Field(gt=0, lt=1)]
FIVE = (64, 128, 256, 512, 512)
EvenWidth = Annotated[int, Field(ge=2, le=2**16, multiple_of=2)]
Scale = Annotated[float, Field(gt=0, le=8)]
Five = tuple[Width, Width, Width, Width, Width]
Four = tuple[Width, Width, Width, Width]
MULTIPLE = 8  # scaled sizes are rounded to a multiple of it, at least it


class NetworkConfig(Section):
    """Configure the sizes of one network.

    Attributes:
        unscaled: fields that `model.width` does not scale.
    """

    unscaled: ClassVar[frozenset[str]] = frozenset()


class GeneratorConfig(NetworkConfig):
    """Configure the generator; the defaults are the report's."""

    unscaled = frozenset(
        {
            "speech_activation",
            "output_kernel",
            "cell_activation",
            "auxiliary_emotion",
            "auxiliary_mouth",
        }
    )

    filters: Five = FIVE  # of image encoder and decoder, from 64 x 64 down to 4 x 4
    image_features: Width = 512
    speech_features: Width = 512
    emotion_features: Width = 512
    noise_features: Width = 128  # N(0, 1) values for each frame
    speech_filters: Four = (64, 128, 256, 512)  # of the convolutions over the waveform
    speech_step_features: Width = 16  # features of an 8 ms step
    # after the first of them; log_power (ours): the loudness of bands, on a logarithmic scale
    speech_activation: Literal["leaky_relu", "log_power"] = "leaky_relu"
    output_filters: Width = 32  # of the second last convolution
    output_kernel: Literal[3, 7] = 3  # 7 in the original
    cell_activation: Literal["tanh", "leaky_relu"] = "tanh"  # leaky_relu in the original
    auxiliary_emotion: bool = False  # also predict the emotion from the speech, as the original
    auxiliary_mouth: bool = False  # also read the mouth's shape from the speech, in training


class DiscriminatorConfig(NetworkConfig):
    """Configure the sizes of one discriminator.

    The name of its field in `ModelConfig` is the name of the discriminator, of its loss term in the
    generator's updates and of its loss term in the discriminators' updates.

    Attributes:
        real_terms: further terms of the discriminators' updates, computed on true videos alone.
    """

    unscaled = frozenset({"slope"})
    real_terms: ClassVar[tuple[str, ...]] = ()


class FrameDiscriminatorConfig(DiscriminatorConfig):
    """Configure the frame discriminator."""

    channels: Five = FIVE
    hidden: Width = 2048
    slope: Slope = 0.2  # 0.3 in the original


class EmotionDiscriminatorConfig(DiscriminatorConfig):
    """Configure the emotion discriminator, whose classes are the emotions and "generated"."""

    real_terms = ("emotion_real",)

    channels: Five = FIVE
    hidden: Width = 2048
    features: Width = 512
    slope: Slope = 0.2  # 0.3 in the original


class PairDiscriminatorConfig(DiscriminatorConfig):
    """Configure the pair discriminator, which compares the mouth with the speech."""

    channels: Five = FIVE
    features: EvenWidth = 512  # both directions of a BLSTM
    speech_filters: Four = (64, 128, 256, 512)  # of its own convolutions over the waveform
    slope: Slope = 0.2


class TemporalDiscriminatorConfig(DiscriminatorConfig):
    """Configure the temporal discriminator, which classifies the motion of a video."""

    unscaled = frozenset({"slope", "layers"})

    channels: Five = FIVE
    features: Width = 512
    layers: Annotated[int, Field(ge=1, le=16)] = 2
    slope: Slope = 0.2


class ModelConfig(Section):
    """Configure the sizes of all networks and return their keyword arguments."""

    width: Scale = 1.0  # scales every size below; 1 is the report's, 0.25 suits a small machine
    generator: GeneratorConfig = GeneratorConfig()
    # The discriminators, in the order in which their weights are drawn.
    frame: FrameDiscriminatorConfig = FrameDiscriminatorConfig()
    emotion: EmotionDiscriminatorConfig = EmotionDiscriminatorConfig()
    pair: PairDiscriminatorConfig = PairDiscriminatorConfig()
    temporal: TemporalDiscriminatorConfig = TemporalDiscriminatorConfig()

    def arguments(self, network: str) -> dict[str, Any]:
        """Return the keyword arguments of a network: its section, scaled by `width`."""
        section: NetworkConfig = getattr(self, network)
        return {
            name: value if name in section.unscaled else self._size(value)
            for name, value in section.model_dump().items()
        }

    def generator_arguments(self, emotions: int) -> dict[str, Any]:
        """Return the keyword arguments of `Generator` for a number of emotions."""
        return {"emotions": emotions, **self.arguments("generator")}

    def _size(self, size: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if self.width == 1:
            return size
        if isinstance(size, tuple):
            return tuple(self._one(part) for part in size)
        return self._one(size)

    def _one(self, size: int) -> int:
        return max(MULTIPLE, MULTIPLE * round(size * self.width / MULTIPLE))


def discriminator_sections() -> Iterator[tuple[str, type[DiscriminatorConfig]]]:
    """Yield the name and the section of every discriminator, in the order of `ModelConfig`."""
    for name, field in ModelConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, DiscriminatorConfig):
            yield name, section
