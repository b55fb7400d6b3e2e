"""Say what `make reproduce` will take, in hours and GB, and what this machine lacks for it.

    python launch/reproduce_plan.py --work DIR --etl CONFIG.yaml WORD...
        --train CONFIG.yaml WORD... --evaluate CONFIG.yaml WORD...

Training is measured: one update of each kind, here and now. The ETL's and the evaluation's times
are scaled from measured ones, and marked with "about". Exit code 2 where something is missing
without which a step would fail.
"""

import argparse
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil

from emotalk.checkpoints.find_model import find_model
from emotalk.config.etl import EtlConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.load import load_config
from emotalk.config.losses import VGG19_FILE, vgg19_file
from emotalk.config.run import TrainConfig
from emotalk.errors import EXIT_DONE, EXIT_WRONG_USE, WrongUse
from emotalk.media.file_check import check_file
from emotalk.rejection_reasons import REASONS
from emotalk.runs.description import GIB, memory_rows
from emotalk.runs.memory_estimate import RunSizes, measure_sizes
from emotalk.runs.step_time import StepTimes, measure_steps
from emotalk.schema import Rejection
from emotalk.tracking.mlflow import tracking_uri
from etl.job.plan import Plan, make_plan

GB = 10**9
CLIP_BYTES = 230_000  # of a shard set: CREMA-D's 7,442 clips take 1.7 GB (etl/README.md)
CLIP_FRAMES = 64  # CREMA-D's clips have 2.5 s on average
# Seconds of one core for a clip of 3 s: 600 clips of GRID with the onnx models took 0.25; sidecar
# finds no face; insightface's own pack has models of ten to thirty times that size.
ETL_CLIP_S = {"sidecar": 0.2, "onnx": 0.25, "insightface": 2.5}
VIDEOS_A_CLIP = 3  # generated: own speech, another's, the emotion from a neutral still
MEASURES_S = 4.0  # seconds of one core for the figures of a clip
LOOKED_AT = 12  # clips of the source whose files are looked at
MLFLOW_S = 3.0


