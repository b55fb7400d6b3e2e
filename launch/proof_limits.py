"""Compare the report of the proof on real faces with its limits, and check where it comes from.

    python launch/proof_limits.py proof proof/report

Exit code 1 where a figure falls short, or where the report is not of the model that the proof
trained with its own configuration on its own shards.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_blocks.drift import CONTROLS, loss_text
from emotalk.evaluation.report_blocks.drift import LIMIT as WORSE_LIMIT
from emotalk.evaluation.report_file import read_report
from emotalk.files.checksums import file_sha256

TRAIN_CONFIG = Path("configs/train/proof_real.yaml")
MARKS = {True: "[green]yes[/]", False: "[red]NO[/]", None: "told"}


class Limit(NamedTuple):
    """One promise of the proof: what was found, what was asked, and whether it is kept.

    A figure that is told without a limit has None for `kept`.
    """

    promise: str
    found: str
    asked: str
    kept: bool | None


def limits_of(report: Report) -> Iterator[Limit]:
    """Yield every promise on figures; a figure that is not there is not kept."""
    correlation, floor = (
        mean(report, "mouth_correlation"),
        mean(report, "mouth_correlation", "other_speech"),
    )
    amplitude = mean(report, "mouth_amplitude")
    yield at_least("mouth opening, correlation in speech", correlation, 0.75)
    yield at_least("... above another sentence's speech", correlation - floor, 0.30)
    yield Limit(
        "mouth opening, motion over the true one's",
        f"{amplitude:.3f}",
        "0.7 to 1.3",
        0.7 <= amplitude <= 1.3,
    )
    yield at_least("clips in sync within a frame (share)", mean(report, "sync_within_1"), 0.90)
    yield at_least("mouth shut on P, B, M (AUC)", mean(report, "closure_auc"), 0.90)
    still = mean(report, "nlmd_mouth", "repeat")
    gain = 1 - mean(report, "nlmd_mouth") / still
    yield at_least("NLMD of the mouth below repeat-frame's (share)", gain, 0.20)
    gain_db = mean(report, "psnr_mouth") - mean(report, "psnr_mouth", "repeat")
    yield at_least("PSNR of the mouth above repeat-frame's (dB)", gain_db, 0.0)


def told(report: Report) -> Iterator[Limit]:
    """Yield what nothing was promised of, so that a table of kept promises hides no weakness."""
    encoded, still = (mean(report, "sharpness_mouth", row) for row in ("reencoded", "repeat"))
    yield Limit(
        "sharpness of the mouth, of the true one's",
        f"{mean(report, 'sharpness_mouth'):.3f}",
        f"no limit; true video re-encoded {encoded:.3f}, still {still:.3f}",
        None,
    )
    if report.drift is not None:
        for control, losses in report.drift.losses.items():
            over = [
                f"{name} {loss_text(loss)}"
                for name, loss in losses.items()
                if loss.share > WORSE_LIMIT
            ]
            yield Limit(
                f"more than {100 * WORSE_LIMIT:g} % worse beyond 8 s than {CONTROLS[control]}",
                "; ".join(over) or "no figure",
                "no limit; the report says what may be chance",
                None,
            )


def provenance(report: Report, proof: Path) -> Iterator[Limit]:
    """Yield whether the report is of this proof's weights, shards and configuration."""
    weights = {file_sha256(path) for path in proof.glob("run/checkpoints/*/generator*.safetensors")}
    manifest = hashlib.sha256((proof / "shards" / "manifest.json").read_bytes()).hexdigest()
    words = [f"shards={proof / 'shards'}", f"run_dir={proof / 'run'}"]
    asked = load_config(TrainConfig, TRAIN_CONFIG, words)
    run = load_config(TrainConfig, proof / "run" / "config.yaml", [])
    trained = [part for part in TrainConfig.model_fields if part not in ("tracking", "shards")]
    different = [p for p in trained if getattr(asked, p) != getattr(run, p) and p != "run_dir"]
    yield Limit(
        "weights of the report",
        str(report.inputs.get("weights_sha256"))[:12],
        "of this run",
        report.inputs.get("weights_sha256") in weights,
    )
    yield Limit(
        "shards of the report",
        str(report.inputs.get("manifest_sha256"))[:12],
        "of this run",
        report.inputs.get("manifest_sha256") == manifest,
    )
    yield Limit(
        "configuration of the run",
        f"differs in {', '.join(different)}" if different else "equal",
        str(TRAIN_CONFIG),
        not different,
    )


def at_least(promise: str, value: float, limit: float) -> Limit:
    """Return the promise that a figure reaches a limit; NaN does not."""
    return Limit(promise, f"{value:.3f}", f"at least {limit:g}", value >= limit)


def mean(report: Report, quantity: str, row: str = "generated") -> float:
    """Return the mean of a quantity in a row of the report, NaN where there is none."""
    value = report.figures.get(quantity, {}).get(row)
    return float("nan") if value is None or value.mean is None else value.mean


def main() -> int:
    """Print all promises; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("proof", type=Path, help="folder of the proof, with shards and run")
    parser.add_argument("report", type=Path, help="folder of the report")
    given = parser.parse_args()
    try:
        report = read_report(given.report)
        found = [*limits_of(report), *told(report), *provenance(report, given.proof)]
    except WrongUse as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 2
    table = Table("promise", "found", "asked", "kept")
    for promise, value, asked, kept in found:
        table.add_row(promise, value, asked, MARKS[kept])
    Console().print(table)
    return 1 if any(limit.kept is False for limit in found) else 0


if __name__ == "__main__":
    sys.exit(main())
