"""A model from somebody else: its description, its weights; and the state of a run."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Random, change_bytes, change_head, change_json
from tests.fuzz.surface import Door, Surface


def _written(folder: Path) -> Path:
    from tests.helpers.tiny_model import write_tiny_model

    return write_tiny_model(folder / "model")


def _description(folder: Path) -> Door:
    from emotalk.checkpoints.load import load_generator
    from emotalk.errors import WrongUse

    model = _written(folder)
    path = model / "model.json"
    tree = json.loads(path.read_text())

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        load_generator(model)

    return Door(lambda rng: change_json(tree, rng), enter, (WrongUse,))


def _weights(folder: Path) -> Door:
    from emotalk.checkpoints.format import read_generator
    from emotalk.errors import WrongUse

    model = _written(folder)
    path = model / "generator.safetensors"
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header: Any = json.loads(whole[8 : 8 + size])

    def make(rng: Random) -> bytes:
        if rng.random() < 0.5:
            data = change_json(header, rng)
            length = rng.choice((len(data), len(data), len(data), 2**62, 0))
            return length.to_bytes(8, "little") + data + whole[8 + size :]
        change = change_head if rng.random() < 0.5 else change_bytes
        return change(whole, rng)

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        read_generator(model)

    return Door(make, enter, (WrongUse,))


def _state(folder: Path) -> Door:
    """Try `state.json` as going on with a run reads it, and as an export does."""
    from dataclasses import asdict

    from emotalk.checkpoints.resume import UNREADABLE
    from emotalk.checkpoints.train_state import FORMAT, TrainState, read_state
    from emotalk.checkpoints.training_record import read_state_facts

    steps = {"generator": {"decoder.0.weight": 10}, "discriminators": {"frame.0.bias": 5}}
    known = TrainState(10, 20, 1, 9, {"train/total": (3.5, 2)}, (27.5, 8), "psnr", "ab" * 32)
    tree = {"format": FORMAT, **asdict(known), "optimizer_steps": steps}
    tree |= {"validation": {"step": 8.0, "validation/psnr_mouth": 27.5}, "mlflow_run": "0" * 32}

    def enter(data: bytes) -> None:
        (folder / "state.json").write_bytes(data)
        read_state_facts(folder)
        assert read_state(folder).step >= 0

    return Door(lambda rng: change_json(tree, rng), enter, UNREADABLE)


def _pointer(folder: Path) -> Door:
    """Try the text files `latest` and `best`, which name a checkpoint."""
    from emotalk.checkpoints.find_model import find_model
    from emotalk.errors import WrongUse

    checkpoints = folder / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    shutil.copytree(_written(folder), checkpoints / "step-000010")

    def enter(data: bytes) -> None:
        (checkpoints / "latest").write_bytes(data)
        found = find_model(folder / "run").resolve()
        assert found.is_relative_to(checkpoints.resolve())

    return Door(lambda rng: change_bytes(b"step-000010\n", rng), enter, (WrongUse,))


SURFACES = (
    Surface("model.json", 8000, _description),
    Surface("safetensors", 8000, _weights),
    Surface("state.json", 8000, _state),
    Surface("latest", 5000, _pointer),
)
