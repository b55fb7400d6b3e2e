"""An export is what inference needs in one folder, with a card that says where it comes from."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from emotalk.checkpoints.export import export_model
from emotalk.checkpoints.format import DataFacts, write_model
from emotalk.checkpoints.load import load_generator
from emotalk.checkpoints.model_card import licence_note
from emotalk.cli import cli
from emotalk.errors import WrongUse
from tests.helpers.tiny_model import TINY, tiny_facts, tiny_generator

DATA = DataFacts(
    manifest_sha256="ab" * 32, corpus="mead", landmarks="insightface", clips=1200, actors=30
)
FIGURES = {"validation/psnr": 31.25, "validation/ssim": 0.9, "validation/baseline_psnr": 27.5}


def write_run(
    folder: Path, *, validation: dict[str, float] | None = None, data: DataFacts = DATA
) -> Path:
    """Write what a training run leaves: one checkpoint with a running average."""
    checkpoint = folder / "checkpoints/step-000400"
    facts = tiny_facts().model_copy(update={"data": data})
    average = tiny_generator(seed=1).state_dict()
    write_model(checkpoint, tiny_generator(seed=0).state_dict(), TINY, facts, average)
    state: dict[str, object] = {
        "step": 400,
        "clips_seen": 3200,
        "mlflow_run": "from the checkpoint",
    }
    if validation is not None:
        state["validation"] = validation
    (checkpoint / "state.json").write_text(json.dumps(state))
    (folder / "checkpoints/latest").write_text("step-000400\n")
    (folder / "config.yaml").write_text("seed: 7\n")
    return folder


def test_an_export_holds_one_set_of_weights_the_average_and_is_taken_as_a_checkpoint(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "run")
    exported = export_model(run, tmp_path / "model")
    assert {path.name for path in exported.folder.iterdir()} == {
        "model.json", "generator.safetensors", "config.yaml", "README.md",
    }  # fmt: skip
    weights = load_file(exported.folder / "generator.safetensors")
    expected = tiny_generator(seed=1).state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    loaded = load_generator(exported.folder)
    assert loaded.facts == load_generator(run).facts
    assert loaded.facts.data == DATA


def test_the_card_says_what_the_model_was_trained_on_and_how_well_it_does(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", validation={"step": 250.0, **FIGURES})
    card = (export_model(run, tmp_path / "model").folder / "README.md").read_text()
    for promise in (
        "# Talking-face generator: run",
        "| training steps | 400 |",
        "| clips seen | 3,200 |",
        "running average of the weights",
        "Corpus: mead; training split: 1200 clips of 30 people.",
        "ab" * 32,
        "may not be redistributed",
        "Validation clips, step 250",
        "| PSNR, whole face (dB) | 31.25 | 27.50 |",
        "| SSIM, whole face | 0.9000 | - |",
        "have agreed",
        "emotalk generate --checkpoint",
    ):
        assert promise in card
    assert "was unknown" not in card


def test_the_card_counts_clips_of_unknown_emotion(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data=DATA.model_copy(update={"unlabelled": 7}))
    card = (export_model(run, tmp_path / "model").folder / "README.md").read_text()
    assert "The emotion of 7 of them was unknown; they counted as neutral." in card
    assert load_generator(tmp_path / "model").facts.data == DATA.model_copy(
        update={"unlabelled": 7}
    )


def test_figures_of_a_checkpoint_that_holds_none_come_from_the_runs_log(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    lines: list[dict[str, float]] = [
        {"step": 200, "time": 1.0, "validation/psnr": 20.0},
        {"step": 400, "time": 2.0, "train/loss": 1.0},
        {"step": 400, "time": 2.0, "validation/psnr": 21.0},
        {"step": 600, "time": 3.0, "validation/psnr": 22.0},
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{torn")
    origin = export_model(run, tmp_path / "model").origin
    assert (origin.figures_step, dict(origin.figures)) == (400, {"validation/psnr": 21.0})


def test_an_export_knows_the_runs_place_in_mlflow(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert export_model(run, tmp_path / "a").mlflow_run == "from the checkpoint"
    (run / "mlflow.json").write_text(json.dumps({"uri": "http://tracking", "run_id": "r"}))
    exported = export_model(run, tmp_path / "b")
    assert (exported.mlflow_uri, exported.mlflow_run) == ("http://tracking", "r")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    kept = tmp_path / "model/notes.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(WrongUse, match="not empty; name a new folder"):
        export_model(run, kept.parent)
    assert kept.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    run = write_run(tmp_path / "run")
    with pytest.raises(WrongUse, match="file/model: cannot be written: Not a directory"):
        export_model(run, tmp_path / "file" / "model")


def test_a_pickle_is_not_exported(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04")
    with pytest.raises(WrongUse, match="pickled weights are never loaded"):
        export_model(tmp_path / "weights.pt", tmp_path / "model")


@pytest.mark.parametrize(
    ("corpus", "landmarks", "words"),
    [
        ("crema_d", "insightface", "Open Database License 1.0: name the source"),
        ("crema_d", "sidecar", "a drawn corpus, with no real face"),
        ("mead", "sidecar", "nobody's likeness"),
        ("mead", "insightface", "academic use only"),
        ("folder", "onnx", "a folder of the trainer's own"),
        ("unknown", "unknown", "Not known"),
    ],
)
def test_each_corpus_has_its_licence_note(corpus: str, landmarks: str, words: str) -> None:
    facts = DATA.model_copy(update={"corpus": corpus, "landmarks": landmarks})
    assert words in licence_note(facts)


def test_the_command_exports(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    words = ["export", "--checkpoint", str(run), "--output", str(tmp_path / "model")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "model/README.md").is_file()
