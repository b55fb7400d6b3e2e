"""The demo's script refuses what it cannot use before it makes anything."""

import os
import subprocess
from pathlib import Path

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
