"""TFLOP/s and the share of what the GPUs could do, by hand and by the makers' data sheets."""

import pytest

from emotalk.training.utilisation import PEAKS, peak_tflops, utilisation


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16", 989.0),
        ("NVIDIA H100 PCIe", "bf16", 756.0),
        ("NVIDIA H200", "fp32", 494.0),
        ("NVIDIA A100-SXM4-80GB", "fp32", 156.0),
        ("NVIDIA A10G", "bf16", 70.0),
        ("NVIDIA L40S", "bf16", 362.0),
        ("NVIDIA L4", "bf16", 121.0),
        ("NVIDIA GeForce RTX 4090", "bf16", 165.2),
        ("NVIDIA GH200 480GB", "bf16", 989.0),
        ("NVIDIA GB200", "bf16", 2500.0),
        ("NVIDIA RTX A4000", "bf16", None),
        ("NVIDIA RTX A1000 Laptop GPU", "bf16", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "bf16", None),
        ("NVIDIA GeForce RTX 3090 Ti", "bf16", None),
        ("Radeon", "bf16", None),
    ],
)
def test_a_card_is_known_by_its_name(name: str, precision: str, peak: float | None) -> None:
    assert peak_tflops(name, precision) == peak


@pytest.mark.parametrize("name", PEAKS)
def test_no_name_is_hidden_by_a_shorter_one_before_it(name: str) -> None:
    assert peak_tflops(name, "bf16") == PEAKS[name][0]


def test_the_operations_of_each_stage_count_with_its_clips() -> None:
    figures = utilisation(
        {"initialise": 2e12, "gan": 5e12}, {"initialise": 3, "gan": 2}, 8.0, peak_of_all=10.0
    )
    assert figures == {"speed/tflops_per_s": pytest.approx(2.0), "speed/mfu": pytest.approx(0.2)}


def test_without_a_known_peak_there_is_no_share() -> None:
    assert utilisation({"gan": 1e12}, {"gan": 1}, 2.0, peak_of_all=None) == {
        "speed/tflops_per_s": 0.5
    }


def test_nothing_is_said_before_the_operations_are_known() -> None:
    assert utilisation({}, {"gan": 1}, 2.0, peak_of_all=10.0) == {}
    assert utilisation({"gan": 1e12}, {}, 2.0, peak_of_all=10.0) == {}
