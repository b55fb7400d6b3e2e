"""The web page: a picture, a recording and an emotion in, a video out, on this machine.

Files go up one by one (`PUT /api/files`), a video is ordered (`POST /api/videos`), asked after
until it is done and may be given up (`DELETE`). One video is made at a time. Everything lies in a
temporary folder that goes with the server. The page holds no limits of its own: they are the
server's (`server_limits`, `body_limits`, `temporary_files`, `order_queue`).
"""

import logging
import re
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.inference.body_limits import TRY_AGAIN_S, BodyLimits
from emotalk.inference.order_queue import Job, OrderQueue, QueueFull
from emotalk.inference.server_limits import USUAL, ServerLimits
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.inference.temporary_files import NoRoom, TemporaryFiles
from emotalk.media.sound_length import is_longer_than
from emotalk.printable import printable_lines

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    from emotalk.inference.timed_connections import timed_protocol
except ModuleNotFoundError as error:
    raise WrongUse(
        f"the web page needs the package {error.name}; pip install 'emotalk[app]'"
    ) from None

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  what a user may ask for, not the default
LEAVE_S = 5  # that requests under way may take when the server ends

logger = logging.getLogger(__name__)
FileName = Annotated[str, Field(max_length=64)]


class Order(Section):
    """An order of the page; files by the names that `PUT /api/files` gave them."""

    image: FileName
    audio: FileName
    emotion: str = Field(max_length=2000)
    face: str | None = Field(default=None, max_length=20)
    seed: int = Field(default=0, ge=0, lt=2**63)
    scale: int = Field(default=1, ge=1, le=4)


@dataclass(frozen=True)
class Studio:
    """Handlers of the page's requests, with the files, the queue and the generator.

    Attributes:
        loaded: the generator.
        landmarks: who finds faces; None: pictures are aligned crops.
        limits: of the server.
        uploads: what browsers sent.
        queue: what they ordered.
    """

    loaded: LoadedGenerator
    landmarks: LandmarksConfig | None
    limits: ServerLimits
    uploads: TemporaryFiles
    queue: OrderQueue

    async def take_file(self, request: Request) -> Response:
        """Keep the request's body under a name of its own."""
        shown = request.query_params.get("name", "")
        try:
            with self.uploads.receiving(shown) as incoming:
                async for chunk in request.stream():
                    incoming.file.write(chunk)
        except ClientDisconnect:
            return _refusal("the browser has gone", 400)
        except NoRoom:
            return _refusal("too many files wait for orders; try again in a moment", 429)
        return JSONResponse({"id": incoming.name}, 201)

    async def start_video(self, request: Request) -> Response:
        """Take an order and say under which name to ask after it."""
        try:
            order = validate(Order, await request.json(), "order")
        except ClientDisconnect:
            return _refusal("the browser has gone", 400)
        except RecursionError:
            return _refusal("the order is nested too deeply", 400)
        except ValueError as error:
            return _refusal(str(error), 400)
        names = (order.image, order.audio)
        unknown = [name for name in names if self.uploads.path(name) is None]
        if unknown:
            return _refusal(f"no such upload: {unknown[0]}; send the file again", 404)
        self.uploads.pin(names)
        try:
            job = self.queue.put(
                lambda job: self._make(order, job), lambda: self.uploads.let_go(names)
            )
        except QueueFull:
            self.uploads.let_go(names)
            return _refusal(
                f"{self.limits.waiting} orders wait already; try again in a few minutes", 429
            )
        return JSONResponse({"id": job.name, "place": self.queue.place(job)}, 202)

    async def show_video(self, request: Request) -> Response:
        """Say how far a video is, or give it up."""
        job = self.queue.get(request.path_params["name"])
        if job is None:
            return _refusal("no such video; it may have been dropped for newer ones", 404)
        if request.method == "DELETE":
            self.queue.cancel(job, "given up")
        facts = {"state": job.state, "message": job.message, "place": self.queue.place(job)}
        return JSONResponse({**facts, "done": job.done, "frames": job.frames})

    async def send_video(self, request: Request) -> Response:
        """Send the file, or the part of it that a player asks for."""
        job = self.queue.get(request.path_params["name"])
        if job is None or job.state != "done":
            return _refusal("no such video", 404)
        return FileResponse(job.output, media_type="video/mp4")

    async def describe(self, request: Request) -> Response:
        """Say what the model knows, and the server's limits."""
        del request
        facts = self.loaded.facts
        told = {"emotions": facts.emotions, "intensity": facts.use_intensity}
        return JSONResponse({**told, "limits": str(self.limits)})

    def close(self) -> None:
        """End the work and remove every file."""
        self.queue.close()
        self.uploads.close()

    def _make(self, order: Order, job: Job) -> None:
        image, audio = self.uploads.path(order.image), self.uploads.path(order.audio)
        assert image is not None, "pinned"
        assert audio is not None, "pinned"
        request = VideoRequest(
            image=image,
            audio=audio,
            emotion=order.emotion,
            output=job.output,
            landmarks=self.landmarks,
            face=order.face,
            seed=order.seed,
            scale=order.scale,
        )
        try:
            if is_longer_than(audio, self.limits.sound_s):
                raise WrongUse(
                    f"{audio.name}: longer than the {self.limits.sound_s / 60:g} minutes of speech "
                    "that this page takes; cut it, or use `emotalk generate`"
                )
            report = make_video(request, self.loaded, progress=job.show)
            job.message = _without_folders("; note: ".join([str(report), *report.notes]))
            job.state = "done"
        except WrongUse as error:
            job.message, job.state = _without_folders(str(error)), "refused"


