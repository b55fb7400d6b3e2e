import numpy as np
import pytest
import torch

from emotalk.inference import precision
from emotalk.inference.generate import generate_blocks
from emotalk.inference.precision import FloatType, choose_precision
from emotalk.media.sound_source import SoundInMemory
from emotalk.schema import EMOTIONS, Bytes
from emotalk.seeding import numpy_generator
from tests.helpers.tiny_model import tiny_loaded

CPU = torch.device("cpu")


def grey(level: int) -> Bytes:
    return np.full((4, 2, 2, 3), level, np.uint8)


def never(float_type: FloatType) -> Bytes:
    raise AssertionError(f"probed in {float_type}")


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)


@pytest.mark.parametrize(
    ("level", "chosen"),
    [(100, "bfloat16"), (101, "bfloat16"), (99, "bfloat16"), (102, "float32"), (98, "float32")],
)
def test_auto_takes_bfloat16_only_within_one_grey_level(
    able: None, level: int, chosen: str
) -> None:
    def probe(float_type: FloatType) -> Bytes:
        return grey(level if float_type == "bfloat16" else 100)

    assert choose_precision("auto", CPU, probe) == chosen


def test_a_difference_does_not_wrap_around_zero(able: None) -> None:
    assert choose_precision("auto", CPU, lambda n: grey(0 if n == "float32" else 255)) == "float32"


def test_a_cpu_without_the_instructions_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    assert choose_precision("auto", CPU, never) == "float32"


def test_another_device_is_not_probed(able: None) -> None:
    assert choose_precision("auto", torch.device("meta"), never) == "float32"


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_what_is_named_is_taken(wanted: FloatType) -> None:
    assert choose_precision(wanted, CPU, never) == wanted


@pytest.mark.parametrize(
    ("found", "able"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_bf16": False}, False),
     ({"avx2": True}, False), ({}, False)],
)  # fmt: skip
def test_instructions_are_read_from_the_processor(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, bool], able: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert precision.has_bfloat16() is able


@pytest.mark.parametrize("samples", [320, 9600])
def test_auto_gives_the_whole_video_within_one_grey_level(able: None, samples: int) -> None:
    draw = numpy_generator(1, "precision")
    condition_CHW = draw.integers(0, 256, (3, 128, 128), np.uint8)
    speech = SoundInMemory(draw.uniform(-0.5, 0.5, samples).astype(np.float32))
    emotion = np.eye(len(EMOTIONS), dtype=np.float32)[0]
    made = {}
    for wanted in ("float32", "bfloat16", "auto"):
        blocks = generate_blocks(
            tiny_loaded(), condition_CHW, speech, emotion, precision=wanted, seconds=0.5
        )
        made[wanted] = np.concatenate(list(blocks))
    assert made["auto"].shape == (-(-samples // 320), 128, 128, 3)
    assert np.abs(made["auto"].astype(int) - made["float32"]).max() <= 1
    np.testing.assert_array_equal(made["auto"], made["bfloat16"])
