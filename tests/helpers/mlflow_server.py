"""Start a real `mlflow server` on this machine, kill it without warning, start it again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

READY_S = 240.0  # a busy machine loads it for long


class MlflowServer:
    """Run a server over a SQLite file and a folder of artifacts, on a port that stays its own."""

    def __init__(
        self, folder: Path, words: Sequence[str] = (), settings: Mapping[str, str] | None = None
    ) -> None:
        """Keep everything in `folder`; add words and settings of its environment."""
        self.folder, self.port = folder, free_port()
        self._words, self._settings = words, dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Return the address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        """Return the path of its database, to be read while it is stopped."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1", "--backend-store-uri", self.store]
        command += ["--artifacts-destination", str(self.folder / "artifacts"), *self._words]
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **self._settings}
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # ten processes for nothing
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it and its workers as a crash would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + READY_S
        while not self._answers():
            assert process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < end, "the MLflow server does not come up"
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
