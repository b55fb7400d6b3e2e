"""`train.py` as users meet it: it trains, resumes to the same numbers, and says what is wrong."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emotalk.checkpoints.load import load_generator
from tests.helpers.tiny_training import ROOT, read_metrics, tiny_shards, tiny_yaml, train

VALIDATED = ("validation.clips=2", "validation.every=3")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


@pytest.fixture(scope="module")
def unbroken(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "unbroken"
    done = train(config, run_dir, *VALIDATED)
    assert done.returncode == 0, done.stderr
    return run_dir


def test_a_run_leaves_what_users_rely_on(unbroken: Path) -> None:
    status = json.loads((unbroken / "status.json").read_text())
    assert (status["state"], status["code"], status["step"]) == ("done", 0, 6)
    assert (unbroken / "config.yaml").exists()
    assert (unbroken / "checkpoints/latest").read_text().strip() == "step-000006"
    assert list((unbroken / "samples/step-000006").glob("*.mp4"))
    assert (unbroken / "samples/step-000006/grid.png").exists()
    names = {path.name for path in (unbroken / "checkpoints/step-000006").iterdir()}
    assert names == {
        "model.json",
        "state.json",
        "SHA256SUMS",
        "generator.safetensors",
        "generator_ema.safetensors",
        "discriminators.safetensors",
        "generator_optimizer.safetensors",
        "discriminators_optimizer.safetensors",
    }


def test_every_loss_is_logged_raw_and_weighted(unbroken: Path) -> None:
    last = [line for line in read_metrics(unbroken) if "clips" in line][-1]
    for term in ("mouth_region", "l1", "frame", "emotion", "pair", "temporal"):
        raw = last[f"train/generator/{term}"]
        weight = {"mouth_region": 100, "l1": 1}.get(term, 0.01)
        assert last[f"train/generator/{term}_weighted"] == pytest.approx(weight * raw)
    for term in ("frame", "emotion", "pair", "temporal", "gradient_penalty", "total"):
        assert f"train/discriminators/{term}" in last
    validation = [line for line in read_metrics(unbroken) if "validation/psnr" in line][-1]
    for row in ("", "baseline_", "reencoded_", "other_speech_"):
        for figure in ("psnr", "ssim", "psnr_mouth", "ssim_mouth"):
            assert f"validation/{row}{figure}" in validation


def test_a_checkpoint_is_what_inference_loads(unbroken: Path) -> None:
    loaded = load_generator(unbroken)
    assert loaded.facts.speech_margin_frames == 2
    assert loaded.facts.emotions[3] == "happiness"


def test_a_run_that_was_stopped_continues_bit_for_bit(
    config: Path, unbroken: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "stopped"
    shutil.copytree(unbroken, run_dir)
    # as a crash after step 4 leaves it: later lines logged, the last checkpoint of step 4
    for path in (run_dir / "checkpoints").glob("step-000006/*"):
        path.unlink()
    (run_dir / "checkpoints/step-000006").rmdir()
    done = train(config, run_dir, *VALIDATED)
    assert done.returncode == 0, done.stderr
    assert "continuing at step 4" in done.stderr
    assert read_metrics(run_dir) == read_metrics(unbroken)
    for name in ("generator", "discriminators", "generator_ema"):
        ours = load_file(run_dir / f"checkpoints/step-000006/{name}.safetensors")
        theirs = load_file(unbroken / f"checkpoints/step-000006/{name}.safetensors")
        assert all((ours[key] == theirs[key]).all() for key in theirs)


def test_a_finished_run_started_again_changes_nothing(config: Path, unbroken: Path) -> None:
    before = (unbroken / "metrics.jsonl").read_text()
    assert train(config, unbroken).returncode == 0
    assert (unbroken / "metrics.jsonl").read_text() == before


def test_a_signal_saves_a_checkpoint_and_ends_with_85(config: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    command = [sys.executable, str(ROOT / "train.py"), str(config), f"run_dir={run_dir}"]
    command += ["stages.gan.iterations=4000", "checkpoint.every=0"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (run_dir / "metrics.jsonl").exists() or len(read_metrics(run_dir)) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == 85
    status = json.loads((run_dir / "status.json").read_text())
    assert (status["state"], status["code"]) == ("preempted", 85)
    assert "SIGUSR1" in status["message"]
    saved = run_dir / "checkpoints" / f"step-{status['step']:06d}"
    assert json.loads((saved / "state.json").read_text())["step"] == status["step"]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    config: Path, unbroken: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(unbroken, run_dir)
    (run_dir / "checkpoints/step-000006/discriminators.safetensors").write_bytes(b"\x80\x04pickle")
    done = train(config, run_dir, *VALIDATED, "stages.gan.iterations=5")
    assert done.returncode == 0, done.stderr
    assert "step-000006 cannot be used, trying the one before it" in done.stderr
    assert "continuing at step 4" in done.stderr


@pytest.mark.parametrize(
    ("switch", "tolerance"),
    [
        ("runtime.channels_last=true", 1e-4),
        ("runtime.precision=bf16", 5e-2),  # 8 bits of mantissa, six steps on
        pytest.param(  # minutes of C++ compiler
            "runtime.compile=true", 1e-4, marks=(pytest.mark.slow, pytest.mark.timeout(1200))
        ),
    ],
)
def test_how_it_is_computed_changes_no_loss(
    config: Path, unbroken: Path, tmp_path: Path, switch: str, tolerance: float
) -> None:
    done = train(config, tmp_path / "run", switch, timeout_s=1000)
    assert done.returncode == 0, done.stderr
    theirs = {line["step"]: line for line in read_metrics(unbroken) if "clips" in line}
    for line in read_metrics(tmp_path / "run"):
        names = ["train/generator/total"]
        if line["step"] <= 3:  # then the critic's Adam has blown rounding up tenfold a step
            names.append("train/discriminators/total")
        for name in names:
            if name in line:
                assert line[name] == pytest.approx(theirs[line["step"]][name], rel=tolerance)


def test_a_run_starts_from_the_weights_of_another(
    config: Path, unbroken: Path, tmp_path: Path
) -> None:
    rest = ["stages.emotion.iterations=0", "stages.gan.iterations=1", "optim.ema=0"]
    rest += ["stages.gan.updates.0.lr=1e-12", "stages.gan.updates.1.lr=1e-12"]
    done = train(config, tmp_path / "run", f"start_from={unbroken}", *rest)
    assert done.returncode == 0, done.stderr
    begun = load_file(tmp_path / "run/checkpoints/step-000001/generator.safetensors")
    average = load_file(unbroken / "checkpoints/step-000006/generator_ema.safetensors")
    assert all(torch.allclose(begun[name], average[name], atol=1e-6) for name in average)
    wider = train(config, tmp_path / "other", f"start_from={unbroken}", "model.width=0.05")
    assert wider.returncode == 2
    assert "the model sections must be the same" in wider.stderr


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["shards=/nowhere"], "shards=/nowhere: no such folder"),
        (["data.frame=4"], "data.frame: unknown key; did you mean 'frames'?"),
        (["data.frames=99"], "99"),
        (["runtime.processes=2"], "the launcher started 1"),
        (["run_dir=/proc/none/run"], "cannot be written"),
    ],
)
def test_wrong_use_is_one_message_and_exit_2(
    config: Path, tmp_path: Path, overrides: list[str], message: str
) -> None:
    command = [sys.executable, str(ROOT / "train.py"), str(config), f"run_dir={tmp_path / 'run'}"]
    done = subprocess.run([*command, *overrides], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if not any(text.startswith("run_dir=") for text in overrides):
        status = json.loads((tmp_path / "run/status.json").read_text())
        assert (status["state"], status["code"]) == ("wrong_use", 2)
        assert message in status["message"]


def test_print_config_and_dry_run_write_nothing(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), str(config), f"run_dir={tmp_path / 'run'}"]
    printed = subprocess.run(
        [*command, "--print-config"], capture_output=True, text=True, check=True
    )
    assert "batch_size: 4" in printed.stdout
    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True)
    assert "pair discriminator" in dry.stdout
    assert "steps    6 of 4 clips" in dry.stdout
    assert not (tmp_path / "run").exists()