@dataclass(frozen=True)
class Lack:
    """Describe something that this machine lacks.

    Attributes:
        what: it, and where it was looked for.
        remedy: what the user can do.
        fatal: whether a step would fail without it.
    """

    what: str
    remedy: str
    fatal: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan and return the exit code."""
    options = _options(arguments)
    try:
        etl = load_config(EtlConfig, *_split(options.etl))
        evaluation = load_config(EvaluateConfig, *_split(options.evaluate))
        train, lacks = _train_config(*_split(options.train))
        plan = make_plan(etl)
    except WrongUse as error:
        sys.stderr.write(f"reproduce: {error}\n")
        return EXIT_WRONG_USE
    sizes = measure_sizes(train)
    rows, clips = _rows(etl, plan, train, sizes, evaluation)
    gigabytes = sum(row.gigabytes for row in rows)
    lacks += [
        *_source_lacks(plan),
        *_model_lacks(etl),
        *_machine_lacks(options.work, gigabytes, train, sizes),
        *_mlflow_lacks(train),
        *_baseline_lacks(evaluation),
    ]
    sys.stdout.write(_page(options.work, rows, clips, lacks))
    return EXIT_WRONG_USE if any(lack.fatal for lack in lacks) else EXIT_DONE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="the folder of all results")
    for name in ("etl", "train", "evaluate"):
        parser.add_argument(f"--{name}", nargs="+", required=True, metavar="WORD")
    return parser.parse_args(arguments)


def _split(words: Sequence[str]) -> tuple[Path, list[str]]:
    return Path(words[0]), list(words[1:])


def _train_config(path: Path, words: list[str]) -> tuple[TrainConfig, list[Lack]]:
    """Return the training's configuration; VGG-19's weights may be missing."""
    try:
        return load_config(TrainConfig, path, words), []
    except WrongUse as error:
        if VGG19_FILE not in str(error):
            raise
    without = load_config(TrainConfig, path, [*words, "losses.perceptual.network=random"])
    remedy = (
        "emotalk fetch vgg19 (0.6 GB, once); without the internet copy it there; or, which is not "
        "the report's loss, TRAIN_SETTINGS=losses.perceptual.network=random"
    )
    return without, [Lack(f"VGG-19's weights: no {vgg19_file()}", remedy)]


class Row(NamedTuple):
    """Hold what one step of the chain takes."""

    step: str
    work: str
    hours: float
    gigabytes: float


def _rows(
    etl: EtlConfig, plan: Plan, train: TrainConfig, sizes: RunSizes, evaluation: EvaluateConfig
) -> tuple[list[Row], dict[str, int]]:
    """Return a row for each step, and the number of clips of each split."""
    cores = len(os.sched_getaffinity(0))
    clips = dict.fromkeys(("train", "val", "test"), 0)
    for split in plan.split_of.values():
        clips[split] += 1
    workers = etl.workers or cores
    etl_s = len(plan.clips) * ETL_CLIP_S[etl.landmarks.backend] / workers
    times: StepTimes = measure_steps(train)
    train_s = times.training_s(train, max(clips["train"], 1))
    steps = [f"{s.steps(clips['train'], train.data.batch_size):,}" for s in train.stages]
    asked = min(evaluation.clips or clips["test"], clips["test"])
    each_s = VIDEOS_A_CLIP * CLIP_FRAMES * times.frame_s + MEASURES_S / cores
    return [
        Row(
            "shards",
            f"{len(plan.clips):,} clips",
            etl_s / 3600,
            len(plan.clips) * CLIP_BYTES / GB,
        ),
        Row(
            "training",
            f"{' + '.join(steps)} steps of {train.data.batch_size} clips",
            train_s / 3600,
            _checkpoint_bytes(train, sizes) / GB,
        ),
        Row("figures", f"{asked:,} videos", asked * each_s / 3600, 0.1),
    ], clips


def _checkpoint_bytes(train: TrainConfig, sizes: RunSizes) -> float:
    """Return the bytes of the checkpoints that a run keeps, and of the one being written."""
    floats = 3 * sum(sizes.parameters.values())
    floats += sizes.parameters["generator"] if train.optim.ema else 0
    best = train.checkpoint.keep_best != "none" and train.validation.clips > 0
    return 4.0 * floats * (train.checkpoint.keep_last + best + 1)


def _source_lacks(plan: Plan) -> list[Lack]:
    """Look at some files of the corpus: a clone without git-lfs holds pointers."""
    if not plan.clips:
        return [Lack("clips: the source holds none", "name CREMA-D's folder: SOURCE=DIR")]
    files = [clip.video for clip in plan.clips.values() if isinstance(clip.video, Path)]
    looked_at = files[:: max(1, len(files) // LOOKED_AT)]
    faults: list[Rejection] = []
    for file in looked_at:
        try:
            check_file(file)
        except Rejection as rejection:
            faults.append(rejection)
    if not faults:
        return []
    what = f"clips: {len(faults)} of {len(looked_at)} looked at cannot be read ({faults[0].detail})"
    remedy = f"{REASONS[faults[0].reason].advice}; clips that stay so are left out and named"
    return [Lack(what, remedy, fatal=len(faults) == len(looked_at))]


def _model_lacks(etl: EtlConfig) -> list[Lack]:
    """Return what is missing of the landmark model."""
    marks = etl.landmarks
    if marks.backend == "insightface":
        folder = marks.root.expanduser() / "models" / marks.pack
        if any(folder.glob("*.onnx")):
            return []
        own = "ETL_SETTINGS='landmarks.root=DIR landmarks.pack=NAME' for one that you have"
        if marks.pack != "buffalo_l":
            return [Lack(f"landmark pack: no models in {folder}", own)]
        remedy = f"the ETL downloads buffalo_l when it first needs it (internet); or {own}"
        return [Lack(f"landmark pack: no models in {folder}", remedy, fatal=False)]
    named = {"landmarks.detector": marks.detector, "landmarks.landmarker": marks.landmarker}
    missing = [f"{key}={path}" for key, path in named.items() if path and not path.is_file()]
    return [Lack(f"landmark model: no {part}", "give the one that is there") for part in missing]


def _machine_lacks(work: Path, gigabytes: float, train: TrainConfig, sizes: RunSizes) -> list[Lack]:
    lacks = []
    there = next(folder for folder in (work, *work.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free / GB
    if free < gigabytes:
        what = f"disk: {free:.1f} GB free in {there}, {gigabytes:.1f} needed"
        lacks.append(Lack(what, "make room, or name a folder on another disk: WORK=DIR"))
    needed = sum(size for _, size in memory_rows(train, sizes, {"generator": None})) / GIB
    available = psutil.virtual_memory().available / GIB
    if available < needed:
        what = f"memory: {available:.1f} GiB free, the training takes about {needed:.1f}"
        remedy = "end other programs, or TRAIN_SETTINGS=runtime.accumulate=2"
        lacks.append(Lack(what, remedy, fatal=False))
    return lacks


def _mlflow_lacks(train: TrainConfig) -> list[Lack]:
    """Return whether the tracking server answers; a run goes on without it."""
    if not train.tracking.mlflow.enabled:
        return []
    address = urlsplit(tracking_uri(train.tracking.mlflow))
    if address.scheme not in ("http", "https") or address.hostname is None:
        return []
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), timeout=MLFLOW_S).close()
    except OSError as error:
        what = f"MLflow: nobody answers at {address.hostname}:{port} ({error})"
        remedy = "start it, or TRAIN_SETTINGS=tracking.mlflow.uri=sqlite:///mlflow.db; figures are "
        return [Lack(what, remedy + "kept in the run folder and sent later", fatal=False)]
    return []


def _baseline_lacks(evaluation: EvaluateConfig) -> list[Lack]:
    if evaluation.baseline is None:
        remedy = "emotalk import-original generator.pt --output DIR, then BASELINE=DIR"
        what = "baseline: no BASELINE is given, so the report has no column of the original"
        return [Lack(what, remedy, fatal=False)]
    try:
        find_model(evaluation.baseline)
    except WrongUse as error:
        return [Lack(f"baseline: {error}", "BASELINE=DIR of emotalk import-original, or none")]
    return []


def _page(work: Path, rows: list[Row], clips: dict[str, int], lacks: list[Lack]) -> str:
    lines = [f"{'into ' + str(work):<48}{'hours':>8}{'GB':>8}"]
    lines += [
        f"  {row.step:<10}{row.work:<36}{row.hours:>8.2f}{row.gigabytes:>8.2f}" for row in rows
    ]
    hours, gigabytes = sum(row.hours for row in rows), sum(row.gigabytes for row in rows)
    lines.append(f"  {'together':<46}{hours:>8.2f}{gigabytes:>8.2f}")
    split = ", ".join(f"{name} {count:,}" for name, count in clips.items())
    lines += [
        f"  clips: {split}. Training was measured here just now, shards and figures are rough.",
        "",
        "what is missing" if lacks else "nothing is missing",
    ]
    for lack in lacks:
        lines.append(f"  {'lacks' if lack.fatal else 'note':<6} {lack.what}")
        lines.append(f"         -> {lack.remedy}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
