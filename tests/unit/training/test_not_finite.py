"""The message names terms, clips, parameters and where to go on."""

from pathlib import Path

import pytest

from emotalk.training.not_finite import NonFiniteReport, describe
from emotalk.training.schedule import Schedule
from tests.helpers.tiny_training import tiny_config


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    return Schedule(tiny_config(tmp_path).stages, clips_per_epoch=8, batch_size=4)


def test_terms_are_named_with_the_clips_of_every_process(schedule: Schedule) -> None:
    first = NonFiniteReport({"frame": ["a"]}, ("fc.weight",), ("a", "b"))
    second = NonFiniteReport({"frame": ["d"], "l1": ["c"]}, ("fc.weight",), ("c", "d"))
    said = describe("generator", 3, schedule, [first, second], Path("run/step-000002")).split("\n")
    assert said[0] == (
        "step 4 (stage gan): losses of the generator are not finite: frame of a, d; l1 of c"
    )
    assert said[1].endswith("the newest state before it: run/step-000002")
    assert "start_from=..." in said[2]


def test_gradients_are_named_by_parameter_and_every_clip_of_the_step(schedule: Schedule) -> None:
    first = NonFiniteReport({}, ("fc.weight", "fc.bias"), ("a", "b"))
    second = NonFiniteReport({}, ("fc.bias",), ("c",))
    said = describe("discriminators", 0, schedule, [first, second], None).split("\n")
    assert said[0] == (
        "step 1 (stage emotion): every loss is finite, but gradients of the discriminators are "
        "not: fc.weight, fc.bias"
    )
    assert said[1].strip() == "clips of the step: a, b, c"
    assert said[2].endswith("the newest state before it: the start")


def test_where_zero_spread_the_gradients_no_parameter_is_named(schedule: Schedule) -> None:
    told = NonFiniteReport({}, (), ("a",))
    first = describe("generator", 1, schedule, [told], None).split("\n")[0]
    assert first.endswith("gradients of the generator are not")


def test_long_lists_are_cut_and_counted(schedule: Schedule) -> None:
    told = NonFiniteReport({"l1": [f"c{number}" for number in range(11)]}, (), ())
    first = describe("generator", 1, schedule, [told], None).split("\n")[0]
    assert first.endswith("l1 of c0, c1, c2, c3, c4, c5, c6, c7 and 3 more")


def test_a_list_that_just_fits_is_shown_whole(schedule: Schedule) -> None:
    told = NonFiniteReport({"l1": [f"c{number}" for number in range(8)]}, (), ())
    first = describe("generator", 1, schedule, [told], None).split("\n")[0]
    assert first.endswith("l1 of c0, c1, c2, c3, c4, c5, c6, c7")
