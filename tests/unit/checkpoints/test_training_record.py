"""Facts about a training that somebody else wrote down."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from emotalk.checkpoints.training_record import (
    last_validation,
    read_mlflow_facts,
    read_state_facts,
)
from emotalk.errors import WrongUse


def test_figures_of_the_last_validation_up_to_the_step_are_found(tmp_path: Path) -> None:
    lines = [
        {"step": 10, "validation/psnr": 20},
        {"step": 20, "validation/psnr": 21.5, "validation/\x1b": 1, "train/x": 3},
        {"step": 25, "train/x": 3},
        {"step": 30, "validation/psnr": 25},
    ]
    odd = [b"\xff", b"[]", b'{"step": "20"}', b'{"step": NaN, "validation/psnr": 1}', b"[" * 99_999]
    odd += [b'{"step": 1' + b"0" * 400 + b', "validation/psnr": 1}', b'{"validation/psnr": 9}']
    text = b"\n".join([*(json.dumps(line).encode() for line in lines), *odd])
    (tmp_path / "metrics.jsonl").write_bytes(text)
    assert last_validation(tmp_path, 29) == {"step": 20.0, "validation/psnr": 21.5}
    assert last_validation(None, 29) == {}
    assert last_validation(tmp_path, 5) == {}


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"step": "4"}', '{"step": -1}', '{"validation": [1]}', '{"step": [NaN]}']
)
def test_a_state_of_other_types_is_one_message(tmp_path: Path, text: str) -> None:
    assert read_state_facts(tmp_path).step is None
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(WrongUse, match=r"state\.json: .*; take the checkpoint before it"):
        read_state_facts(tmp_path)


def test_a_state_that_was_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"step": 4}')
    digest = hashlib.sha256(b'{"step": 4}').hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  state.json\n")
    assert read_state_facts(tmp_path).step == 4
    (tmp_path / "state.json").write_text('{"step": 5}')
    with pytest.raises(WrongUse, match=r"damaged: state\.json not as written"):
        read_state_facts(tmp_path)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    assert read_mlflow_facts(tmp_path).uri == ""
    os.mkfifo(tmp_path / "mlflow.json")
    with pytest.raises(WrongUse, match="pipe or device"):
        read_mlflow_facts(tmp_path)
