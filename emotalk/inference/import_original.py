"""The original's public generator as a model folder of ours."""

from pathlib import Path

from emotalk.checkpoint_format import DESCRIPTION, ModelFacts, write_model
from emotalk.config.model import GeneratorConfig, ModelConfig
from emotalk.errors import WrongUse
from emotalk.models.original import ChannelOrder, read_original
from emotalk.schema import EMOTIONS


def import_original(
    source: Path, output: Path, *, channel_order: ChannelOrder = "rgb"
) -> ModelConfig:
    """Write the generator of `source` as a model folder and return its sizes.

    Source: Eskimez et al. 2021: six emotions in our order, the first frame as condition, no speech
    around the window, speech scaled to its peak.

    Args:
        source: `generator.pt` as the original saves it; read without executing anything in it.
        output: a new or empty folder.
        channel_order: of the pictures it was trained on.

    Raises:
        WrongUse: `source` is no generator of the original, or `output` holds something.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WrongUse(f"{output}: is there already and not empty; name a new folder")
    network = read_original(source, channel_order=channel_order)
    if network.kind != "generator":
        raise WrongUse(
            f"{source}: holds the original's {network.kind} discriminator; give its generator.pt"
        )
    sizes = dict(network.arguments)
    emotions = sizes.pop("emotions")
    if emotions != len(EMOTIONS):
        raise WrongUse(
            f"{source}: a generator of {emotions} emotions; the original's six are "
            f"{', '.join(EMOTIONS)}, others have no names here"
        )
    config = ModelConfig(generator=GeneratorConfig(**sizes))
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=0)
    try:
        write_model(output, network.state, config, facts)
    except OSError as error:
        raise WrongUse(f"{output / DESCRIPTION}: cannot be written: {error.strerror}") from None
    return config
