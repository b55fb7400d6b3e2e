"""The demo's script refuses what it cannot use before it makes anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "launch" / "demo.sh"


def test_a_source_that_is_not_there_is_one_message_and_leaves_no_folder(tmp_path: Path) -> None:
    given = {"SOURCE": str(tmp_path / "none"), "DEMO_DIR": str(tmp_path / "demo")}
    done = subprocess.run(
        ["bash", str(DEMO)],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"demo: no folder {tmp_path}/none; give a folder of clips by SOURCE=DIR, or leave SOURCE "
        "out\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project whose programs write down their words; the ETL fails, which ends the demo."""
    folder = tmp_path / "project"
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copytree(DEMO.parent, folder / "launch")
    for name in ("python", "emotalk"):
        program = folder / ".venv/bin" / name
        program.write_text('#!/bin/bash\necho "$*" >>"$SAID"\n[[ $1 != etl/shard.py ]]\n')
        program.chmod(0o755)
    return folder


def etl_words(project: Path, source: Path) -> str:
    """Return the words that the demo gives to the ETL for a folder of clips."""
    said = project / "said"
    script = project / "launch" / "demo.sh"
    given = {"SOURCE": str(source), "DEMO_DIR": str(project / "demo"), "SAID": str(said)}
    subprocess.run(["bash", str(script)], env=os.environ | given, check=False, timeout=300)
    return next(line for line in said.read_text().splitlines() if line.startswith("etl/shard.py"))


@pytest.mark.parametrize("place", ["demo", "clips"])
def test_a_table_of_clips_that_is_there_is_taken_as_it_is(project: Path, place: str) -> None:
    source = project / "clips"
    source.mkdir()
    table = project / place / "clips.csv"
    table.parent.mkdir(exist_ok=True)
    table.write_text("clip,actor,emotion\na.mp4,anna,fear\n")
    assert f"clips={table} " in etl_words(project, source)
    assert table.read_text() == "clip,actor,emotion\na.mp4,anna,fear\n"
    assert "corpus init" not in (project / "said").read_text()
