"""Workers and the driver are killed; the same command, started again, ends with the same bytes."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.clips import write_crema_d
from tests.helpers.etl_run import PROJECT, EtlRun, digests, finished_clips, made_in_one_process
from tests.helpers.shared import shared_data

CONFIGS = PROJECT / "configs" / "etl"
OWN_RAY = ("ray_address=local", "workers=2", "samples_per_shard=4")
SEED = 7
DEATHS = {"worker": 12, "driver": 5}


def drawn(folder: Path, actors: int = 6) -> tuple[str, ...]:
    """Return the arguments for a corpus of drawn clips with their landmarks beside them."""
    corpus = write_crema_d(folder / "corpus", actors=actors, seconds=2.0)
    sidecar = "landmarks.backend=sidecar"
    return (str(CONFIGS / "crema_d.yaml"), f"source={corpus}", sidecar, *OWN_RAY)


def filmed(folder: Path) -> tuple[str, ...]:
    """Return the arguments for the real clips, whose faces a detector and a network find."""
    data = shared_data("data", "clips")
    names = [path.relative_to(data).as_posix() for path in sorted(data.rglob("*.m*"))]
    rows = [f"{name},{number % 5},neutral\n" for number, name in enumerate(names)]
    table = folder / "clips.csv"
    table.write_text("".join(["clip,actor,emotion\n", *rows]))
    models = (f"landmarks.root={data.parent / 'insightface'}", "landmarks.pack=faces68")
    return (
        str(CONFIGS / "folder.yaml"), f"source={data}", f"clips={table}", *models, *OWN_RAY,
        "max_rejected_share=1",
    )  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_killed_worker_and_a_killed_driver_change_no_byte(tmp_path: Path) -> None:
    command, output = drawn(tmp_path), tmp_path / "out"
    wanted = made_in_one_process(command, tmp_path / "wanted")
    run = EtlRun(*command, f"output={output}")
    run.wait_for(lambda: finished_clips(output) >= 2)
    assert run.kill_worker(random.Random(SEED))
    run.wait_for(lambda: finished_clips(output) >= 5)
    assert run.kill_driver() == [], "processes of the killed run stay behind"
    assert not (output / "manifest.json").exists()
    assert finished_clips(output) >= 5
    code, said = EtlRun(*command, f"output={output}").finish()
    assert code == 0, said
    assert digests(output) == wanted
    assert not run.agents_stay()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "corpus"), [("drawn", drawn), ("filmed", filmed)])
def test_deaths_at_random_moments_change_no_byte(
    tmp_path: Path, name: str, corpus: Callable[[Path], tuple[str, ...]]
) -> None:
    rng, left, rows = random.Random(SEED), dict(DEATHS), []
    command, output = corpus(tmp_path), tmp_path / "out"
    wanted = made_in_one_process(command, tmp_path / "wanted")
    total = sum(name.endswith(".tar") for name in wanted) * 4
    killed_runs: list[EtlRun] = []
    code = -1
    while code:
        run, began, killed = EtlRun(*command, f"output={output}"), time.monotonic(), Counter[str]()
        last = rng.uniform(0, 0.8 * total) if left["driver"] else float("inf")
        still = rng.uniform(0.0, 6.0) if finished_clips(output) >= last else 0.0
        death = began
        while run.running and (finished_clips(output) < last or time.monotonic() < began + still):
            time.sleep(0.02)
            if left["worker"] and time.monotonic() >= death and run.kill_worker(rng):
                left["worker"] -= 1
                killed["worker"] += 1
                death = time.monotonic() + rng.uniform(0.2, 2.5)
        if run.running and left["driver"]:
            assert run.kill_driver() == [], "processes of the killed run stay behind"
            killed_runs.append(run)
            left["driver"] -= 1
            killed["driver"] += 1
            here = digests(output)
            shards = [name for name in here if name.endswith((".tar", ".index.json"))]
            assert {name: here[name] for name in shards}.items() <= wanted.items(), "half a shard"
        else:
            code, said = run.finish()
            assert code == 0, said
        rows.append((time.monotonic() - began, killed, finished_clips(output)))
    tell(name, rows)
    assert len(killed_runs) >= 3
    assert sum(killed["worker"] for _, killed, _ in rows) >= DEATHS["worker"] // 2
    assert digests(output) == wanted
    assert not [run for run in killed_runs if run.agents_stay()]


def tell(name: str, rows: list[tuple[float, Counter[str], int]]) -> None:
    """Print a line for each run (seen with `-s`)."""
    out = sys.stdout
    out.write(f"\n{name:<8}{'seconds':>8}{'workers killed':>16}{'driver killed':>15}  kept\n")
    for number, (seconds, killed, kept) in enumerate(rows, start=1):
        end = f"{killed['worker']:>16}{killed['driver']:>15}{kept:>6}"
        out.write(f"run {number:<4}{seconds:>8.1f}{end}\n")
