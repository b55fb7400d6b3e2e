"""`state.json`: read as it was written, or refused by name."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from emotalk.checkpoints.train_state import FORMAT, TrainState, read_state
from tests.helpers.shared import shared_data

STATE = TrainState(
    step=600,
    clips_seen=1200,
    sums={"train/x": (1.5, 3), "train/y": (float("nan"), 1)},
    best=(0.25, 400),
    best_of="psnr of 4 clips",
    validation={"psnr": 30.0, "step": 600.0},
    optimizer_steps={"generator": {"a.weight": 600}},
)


def tree(**changes: Any) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(STATE), **changes}


def written(folder: Path, text: str | bytes) -> Path:
    (folder / "state.json").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    found = read_state(written(tmp_path, json.dumps(tree())))
    assert str(found) == str(STATE)  # NaN is not equal to itself


def test_a_state_written_before_some_fields_were_added_is_read(tmp_path: Path) -> None:
    old = tree()
    for name in ("best_of", "shards", "validation", "mlflow_run"):
        del old[name]
    assert read_state(written(tmp_path, json.dumps(old))).step == 600


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "[" * 100_000, '{"format": "emotalk-checkpoint/1"}',
        json.dumps(tree(format="emotalk-checkpoint/99")),
        json.dumps(tree(step=True)), json.dumps(tree(step="600")), json.dumps(tree(step=600.0)),
        json.dumps(tree(step=-1)), json.dumps(tree(step=None)), json.dumps(tree(step=10**20)),
        json.dumps(tree(clips_seen=float("nan"))), json.dumps(tree(sums=[])),
        json.dumps(tree(sums={"x": [1]})), json.dumps(tree(sums={"x": 1})),
        json.dumps(tree(best=[1])), json.dumps(tree(best="none")), json.dumps(tree(unknown=1)),
        json.dumps(tree(optimizer_steps={"generator": {"a": -1}})),
        json.dumps(tree(optimizer_steps=[1])), json.dumps(tree(validation={"x": "1"})),
        json.dumps(tree(mlflow_run=["a"])), json.dumps(tree()).replace("600", "9" * 5000),
    ],
)  # fmt: skip
def test_another_type_or_size_is_a_value_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of pydantic, json or our own
        read_state(written(tmp_path, text))


def test_every_state_met_in_the_field_is_refused(tmp_path: Path) -> None:
    files = [p for p in shared_data("data/faults/hostile").glob("*.bin") if p.stat().st_size < 9000]
    assert len(files) == 16
    for path in files:
        with pytest.raises(ValueError, match=r"state\.json: "):
            read_state(written(tmp_path, path.read_bytes()))
