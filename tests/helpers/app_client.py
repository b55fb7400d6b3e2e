"""Call the page's API as a program does, and run the page's server in a thread of this process."""

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from emotalk.app.server import build_app, build_server
from emotalk.app.server_limits import DEFAULT_LIMITS, ServerLimits
from emotalk.config.etl import LandmarksConfig
from tests.helpers.tiny_model import tiny_loaded

API = "/gradio_api"
WAIT_S = 60.0


def image_bytes(size: int = 128) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), (200, 150, 120)).save(file, "PNG")
    return file.getvalue()


def audio_bytes(seconds: float = 0.5) -> bytes:
    file = io.BytesIO()
    samples = 0.3 * np.sin(np.arange(int(16000 * seconds)) / 5)
    soundfile.write(file, samples, 16000, format="WAV")
    return file.getvalue()


def file_data(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def upload(client: Any, content: bytes, name: str) -> str:
    """Return the path that the server gave to an uploaded file."""
    answer = client.post(f"{API}/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def call(client: Any, data: list[Any], name: str = "talk") -> tuple[str, Any]:
    """Return the last event of a call, `complete` or `error`, and its data."""
    begun = client.post(f"{API}/call/{name}", json={"data": data})
    assert begun.status_code == 200, begun.text
    stream = client.get(f"{API}/call/{name}/{begun.json()['event_id']}").text
    events = [part for part in stream.split("\n\n") if part.strip()]
    kind, _, text = events[-1].partition("\n")
    return kind.removeprefix("event: "), json.loads(text.removeprefix("data: "))


def talk(
    client: Any,
    image: bytes,
    *,
    emotion: str = "happiness",
    face: str = "",
    scale: int = 1,
    audio: bytes | None = None,
) -> tuple[str, Any]:
    """Return the last event of a call that makes a video."""
    files = [
        file_data(upload(client, image, "me.png")),
        file_data(upload(client, audio or audio_bytes(), "hello.wav")),
    ]
    return call(client, [*files, emotion, face, False, scale, 0])


@dataclass
class RunningApp:
    """Hold a server on a free port."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def files(self) -> list[Path]:
        """Return the temporary files, without the page's examples."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return [path for path in found if path.parent.name != "examples"]


def until(condition: Any) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@contextmanager
def running_app(
    landmarks: LandmarksConfig | None = None,
    *,
    limits: ServerLimits = DEFAULT_LIMITS,
    loaded: Any = None,
    **more: Any,
) -> Iterator[RunningApp]:
    """Run the server in a thread; at the end it stops and its files are gone."""
    hosts = ("localhost", "127.0.0.1")
    app = build_app(loaded or tiny_loaded(), landmarks, hosts=hosts, limits=limits, **more)
    running = build_server(app, limits)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until(lambda: running.started)
    try:
        yield RunningApp(listening.getsockname()[1], app.state.folder)
    finally:
        running.should_exit = True
        thread.join(WAIT_S)
    assert not thread.is_alive()
    assert not app.state.folder.exists(), "temporary files go with the server"