def build_app(
    loaded: LoadedGenerator,
    landmarks: LandmarksConfig | None,
    *,
    hosts: tuple[str, ...],
    limits: ServerLimits = USUAL,
) -> Starlette:
    """Return the web application.

    Args:
        loaded: the generator.
        landmarks: who finds faces; None: pictures are aligned crops already.
        hosts: names under which browsers may reach it, so that other sites cannot; `*` for all.
        limits: of what browsers may take.
    """
    uploads = TemporaryFiles(limits.kept_files, limits.kept_bytes)
    queue = OrderQueue(
        uploads.folder,
        waiting=limits.waiting,
        kept=limits.kept_videos,
        abandoned_s=limits.abandoned_s,
    )
    studio = Studio(loaded, landmarks, limits, uploads, queue)
    page = files("emotalk.inference").joinpath("page.html").read_text("utf-8")

    async def show_page(request: Request) -> Response:
        del request
        return HTMLResponse(page)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        studio.close()

    app = Starlette(
        routes=[
            Route("/", show_page),
            Route("/api/model", studio.describe),
            Route("/api/files", studio.take_file, methods=["PUT"]),
            Route("/api/videos", studio.start_video, methods=["POST"]),
            Route("/api/videos/{name}", studio.show_video, methods=["GET", "DELETE"]),
            Route("/api/videos/{name}/video.mp4", studio.send_video),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
            Middleware(BodyLimits, limits=limits, upload_paths=("/api/files",)),
        ],
        lifespan=lifespan,
    )
    app.state.folder = uploads.folder
    return app


def serve(
    loaded: LoadedGenerator,
    landmarks: LandmarksConfig | None,
    *,
    host: str,
    port: int,
    limits: ServerLimits = USUAL,
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
    app = build_app(loaded, landmarks, hosts=hosts, limits=limits)
    address = listening.getsockname()
    logger.info("open http://%s:%s in a browser; stop with Ctrl-C", address[0], address[1])
    logger.info("limits: %s", limits)
    server_of(app, limits).run(sockets=[listening])


def server_of(app: Starlette, limits: ServerLimits) -> uvicorn.Server:
    """Return the server of an application, which holds connections to their limits."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            http=timed_protocol(limits.stall_s),
            limit_concurrency=limits.connections,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


def _without_folders(message: str) -> str:
    """Return a message with the temporary folder's paths shortened to file names."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/emotalk-app-[^/\s]+/(?:[0-9a-f]{{16}}/)?", "", message)


def _refusal(message: str, status: int) -> JSONResponse:
    facts: dict[str, Any] = {"message": printable_lines(message)}
    headers = {"Retry-After": str(TRY_AGAIN_S)} if status == 429 else None
    return JSONResponse(facts, status, headers)
