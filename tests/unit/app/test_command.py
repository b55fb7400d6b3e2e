"""`emotalk app`, started as people start it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.helpers.tiny_model import write_tiny_model


def heed_interrupts() -> None:
    """Undo what a shell does to a job in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_the_command_prints_one_line_with_address_and_model_and_ends_with_ctrl_c(
    tmp_path: Path,
) -> None:
    model = write_tiny_model(tmp_path / "model")
    words = ["app", "--checkpoint", str(model), "--port", "0", "--landmarks", "aligned"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "400"}
    command = [sys.executable, "-m", "emotalk.cli", *words]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  this process has no threads yet
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        found = re.search(r"open (http://127\.0\.0\.1:\d+) in a browser \(Ctrl-C stops\)", line)
        assert found, line
        assert "it knows faces that were not recorded" in line
        with urllib.request.urlopen(found[1], timeout=60) as page:  # noqa: S310  our own address
            assert b"emotalk" in page.read()
        assert list(tmp_path.glob("emotalk-app-*"))
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
    assert "Traceback" not in rest
    assert rest == ""
    assert running.returncode == 130, "as any program that Ctrl-C ends"
    assert not list(tmp_path.glob("emotalk-app-*"))
