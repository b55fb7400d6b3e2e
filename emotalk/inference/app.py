"""Serve the web page that makes a video from a picture, a recording and an emotion.

The page uploads files one by one (`PUT /api/files`), orders a video (`POST /api/videos`), polls it
until it is done and may cancel it (`DELETE`). Videos are made one at a time. All files are in a
temporary folder that is removed with the server. The server sets all limits (`server_limits`,
`body_limits`, `temporary_files`, `order_queue`).
"""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.inference.body_limits import BodyLimits
from emotalk.inference.order_queue import OrderQueue
from emotalk.inference.server_limits import DEFAULT_LIMITS, ServerLimits
from emotalk.inference.temporary_files import TemporaryFiles

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route

    from emotalk.inference.timed_connections import timed_protocol
    from emotalk.inference.video_service import VideoService
except ModuleNotFoundError as error:
    raise WrongUse(
        f"the web page needs the package {error.name}; pip install 'emotalk[app]'"
    ) from None

ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104  a choice of the user, not the default
SHUTDOWN_S = 5  # for open requests when the server stops

logger = logging.getLogger(__name__)


def build_app(
    loaded: LoadedGenerator,
    landmarks: LandmarksConfig | None,
    *,
    hosts: tuple[str, ...],
    limits: ServerLimits = DEFAULT_LIMITS,
) -> Starlette:
    """Return the web application.

    Without a landmark detector, pictures are aligned crops. `hosts` are the host names that
    requests may use, against requests from other sites; `*` for all.
    """
    uploads = TemporaryFiles(limits.kept_files, limits.kept_bytes)
    queue = OrderQueue(uploads.folder, limits)
    service = VideoService(loaded, landmarks, limits, uploads, queue)
    page = files("emotalk.inference").joinpath("page.html").read_text("utf-8")

    async def show_page(_request: Request) -> Response:
        return HTMLResponse(page)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    app = Starlette(
        routes=[
            Route("/", show_page),
            Route("/api/model", service.describe),
            Route("/api/files", service.take_file, methods=["PUT"]),
            Route("/api/videos", service.start_video, methods=["POST"]),
            Route("/api/videos/{name}", service.show_video, methods=["GET", "DELETE"]),
            Route("/api/videos/{name}/video.mp4", service.send_video),
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
    loaded: LoadedGenerator, landmarks: LandmarksConfig | None, *, host: str, port: int
) -> None:
    """Serve the page until interrupted.

    Raises:
        WrongUse: the server cannot listen on that address.
    """
    hosts = ("*",) if host in ALL_INTERFACES else ("localhost", "127.0.0.1", host)
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
    logger.info("limits: %s", DEFAULT_LIMITS)
    build_server(app, DEFAULT_LIMITS).run(sockets=[listening])


def build_server(app: Starlette, limits: ServerLimits) -> uvicorn.Server:
    """Return the server of an application, with limits on its connections."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            http=timed_protocol(limits.stall_s),
            limit_concurrency=limits.connections,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
