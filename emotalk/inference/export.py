"""A trained generator as one small folder to hand out: weights, description and model card.

    model.json              what rebuilds the network
    generator.safetensors   its weights: the running average where training kept one
    config.yaml             the training run's configuration, where it is known
    README.md               the model card

`emotalk generate --checkpoint FOLDER` takes it as it is.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.checkpoint_format import (
    CHECKPOINTS,
    GENERATOR,
    GENERATOR_EMA,
    write_model,
)
from emotalk.data.storage import file_sha256
from emotalk.errors import WrongUse
from emotalk.inference.load import LoadedGenerator, load_generator
from emotalk.inference.model_card import CARD, Origin, model_card

CONFIG, STATE, METRICS, MLFLOW = "config.yaml", "state.json", "metrics.jsonl", "mlflow.json"


@dataclass(frozen=True)
class Export:
    """What was exported.

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
        checkpoint: see `emotalk.checkpoint_format.find_model`.
        output: a new or empty folder; there in one piece or not at all.

    Raises:
        WrongUse: no model there, weights that do not fit it, or `output` holds something or cannot
            be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WrongUse(f"{output}: is there already and not empty; name a new folder")
    loaded = load_generator(checkpoint)
    run_dir = _run_folder(loaded.folder)
    state = _read_json(loaded.folder / STATE)
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
    mlflow = {} if run_dir is None else _read_json(run_dir / MLFLOW)
    run_id = str(mlflow.get("run_id") or state.get("mlflow_run") or "")
    return Export(output, origin, str(mlflow.get("uri", "")), run_id)


def _origin(
    loaded: LoadedGenerator, run_dir: Path | None, state: dict[str, Any], weights: Path
) -> Origin:
    step = state.get("step")
    figures = dict(state.get("validation") or _last_validation(run_dir, step))
    return Origin(
        name=loaded.folder.name if run_dir is None else run_dir.resolve().name,
        step=step,
        clips_seen=state.get("clips_seen"),
        is_average=(loaded.folder / GENERATOR_EMA).is_file(),
        weights_sha256=file_sha256(weights),
        figures_step=None if "step" not in figures else int(figures.pop("step")),
        figures={name: float(value) for name, value in figures.items()},
    )


def _run_folder(folder: Path) -> Path | None:
    """Return the run folder that a checkpoint lies in, or None."""
    real = folder.resolve()
    return real.parent.parent if real.parent.name == CHECKPOINTS else None


def _last_validation(run_dir: Path | None, step: int | None) -> dict[str, float]:
    """Return the last figures of `metrics.jsonl` up to `step`: older checkpoints hold none."""
    if run_dir is None or step is None or not (run_dir / METRICS).is_file():
        return {}
    last: dict[str, float] = {}
    with (run_dir / METRICS).open(encoding="utf-8") as lines:
        for text in lines:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            figures = {
                name: value for name, value in line.items() if name.startswith("validation/")
            }
            if figures and line["step"] <= step:
                last = {"step": line["step"], **figures}
    return last


def _read_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
