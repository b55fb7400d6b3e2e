"""Export a trained generator as a folder to distribute: weights, description and model card.

    model.json              configuration that rebuilds the network
    generator.safetensors   weights: the running average if training kept one
    config.yaml             configuration of the training run, if known
    README.md               model card

`emotalk generate --checkpoint FOLDER` reads it.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from emotalk.checkpoints.folder import run_folder
from emotalk.checkpoints.format import GENERATOR, GENERATOR_EMA, refuse_used_folder, write_model
from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.checkpoints.model_card import CARD, Origin, model_card
from emotalk.checkpoints.training_record import (
    StateFacts,
    last_validation,
    read_mlflow_facts,
    read_state_facts,
)
from emotalk.errors import WrongUse
from emotalk.files.atomic_write import atomic_folder
from emotalk.files.checksums import file_sha256

CONFIG = "config.yaml"


@dataclass(frozen=True)
class Export:
    """An exported model."""

    folder: Path
    origin: Origin
    mlflow_uri: str  # server of the training; empty if there was none
    mlflow_run: str  # id of the training's run there; empty if there was none


def export_model(checkpoint: Path, output: Path) -> Export:
    """Write the generator of a run folder or checkpoint to `output` and return the facts about it.

    Args:
        checkpoint: see `emotalk.checkpoints.find_model.find_model`.
        output: new or empty folder; written atomically.

    Raises:
        WrongUse: no model there, weights that do not fit it, or `output` holds something or cannot
            be written.
    """
    refuse_used_folder(output)
    loaded = load_generator(checkpoint)
    run_dir = run_folder(loaded.folder)
    state = read_state_facts(loaded.folder)
    mlflow = read_mlflow_facts(run_dir)
    try:
        with atomic_folder(output.resolve()) as part:
            write_model(part, loaded.generator.state_dict(), loaded.config, loaded.facts)
            if run_dir is not None and (run_dir / CONFIG).is_file():
                shutil.copyfile(run_dir / CONFIG, part / CONFIG)
            origin = _origin(loaded, run_dir, state, part / GENERATOR)
            (part / CARD).write_text(model_card(loaded, origin), "utf-8")
    except OSError as error:
        raise WrongUse(f"{output}: cannot be written: {error.strerror}") from None
    return Export(output, origin, mlflow.uri, mlflow.run_id or state.mlflow_run)


def _origin(
    loaded: LoadedGenerator, run_dir: Path | None, state: StateFacts, weights: Path
) -> Origin:
    figures = dict(state.validation or last_validation(run_dir, state.step))
    figures_step = figures.pop("step", math.nan)
    return Origin(
        name=loaded.folder.name if run_dir is None else run_dir.name,
        step=state.step,
        clips_seen=state.clips_seen,
        is_average=(loaded.folder / GENERATOR_EMA).is_file(),
        weights_sha256=file_sha256(weights),
        figures_step=int(figures_step) if math.isfinite(figures_step) else None,
        figures=figures,
    )
