"""Reports that do not measure alike are refused, and the message names what differs."""

from copy import deepcopy
from typing import Any

import pytest

from emotalk.errors import WrongUse
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_comparison.compare import compare_figures
from tests.helpers.made_reports import INPUTS, made_report

CLIPS = {"x": {"psnr": 20.0}, "y": {"psnr": 21.0}}


def report_of(**inputs: Any) -> Report:
    return made_report(CLIPS, inputs=deepcopy(INPUTS) | inputs)


def test_weights_seed_and_chosen_clips_may_differ() -> None:
    config = INPUTS["config"] | {"seed": 5, "clips": 2, "as_reported": True}
    found = compare_figures(report_of(), report_of(weights_sha256="c" * 64, config=config), seed=0)
    assert found.clips == 2


def test_the_limit_of_a_shut_mouth_may_differ_between_choices_of_clips() -> None:
    """It is that of all clips of an evaluation, so a clip's own rate depends on the others."""
    rate = {"psnr": 20.0, "closure_rate": 0.5}
    few = made_report({"x": rate}, truth={"x": {"closure_rate": 1.0}})
    many = made_report({"x": rate, "y": rate}, truth={"x": {"closure_rate": 0.0}})
    found = compare_figures(few, many, seed=0)
    assert found.differences.keys() == {"psnr"}
    assert compare_figures(few, few, seed=0).differences.keys() == {"psnr", "closure_rate"}


def test_further_parts_of_the_report_may_differ() -> None:
    more = {"noise_db": [20, 0], "noise_clips": 3, "noise_kind": "white", "drift_seconds": 120}
    other = report_of(config=INPUTS["config"] | more)
    assert compare_figures(report_of(), other, seed=0).clips == 2


@pytest.mark.parametrize("folder", ["../models/", "/data/my models/", "C:\\models\\"])
def test_a_model_is_the_same_in_whatever_folder_it_lies(folder: str) -> None:
    here, there = (
        made_report(CLIPS, judges={"landmarks": f"onnx ({where}peppa.onnx), mean of 4; 0.9 px"})
        for where in ("", folder)
    )
    assert compare_figures(here, there, seed=0).clips == 2


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (report_of(manifest_sha256="c" * 64), r"the shard sets \(their manifests' hashes\)"),
        (
            report_of(config=INPUTS["config"] | {"finder": {"pack": "buffalo_l"}}),
            "finder.pack: 'faces68' in A, 'buffalo_l' in B",
        ),
        (report_of(config=INPUTS["config"] | {"condition": "neutral"}), "condition: None in A"),
        (made_report(CLIPS, condition="neutral"), "condition: first_frame in A, neutral in B"),
        (
            made_report(CLIPS, judges={"landmarks, NLMD, mouth opening": "onnx (peppa)"}),
            r"insightface \(pack faces68\) in A, onnx \(peppa\) in B",
        ),
        (report_of(true_files={"x": "0"}), "A is of shards, B of pairs"),
        (made_report({"z": {"psnr": 20.0}}), r"no clip is in both reports \(A: x, y; B: z\)"),
        (made_report(CLIPS, actors=["someone", "else"]), "clip x is of 'actor0' in A and of 'some"),
    ],
)
def test_what_differs_is_named(other: Report, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        compare_figures(report_of(), other, seed=0)


def test_what_a_model_reached_on_the_clips_is_not_another_model() -> None:
    judges = {"landmarks, NLMD, mouth opening": "insightface (pack faces68); 0.6 px"}
    assert compare_figures(report_of(), made_report(CLIPS, judges=judges), seed=0).clips == 2


def test_other_true_files_of_a_pair_are_refused() -> None:
    config = {"landmarks": "onnx"}
    a, b = (
        made_report(CLIPS, inputs={"true_files": {"x": "1", "y": last}, "config": config})
        for last in ("2", "3")
    )
    with pytest.raises(WrongUse, match=r"the true files of 1 clip, e\.g\. y"):
        compare_figures(a, b, seed=0)


def test_true_clips_that_measure_otherwise_are_refused() -> None:
    a, b = (made_report(CLIPS, truth={"x": {"mouth": value}}) for value in (0.5, 0.6))
    with pytest.raises(WrongUse, match=r"mouth of the true clip x is 0\.5 in A and 0\.6 in B"):
        compare_figures(a, b, seed=0)
    close = made_report(CLIPS, truth={"x": {"mouth": 0.5001}})
    assert compare_figures(a, close, seed=0).clips == 2


def test_clips_of_one_report_alone_are_named() -> None:
    more = made_report({"w": {"psnr": 1.0}, "x": {"psnr": 2.0}}, actors=["actor9", "actor0"])
    found = compare_figures(report_of(), more, seed=0)
    assert (found.clips, found.only_in_a, found.only_in_b) == (1, ("y",), ("w",))
