"""The web page: a picture, a recording and an emotion in, a video out, on this machine.

Files go up one by one (`PUT /api/files`), a video is ordered (`POST /api/videos`) and asked after
until it is done. One video is made at a time. Everything lies in a temporary folder that goes with
the server.
"""

import asyncio
import logging
import re
import secrets
import socket
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.inference.load import LoadedGenerator
from emotalk.inference.talking_video import VideoRequest, make_video

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
    from starlette.routing import Route
except ModuleNotFoundError as error:
    raise WrongUse(
        f"the web page needs the package {error.name}; pip install 'emotalk[app]'"
    ) from None

LARGEST_UPLOAD = 200 * 2**20
KEPT = 40
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  what a user may ask for, not the default

logger = logging.getLogger(__name__)


class Order(Section):
    """What the page asks for; files by the names that `PUT /api/files` gave them."""

    image: str
    audio: str
    emotion: str
    face: str | None = None
    seed: int = Field(default=0, ge=0)
    scale: int = Field(default=1, ge=1, le=4)


@dataclass
class Job:
    """One video on its way.

    Attributes:
        output: the file.
        state: `refused` is the user's mistake, `failed` ours.
        message: what to tell the user.
        done: frames made.
        frames: frames in all; 0 until known.
    """

    output: Path
    state: Literal["working", "done", "refused", "failed"] = "working"
    message: str = ""
    done: int = 0
    frames: int = 0

    def show(self, done: int, frames: int) -> None:
        """Keep how far the video is."""
        self.done, self.frames = done, frames


@dataclass
class Studio:
    """Uploads, jobs and the one thread that makes videos.

    Attributes:
        loaded: the generator.
        landmarks: who finds faces; None: pictures are aligned crops.
        folder: where uploads and videos lie.
    """

    loaded: LoadedGenerator
    landmarks: LandmarksConfig | None
    folder: Path
    uploads: OrderedDict[str, Path] = field(default_factory=OrderedDict)
    jobs: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    async def take_file(self, request: Request) -> Response:
        """Keep the request's body under a name of its own."""
        shown = re.sub(r"[^\w.-]", "_", Path(request.query_params.get("name", "")).name)[-80:]
        name = secrets.token_hex(8)
        path = self.folder / name / (shown.lstrip(".") or "file")
        path.parent.mkdir()
        size = 0
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST_UPLOAD:
                    break
                file.write(chunk)
        if size > LARGEST_UPLOAD:
            path.unlink()
            return _refusal(f"the file is larger than {LARGEST_UPLOAD // 2**20} MiB", 413)
        self.uploads[name] = path
        while len(self.uploads) > 2 * KEPT:
            self.uploads.popitem(last=False)[1].unlink()
        return JSONResponse({"id": name}, 201)

    async def start_video(self, request: Request) -> Response:
        """Begin a video and say under which name to ask after it."""
        try:
            order = validate(Order, await request.json(), "order")
        except ValueError as error:
            return _refusal(str(error), 400)
        unknown = [name for name in (order.image, order.audio) if name not in self.uploads]
        if unknown:
            return _refusal(f"no such upload: {unknown[0]}; send the file again", 404)
        name = secrets.token_hex(8)
        job = self.jobs[name] = Job(self.folder / f"{name}.mp4")
        while len(self.jobs) > KEPT:
            self.jobs.popitem(last=False)[1].output.unlink(missing_ok=True)
        running = asyncio.get_running_loop().run_in_executor(self.worker, self._make, order, job)
        running.add_done_callback(lambda ended: _note_failure(job, ended))
        return JSONResponse({"id": name}, 202)

    async def show_video(self, request: Request) -> Response:
        """Say how far a video is."""
        job = self.jobs.get(request.path_params["name"])
        if job is None:
            return _refusal("no such video; it may have been dropped for newer ones", 404)
        facts = {"state": job.state, "message": job.message}
        return JSONResponse({**facts, "done": job.done, "frames": job.frames})

    async def send_video(self, request: Request) -> Response:
        """Send the file, or the part of it that a player asks for."""
        job = self.jobs.get(request.path_params["name"])
        if job is None or job.state != "done":
            return _refusal("no such video", 404)
        return FileResponse(job.output, media_type="video/mp4")

    async def describe(self, request: Request) -> Response:
        """Say what the model knows."""
        del request
        facts = self.loaded.facts
        return JSONResponse({"emotions": facts.emotions, "intensity": facts.use_intensity})

    def _make(self, order: Order, job: Job) -> None:
        request = VideoRequest(
            image=self.uploads[order.image],
            audio=self.uploads[order.audio],
            emotion=order.emotion,
            output=job.output,
            landmarks=self.landmarks,
            face=order.face,
            seed=order.seed,
            scale=order.scale,
        )
        try:
            report = make_video(request, self.loaded, progress=job.show)
            job.message = _without_folders("; note: ".join([str(report), *report.notes]))
            job.state = "done"
        except WrongUse as error:
            job.message, job.state = _without_folders(str(error)), "refused"


def build_app(
    loaded: LoadedGenerator, landmarks: LandmarksConfig | None, *, hosts: tuple[str, ...]
) -> Starlette:
    """Return the web application.

    Args:
        loaded: the generator.
        landmarks: who finds faces; None: pictures are aligned crops already.
        hosts: names under which browsers may reach it, so that other sites cannot; `*` for all.
    """
    folder = tempfile.TemporaryDirectory(prefix="emotalk-app-")
    studio = Studio(loaded, landmarks, Path(folder.name))
    page = files("emotalk.inference").joinpath("page.html").read_text("utf-8")

    async def show_page(request: Request) -> Response:
        del request
        return HTMLResponse(page)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        studio.worker.shutdown(cancel_futures=True)
        folder.cleanup()

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/api/model", studio.describe),
            Route("/api/files", studio.take_file, methods=["PUT"]),
            Route("/api/videos", studio.start_video, methods=["POST"]),
            Route("/api/videos/{name}", studio.show_video),
            Route("/api/videos/{name}/video.mp4", studio.send_video),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        lifespan=lifespan,
    )


def serve(
    loaded: LoadedGenerator, landmarks: LandmarksConfig | None, *, host: str, port: int
) -> None:
    """Serve the page until interrupted.

    Raises:
        WrongUse: nothing can listen on that address.
    """
    hosts = ("*",) if host in EVERYWHERE else ("localhost", "127.0.0.1", host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise WrongUse(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host and "
            "--port (0: any free)"
        ) from None
    app = build_app(loaded, landmarks, hosts=hosts)
    address = listening.getsockname()
    logger.info("open http://%s:%s in a browser; stop with Ctrl-C", address[0], address[1])
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def _note_failure(job: Job, ended: "asyncio.Future[None]") -> None:
    """Tell the user of a fault of ours; the log keeps its traceback."""
    if ended.cancelled():
        return
    fault = ended.exception()
    if fault is not None:
        job.state = "failed"
        job.message = "the video could not be made; the server's log says why"
        logger.error("a video failed", exc_info=fault)


def _without_folders(message: str) -> str:
    """Return a message with the temporary folder's paths shortened to file names."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/emotalk-app-[^/\s]+/(?:[0-9a-f]{{16}}/)?", "", message)


def _refusal(message: str, status: int) -> JSONResponse:
    facts: dict[str, Any] = {"message": message}
    return JSONResponse(facts, status)
