"""Convert the original's public networks to a model folder."""

from pathlib import Path

from emotalk.checkpoints.format import (
    DESCRIPTION,
    DISCRIMINATORS,
    DataFacts,
    ModelFacts,
    refuse_used_folder,
    write_model,
)
from emotalk.config.model import (
    EmotionDiscriminatorConfig,
    FrameDiscriminatorConfig,
    GeneratorConfig,
    ModelConfig,
)
from emotalk.errors import WrongUse
from emotalk.files.made_folder import made_folder
from emotalk.files.tensor_files import write_tensors
from emotalk.models.original import ChannelOrder, Kind, OriginalNetwork, read_original
from emotalk.schema import EMOTIONS

# As the paper says, section IV-A. It numbers no clips of the public weights.
TRAINED_ON = DataFacts(
    manifest_sha256="unknown",
    corpus="crema_d",
    landmarks="unknown",
    clips=0,
    actors=0,
    emotions=EMOTIONS,
)
FILES: dict[Kind, str] = {
    "generator": "generator.pt",
    "frame": "disc_frame.pt",
    "emotion": "disc_emo.pt",
}


def import_original(
    source: Path, output: Path, *, channel_order: ChannelOrder = "rgb"
) -> ModelConfig:
    """Write the networks of `source` as a model folder and return their configuration.

    Source: Eskimez et al. 2021: six emotions in our order, the first frame as condition image, no
    speech margin, speech scaled to its peak.

    Args:
        source: `generator.pt` as the original saves it, or a folder with it and optionally
            `disc_frame.pt` and `disc_emo.pt`; they are read without executing anything in them.
        output: new or empty folder.
        channel_order: channel order of the images they were trained on.

    Raises:
        WrongUse: `source` is no generator of the original, or `output` holds something.
    """
    refuse_used_folder(output)
    networks = {kind: _read(kind, path, channel_order) for kind, path in _files(source).items()}
    config = _sizes(networks)
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=0, data=TRAINED_ON)
    try:
        with made_folder(output):
            critics = {
                f"{kind}.{name}": value.contiguous()
                for kind, network in networks.items()
                if kind != "generator"
                for name, value in network.state.items()
            }
            if critics:
                write_tensors(critics, output / DISCRIMINATORS)
            write_model(output, networks["generator"].state, config, facts)
    except OSError as error:
        raise WrongUse(f"{output / DESCRIPTION}: cannot be written: {error.strerror}") from None
    return config


def _files(source: Path) -> dict[Kind, Path]:
    if not source.is_dir():
        return {"generator": source}
    found = {kind: source / name for kind, name in FILES.items() if (source / name).is_file()}
    if "generator" not in found:
        raise WrongUse(
            f"{source}: holds no generator.pt; give that file or its folder: the "
            "pretrained model that the README of github.com/eeskimez/emotalkingface links"
        )
    return found


def _read(kind: Kind, path: Path, channel_order: ChannelOrder) -> OriginalNetwork:
    network = read_original(path, channel_order=channel_order)
    if network.kind != kind:
        raise WrongUse(
            f"{path}: holds the original's {network.kind} network, expected its {kind}; give its "
            f"{FILES[kind]}, or the folder that holds all its files"
        )
    emotions = network.arguments.get("emotions", len(EMOTIONS))
    if emotions != len(EMOTIONS):
        raise WrongUse(
            f"{path}: a network of {emotions} emotions; the original's six are "
            f"{', '.join(EMOTIONS)}, others have no names here"
        )
    return network


def _sizes(networks: dict[Kind, OriginalNetwork]) -> ModelConfig:
    sizes = {
        kind: {name: value for name, value in network.arguments.items() if name != "emotions"}
        for kind, network in networks.items()
    }
    return ModelConfig(
        generator=GeneratorConfig(**sizes["generator"]),
        frame=FrameDiscriminatorConfig(**sizes.get("frame", {})),
        emotion=EmotionDiscriminatorConfig(**sizes.get("emotion", {})),
    )
