"""Write and read the model folder: a generator's weights and its description.

A model folder holds

    model.json                  description: configuration of the networks, facts of the training
    generator.safetensors       weights
    generator_ema.safetensors   running average of the weights, if training kept one

A checkpoint and an exported model are model folders with more files. Nothing in it is a pickle.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from torch import Tensor

from emotalk.config.load import validate
from emotalk.config.model import ModelConfig
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_sums
from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.files.tensor_files import (
    Shapes,
    compare_shapes,
    read_tensors,
    tensor_shapes,
    write_tensors,
)
from emotalk.printable import is_printable, quoted

FORMAT: Final = "emotalk-model/1"
DESCRIPTION = "model.json"
GENERATOR = "generator.safetensors"
GENERATOR_EMA = "generator_ema.safetensors"
DISCRIMINATORS = "discriminators.safetensors"
LARGEST_DESCRIPTION = 2**20  # bytes
MAX_MARGIN_FRAMES = 1000  # 40 s of speech


def _printable(text: str) -> str:
    if not is_printable(text):
        raise ValueError(f"{quoted(text)} holds characters that cannot be printed")
    return text


Word = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
EmotionName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class CorpusFacts(Section):
    """Facts about the shards that a generator learned from."""

    manifest_sha256: Word
    corpus: Word  # crema_d, mead or folder; unknown if the manifest does not say
    landmarks: Word  # insightface, onnx or sidecar; unknown likewise
    clips: int = Field(ge=0)  # in the training split
    actors: int = Field(ge=0)  # in the training split
    # of the clips, those of unknown emotion; not written where there are none
    unlabelled: int = Field(default=0, ge=0, exclude_if=lambda clips: clips == 0)
    # emotions that some clip shows; None, and not written, where this was not recorded
    emotions: tuple[EmotionName, ...] | None = Field(
        default=None, max_length=64, exclude_if=lambda emotions: emotions is None
    )


class SetFacts(CorpusFacts):
    """Facts about one of several shard sets."""

    name: Word  # in front of its clips' keys
    weight: float | None = None  # share of the training; None: by size


class DataFacts(CorpusFacts):
    """Facts about a generator's training data; of several shard sets together."""

    # each of several sets; not written for a single one, which the fields above describe
    sets: tuple[SetFacts, ...] = Field(default=(), exclude_if=lambda sets: not sets)


class ModelFacts(Section):
    """Settings of a generator's training that inference must repeat."""

    # names in the order of the generator's emotion input
    emotions: tuple[EmotionName, ...] = Field(min_length=1, max_length=64)
    # real frames of speech before and after the window
    speech_margin_frames: int = Field(ge=0, le=MAX_MARGIN_FRAMES)
    speech_level: Literal["peak", "none"] = "peak"  # peak: scaled to a largest magnitude of 1
    condition: Literal["first_frame", "neutral"] = "first_frame"  # picture used as condition image
    use_intensity: bool = False  # whether the emotion input was scaled by the clip's intensity
    data: DataFacts | None = None  # None if unknown


class ModelFile(ModelFacts):
    """Content of `model.json`."""

    format: Literal["emotalk-model/1"] = FORMAT
    model: ModelConfig


def write_model(
    folder: Path,
    generator_state: Mapping[str, Tensor],
    model_config: ModelConfig,
    facts: ModelFacts,
    ema_state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a generator into `folder`, its description last; files of the same names are replaced.

    `ema_state` is the running average of the tensors of `generator_state`, on any device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save(generator_state, folder / GENERATOR)
    if ema_state is not None:
        _save(ema_state, folder / GENERATOR_EMA)
    description = ModelFile(model=model_config, **facts.model_dump())
    (folder / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n", "utf-8")


def refuse_used_folder(output: Path) -> None:
    """Raise `WrongUse` if `output` is a file or a folder that is not empty."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WrongUse(f"{output}: is there already and not empty; name a new folder")


def read_description(folder: Path) -> ModelFile:
    """Return the validated content of `folder`'s `model.json`.

    Raises:
        WrongUse: it is not JSON, of another format, or describes no network of this version.
    """
    path = folder / DESCRIPTION
    try:
        check_sums(folder, (DESCRIPTION,))
        tree = parse_json(read_small(path, max_bytes=LARGEST_DESCRIPTION))
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None
    except UnfitFile as error:
        raise WrongUse(f"{path}: {error}") from None
    except ValueError as error:
        raise WrongUse(f"{path}: not a description of a model: not JSON ({error})") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise WrongUse(f"{path}: not a description of a model of format {FORMAT}")
    return validate(ModelFile, tree, str(path))


def read_generator(
    folder: Path, *, ema: bool = True, wanted: Shapes | None = None
) -> dict[str, Tensor]:
    """Return the generator's tensors: the running average if there is one and `ema` is True.

    Args:
        folder: model folder.
        ema: prefer the running average.
        wanted: names and shapes of the network, compared before tensors are allocated.

    Raises:
        WrongUse: the file is missing, not safetensors, not as `SHA256SUMS` says, of other tensors
            than `wanted`, or holds values that are not finite.
    """
    path = folder / GENERATOR_EMA
    if not ema or not path.exists():
        path = folder / GENERATOR
    if not path.exists():
        raise WrongUse(f"{path}: missing beside {DESCRIPTION}; the checkpoint is not complete")
    try:
        check_sums(folder, (path.name,))
        if wanted is not None:
            _check_fit(wanted, tensor_shapes(path), folder)
        return read_tensors(path)
    except (ValueError, OSError) as error:
        if isinstance(error, WrongUse):
            raise
        raise WrongUse(
            f"{path}: {error}; take the checkpoint before it, or copy it again"
        ) from None


def _check_fit(wanted: Shapes, found: Shapes, folder: Path) -> None:
    try:
        compare_shapes(wanted, found)
    except ValueError as error:
        raise WrongUse(
            f"{folder}: the weights do not fit the network of {DESCRIPTION}: {error}; was a file "
            "copied from another checkpoint?"
        ) from None


def _save(state: Mapping[str, Tensor], path: Path) -> None:
    write_tensors({name: value.detach().cpu().contiguous() for name, value in state.items()}, path)
