"""The batch as one block of memory, and the ranges of its pixels."""

from pathlib import Path
from typing import Any

import pytest
import torch

from emotalk.data.batch import from_unit, to_unit, zeros_in_one_block
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import made_clips, write_shard_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shard_set(tmp_path_factory.mktemp("set"), [("train", made_clips(5))])


def test_bytes_become_the_networks_numbers_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8)
    unit = to_unit(images)
    assert (float(unit[0]), float(unit[255])) == (-1.0, 1.0)
    assert torch.equal(from_unit(unit), images)
    assert torch.allclose(to_unit(images / 255), unit, atol=1e-6)
    assert from_unit(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_a_batch_is_one_piece_of_memory_whose_parts_do_not_touch(folder: Path) -> None:
    options: dict[str, Any] = {"other_speech": True, "babble_voices": 2, "workers": 1}
    batch = taken(loader_of(folder, **options), 1)[0]
    tensors = [part for part in batch if isinstance(part, torch.Tensor)]
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1
    parts = zeros_in_one_block({"a": ((2, 3), torch.int64), "b": ((5,), torch.bool)})
    parts["b"].fill_(True)
    assert not parts["a"].any()
    assert (parts["a"].shape, parts["b"].tolist()) == ((2, 3), [True] * 5)
