"""The files that hold a trained generator: training and import write them, inference reads them.

A folder with

    model.json                  what rebuilds the network, and what it was trained on
    generator.safetensors       its weights
    generator_ema.safetensors   their running average, where training kept one

beside whatever else a checkpoint holds. Only safetensors: nothing here is ever unpickled.
"""

import re
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
from emotalk.printable import is_printable, shown

FORMAT: Final = "emotalk-model/1"
DESCRIPTION = "model.json"
GENERATOR = "generator.safetensors"
GENERATOR_EMA = "generator_ema.safetensors"
CHECKPOINTS = "checkpoints"
LATEST, BEST = "latest", "best"  # text files beside the checkpoints that hold a name
LONGEST_NAME = 255  # bytes: what file systems allow
NAME_BESIDE = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*")
LARGEST_DESCRIPTION = 2**20  # bytes
MOST_MARGIN_FRAMES = 1000  # 40 s of speech
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


def _printable(text: str) -> str:
    if not is_printable(text):
        raise ValueError(f"{shown(text)} holds characters that cannot be printed")
    return text


Word = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
EmotionName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class DataFacts(Section):
    """The data a generator learned from.

    Attributes:
        manifest_sha256: of the shard set's `manifest.json`.
        corpus: the ETL's name of it: crema_d, mead, folder; unknown where the manifest is silent.
        landmarks: who found them: insightface, onnx, sidecar; unknown likewise.
        clips: of the training split.
        actors: of the training split.
    """

    manifest_sha256: Word
    corpus: Word
    landmarks: Word
    clips: int = Field(ge=0)
    actors: int = Field(ge=0)


class ModelFacts(Section):
    """Settings of a generator's training that inference must repeat.

    Attributes:
        emotions: names in the order of the generator's emotion input.
        speech_margin_frames: real frames of speech before and after the window.
        speech_level: `peak`: each clip's speech is scaled to a largest magnitude of 1; `none`: it
            is taken as it is.
        condition: which picture of the actor the generator saw.
        use_intensity: whether its emotion input was scaled by the clip's intensity.
        data: what it learned from; None where that is not known.
    """

    emotions: tuple[EmotionName, ...] = Field(min_length=1, max_length=64)
    speech_margin_frames: int = Field(ge=0, le=MOST_MARGIN_FRAMES)
    speech_level: Literal["peak", "none"] = "peak"
    condition: Literal["first_frame", "neutral"] = "first_frame"
    use_intensity: bool = False
    data: DataFacts | None = None


class ModelFile(ModelFacts):
    """The content of `model.json`."""

    format: Literal["emotalk-model/1"] = FORMAT
    model: ModelConfig


def write_model(
    folder: Path,
    generator_state: Mapping[str, Tensor],
    model_config: ModelConfig,
    facts: ModelFacts,
    ema_state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a generator into `folder`, its description last.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        generator_state: the generator's `state_dict`, full and on any device.
        model_config: what rebuilds the networks.
        facts: what the generator was trained on.
        ema_state: the running average of the same tensors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save(generator_state, folder / GENERATOR)
    if ema_state is not None:
        _save(ema_state, folder / GENERATOR_EMA)
    description = ModelFile(model=model_config, **facts.model_dump())
    (folder / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n", "utf-8")


def find_model(checkpoint: Path) -> Path:
    """Return the folder that holds `model.json`.

    Args:
        checkpoint: a run folder (its `checkpoints/latest` is followed), `RUN/checkpoints/latest` or
            `RUN/checkpoints/best` (a text file that holds a name, or a link), a checkpoint, or an
            exported folder.

    Raises:
        WrongUse: there is no model, or a pickle was offered.
    """
    if checkpoint.suffix in PICKLES:
        raise WrongUse(
            f"{checkpoint}: pickled weights are never loaded, they can run any code; give a folder "
            "with model.json and generator.safetensors (emotalk import-original makes one from the "
            "original's generator.pt)"
        )
    if checkpoint.name in (LATEST, BEST) and checkpoint.is_file():
        return _follow(checkpoint)
    if not checkpoint.exists():
        raise WrongUse(f"{checkpoint}: {_why_missing(checkpoint)}")
    for folder in (checkpoint, checkpoint / CHECKPOINTS):
        if (folder / DESCRIPTION).is_file():
            return folder
        if (folder / LATEST).is_file() or (folder / LATEST).is_dir():
            return _follow(folder / LATEST)
    raise WrongUse(
        f"{checkpoint}: no {DESCRIPTION} here and no {CHECKPOINTS}/{LATEST}; give a run folder "
        "that has reached its first checkpoint, a checkpoint folder, or an exported model"
    )


def _why_missing(checkpoint: Path) -> str:
    if checkpoint.name == BEST and checkpoint.parent.is_dir():
        return (
            "this run has kept no best checkpoint: validation finds it (validation.clips, "
            f"checkpoint.keep_best); give {checkpoint.with_name(LATEST)} or a checkpoint"
        )
    return "no such checkpoint; give a run folder or a checkpoint of it"


def read_description(folder: Path) -> ModelFile:
    """Return the checked content of `folder`'s `model.json`.

    Raises:
        WrongUse: it is not JSON, of another format, or describes no network of this version.
    """
    path = folder / DESCRIPTION
    try:
        check_sums(folder, (DESCRIPTION,))
        tree = parse_json(read_small(path, most_bytes=LARGEST_DESCRIPTION))
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
    """Return the generator's tensors, the running average where there is one and `ema` asks for it.

    Args:
        folder: holds `model.json`.
        ema: prefer the running average.
        wanted: names and shapes of the network, compared before anything is allocated.

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


def _follow(pointer: Path) -> Path:
    """Return the checkpoint that `latest` or `best` names: one that lies beside it.

    Raises:
        WrongUse: it cannot be read, holds no name, leads out of its folder or to no model.
    """
    target = pointer if pointer.is_dir() else pointer.with_name(_read_name(pointer))
    if target.resolve().parent != pointer.parent.resolve():
        raise WrongUse(f"{pointer}: leads to {target.resolve()}, out of its folder; name that one")
    if not (target / DESCRIPTION).is_file():
        raise WrongUse(f"{pointer}: points to {target}, which holds no {DESCRIPTION}")
    return target


def _read_name(pointer: Path) -> str:
    """Return the name that a text file holds."""
    try:
        with pointer.open("rb") as file:
            data = file.read(LONGEST_NAME + 2)
    except OSError as error:
        raise WrongUse(f"{pointer}: cannot be read: {error.strerror}") from None
    name = data.decode("utf-8", errors="replace").strip()
    if len(data) > LONGEST_NAME + 1 or not NAME_BESIDE.fullmatch(name):
        raise WrongUse(f"{pointer}: holds {name[:40]!r}, not the name of a checkpoint beside it")
    return name
