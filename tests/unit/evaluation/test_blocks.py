"""Figures do not depend on how many processes share the clips; a baseline gets its own row."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.model import ModelConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import blocks as module
from emotalk.evaluation.blocks import blocks_of, count_processes
from emotalk.evaluation.comparison import SpeechFacts
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_blocks import sections
from emotalk.metrics.lip_sync import mouth_opening
from emotalk.models import Generator
from emotalk.schema import EMOTIONS, FPS, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample
from emotalk.speech.phones import Phone


def run(output: Path, checkpoint: Path, shards: Path, **more: Any) -> Report:
    settings = {"checkpoint": checkpoint, "shards": str(shards), "output": output}
    return evaluate(
        EvaluateConfig.model_validate({**settings, "clips_in_memory": 2, "videos": 0, **more})
    )


def written(output: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((output / "report.json").read_text())
    return {**tree, "where": None}


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of another width that knows five emotions, in another order."""
    folder = tmp_path_factory.mktemp("other") / "model"
    config = ModelConfig(width=0.03125)
    emotions = tuple(name for name in reversed(EMOTIONS) if name != "anger")
    torch.manual_seed(3)
    generator = Generator(**config.generator_arguments(len(emotions)))
    facts = ModelFacts(emotions=emotions, speech_margin_frames=0)
    write_model(folder, generator.state_dict(), config, facts)
    return folder


@pytest.fixture(scope="module")
def with_baseline(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, shards: Path, other_model: Path
) -> tuple[Path, Report]:
    output = tmp_path_factory.mktemp("baseline") / "out"
    return output, run(output, checkpoint, shards, processes=1, baseline=other_model)


def test_two_processes_write_the_same_figures_as_one(
    tmp_path: Path, checkpoint: Path, shards: Path, other_model: Path,
    with_baseline: tuple[Path, Report],
) -> None:  # fmt: skip
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(tmp_path / "out", checkpoint, shards, processes=2, baseline=other_model)
        assert torch.get_num_threads() == 2, "the caller's threads are left as they were"
    finally:
        torch.set_num_threads(threads)
    assert written(tmp_path / "out") == written(with_baseline[0])


def test_the_baseline_has_its_own_row_and_differences_within_clips(
    with_baseline: tuple[Path, Report], shards: Path, checkpoint: Path, other_model: Path
) -> None:
    report = with_baseline[1]
    assert report.baseline is not None
    assert report.baseline.clips == 4
    for name in ("psnr", "ssim_mouth", "nlmd", "sharpness"):
        pairs = [
            (float(rows["generated"][name] or 0), float(rows["baseline"][name] or 0))
            for rows in report.per_clip.values()
            if "baseline" in rows and rows["baseline"][name] is not None
            and rows["generated"][name] is not None
        ]  # fmt: skip
        assert pairs
        assert any(mine != other for mine, other in pairs)
        mean = report.baseline.differences[name].mean
        assert mean == pytest.approx(np.mean([mine - other for mine, other in pairs]))
    assert report.inputs["baseline"]["weights_sha256"] != report.inputs["weights_sha256"]
    page = markdown_page("Evaluation", sections(report), [])
    assert "may overlap the people of this test" in " ".join(page.split())
    assert "baseline model" in page


def test_a_clip_whose_emotion_the_baseline_does_not_know_is_named(
    with_baseline: tuple[Path, Report],
) -> None:
    report = with_baseline[1]
    assert report.left_out == {"1001_DFA_anger": "baseline only: it does not know anger"}
    assert "baseline" not in report.per_clip["1001_DFA_anger"]
    assert "generated" in report.per_clip["1001_DFA_anger"]


def test_a_model_compared_with_itself_does_not_differ(
    tmp_path: Path, checkpoint: Path, shards: Path
) -> None:
    report = run(tmp_path / "out", checkpoint, shards, clips=2, baseline=checkpoint)
    assert report.baseline is not None
    assert {value.mean for value in report.baseline.differences.values()} <= {0.0, None}


def test_an_emotion_that_the_model_does_not_know_is_wrong_use_before_any_clip_is_read(
    tmp_path: Path, other_model: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotalk.evaluation.evaluate.ClipReader", None)
    with pytest.raises(WrongUse, match="emotion anger, but the checkpoint"):
        run(tmp_path / "out", other_model, shards, processes=2)
    assert not (tmp_path / "out").exists()


def test_blocks_hold_every_sample_once_with_its_own_partner() -> None:
    samples = [Sample(key, 24, "a", "anger", 1.0, 0, {}) for key in "abcde"]
    partners = {"a": samples[3], "e": samples[0]}
    others = {"a": [samples[3], samples[4]], "d": [samples[1]]}
    found = blocks_of(samples, partners, others, frozenset("be"), size=2)
    assert [[sample.key for sample in block.samples] for block in found] == [
        ["a", "b"], ["c", "d"], ["e"],
    ]  # fmt: skip
    assert [dict(block.other_speech) for block in found] == [
        {"a": samples[3]}, {}, {"e": samples[0]},
    ]  # fmt: skip
    assert [dict(block.others) for block in found] == [
        {"a": [samples[3], samples[4]]}, {"d": [samples[1]]}, {},
    ]  # fmt: skip
    assert [set(block.pictured) for block in found] == [{"b"}, set(), {"e"}]


@pytest.mark.parametrize(
    ("asked", "blocks", "cores", "on_cpu", "expected"),
    [(3, 2, 8, True, 2), (3, 9, 1, True, 3), (0, 10, 2, True, 2), (0, 3, 2, True, 1),
     (0, 100, 64, True, 8), (0, 100, 8, False, 1), (0, 0, 8, True, 1)],
)  # fmt: skip
def test_by_itself_a_process_comes_with_every_second_block_up_to_the_cores(
    monkeypatch: pytest.MonkeyPatch, asked: int, blocks: int, cores: int, on_cpu: bool,
    expected: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    settings = {"checkpoint": "c", "shards": "s", "output": "o", "processes": asked}
    config = EvaluateConfig.model_validate(settings)
    assert count_processes(config, blocks, on_cpu=on_cpu) == expected


def test_what_is_known_of_the_speech_reaches_the_figures(
    tmp_path: Path, checkpoint: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[str, int] = {}

    def told(clip: Clip, others: tuple[Floats, ...]) -> SpeechFacts:
        heard[clip.key] = len(others)
        opening_T = mouth_opening(clip.landmarks_TLP)
        shut, opened = (int(frame) for frame in (opening_T.argmin(), opening_T.argmax()))
        sounds = (("B", shut), ("AE", opened))
        return SpeechFacts(
            others, tuple(Phone(name, frame / FPS, (frame + 1) / FPS) for name, frame in sounds)
        )

    monkeypatch.setattr(module, "speech_facts", told)
    report = run(tmp_path / "out", checkpoint, shards, clips=5, processes=1)
    assert len(heard) == 5
    assert min(heard.values()) >= 3  # of the other sentences
    for quantity in ("closure_auc", "closure_rate"):
        assert set(report.figures[quantity]) >= {"truth", "generated", "repeat", "other_speech"}
    assert report.figures["closure_auc"]["repeat"].mean == 0.5
