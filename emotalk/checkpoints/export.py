"""A trained generator as one small folder to hand out: weights, description and model card.

    model.json              what rebuilds the network
    generator.safetensors   its weights: the running average where training kept one
    config.yaml             the training run's configuration, where it is known
    README.md               the model card

`emotalk generate --checkpoint FOLDER` takes it as it is.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from emotalk.checkpoints.format import (
    CHECKPOINTS,
    GENERATOR,
    GENERATOR_EMA,
    write_model,
)
from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.checkpoints.model_card import CARD, Origin, model_card
from emotalk.checkpoints.training_record import (
    StateFacts,
    last_validation,
    read_mlflow_facts,
    read_state_facts,
)
from emotalk.errors import WrongUse
from emotalk.shards.storage import file_sha256

CONFIG = "config.yaml"


@dataclass(frozen=True)
class Export:
    """Files of an export.

    Attributes:
        folder: the new folder.
        origin: what is known of the training.
        mlflow_uri: server of the training's run; empty if there was none.
        mlflow_run: id of the training's run; empty if there was none.
    """

    folder: Path
    origin: Origin
    mlflow_uri: str
    mlflow_run: str


def export_model(checkpoint: Path, output: Path) -> Export:
    """Write the generator of a run folder or checkpoint to `output` and return what is known of it.

    Args:
        checkpoint: see `emotalk.checkpoints.format.find_model`.
        output: a new or empty folder; there in one piece or not at all.

    Raises:
        WrongUse: no model there, weights that do not fit it, or `output` holds something or cannot
            be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WrongUse(f"{output}: is there already and not empty; name a new folder")
    loaded = load_generator(checkpoint)
    run_dir = _run_folder(loaded.folder)
    state = read_state_facts(loaded.folder)
    mlflow = read_mlflow_facts(run_dir)
    part = output.resolve().with_name(f".{output.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        weights = loaded.generator.state_dict()
        write_model(part, weights, loaded.config, loaded.facts)
        if run_dir is not None and (run_dir / CONFIG).is_file():
            shutil.copyfile(run_dir / CONFIG, part / CONFIG)
        origin = _origin(loaded, run_dir, state, part / GENERATOR)
        (part / CARD).write_text(model_card(loaded, origin), "utf-8")
        if output.exists():
            output.rmdir()
        part.rename(output)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise WrongUse(f"{output}: cannot be written: {error.strerror}") from None
    return Export(output, origin, mlflow.uri, mlflow.run_id or state.mlflow_run)


def _origin(
    loaded: LoadedGenerator, run_dir: Path | None, state: StateFacts, weights: Path
) -> Origin:
    figures = dict(state.validation or last_validation(run_dir, state.step))
    figures_step = figures.pop("step", math.nan)
    return Origin(
        name=loaded.folder.name if run_dir is None else run_dir.resolve().name,
        step=state.step,
        clips_seen=state.clips_seen,
        is_average=(loaded.folder / GENERATOR_EMA).is_file(),
        weights_sha256=file_sha256(weights),
        figures_step=int(figures_step) if math.isfinite(figures_step) else None,
        figures=figures,
    )


def _run_folder(folder: Path) -> Path | None:
    """Return the run folder that a checkpoint lies in, or None."""
    real = folder.resolve()
    return real.parent.parent if real.parent.name == CHECKPOINTS else None
