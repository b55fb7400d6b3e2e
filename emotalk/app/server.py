"""Serve the page: Gradio's application behind the server's own limits.

Videos are made one at a time. All files are in a temporary folder that is removed with the server.
The server sets all limits (`server_limits`, `body_limits`, `temporary_files`, `order_queue`), and
`gate` lets only the page's own requests through.
"""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from emotalk.app.body_limits import BodyLimits
from emotalk.app.quiet_gradio import gradio as gr
from emotalk.app.quiet_gradio import use_folder, uvicorn
from emotalk.app.server_limits import DEFAULT_LIMITS, ServerLimits

# isort: split
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from emotalk.app.examples import make_examples
from emotalk.app.face_finder import FaceFinder
from emotalk.app.gate import API, UPLOAD, Gate
from emotalk.app.look import style, theme
from emotalk.app.page import build_page
from emotalk.app.page_events import PageEvents
from emotalk.app.password import Password
from emotalk.app.temporary_files import TemporaryFiles
from emotalk.app.timed_connections import timed_protocol
from emotalk.app.upload_route import UploadRoute
from emotalk.app.video_orders import VideoOrders
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse

ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104  a choice of the user, not the default
SHUTDOWN_S = 5  # for requests in work when the server stops

LOG = logging.getLogger(__name__)


def build_app(
    loaded: LoadedGenerator,
    landmarks: LandmarksConfig | None,
    *,
    hosts: tuple[str, ...],
    password: Password | None = None,
    limits: ServerLimits = DEFAULT_LIMITS,
) -> FastAPI:
    """Return the web application.

    Without a landmark detector, pictures are aligned crops. `hosts` are the host names that
    requests may use, against requests from other sites; `*` for all.
    """
    files = TemporaryFiles(limits.kept_files, limits.kept_bytes)
    use_folder(files.folder)
    examples = make_examples(files.lasting())
    orders = VideoOrders(loaded, landmarks, limits, files)
    events = PageEvents(orders, FaceFinder(landmarks))
    finds_faces = landmarks is not None
    page = build_page(loaded.facts, str(limits), examples, events, finds_faces=finds_faces)
    upload = UploadRoute(files)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        orders.close()

    app = FastAPI(
        openapi_url=None,
        routes=[
            Route(UPLOAD, upload.receive, methods=["POST"]),
            Route(f"{API}/upload_progress", upload.show_progress),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
            Middleware(BodyLimits, limits=limits, upload_paths=(UPLOAD,)),
            Middleware(Gate, folder=files.folder, password=password),
        ],
        lifespan=lifespan,
    )
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme(),
        css=style(),
        footer_links=["api", "settings"],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        max_file_size=limits.upload_bytes,
        show_error=False,  # of faults of ours; mistakes of users are shown anyway
    )
    for route in mounted.routes:
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):
            route.app.add_exception_handler(RequestValidationError, _refuse_unreadable)
    mounted.state.folder = files.folder
    return mounted


async def _refuse_unreadable(_request: Request, _error: Exception) -> JSONResponse:
    """Answer a request of another form; FastAPI would repeat it, which may be no valid JSON."""
    return JSONResponse({"message": "the request has not the form of this call"}, 422)


def serve(
    loaded: LoadedGenerator,
    landmarks: LandmarksConfig | None,
    *,
    host: str,
    port: int,
    model: str,
    password: Password | None = None,
) -> None:
    """Serve the page until interrupted.

    Args:
        loaded: the generator.
        landmarks: the face finder; None: pictures are aligned crops.
        host: address to listen on.
        port: likewise; 0 for any free one.
        model: what to print of the model, beside the address.
        password: who is let in; None: everybody.

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
    app = build_app(loaded, landmarks, hosts=hosts, password=password)
    address = listening.getsockname()
    shown = f"[{address[0]}]" if family == socket.AF_INET6 else address[0]
    LOG.info("open http://%s:%s in a browser (Ctrl-C stops); %s", shown, address[1], model)
    if password is None and not ip_address(address[0]).is_loopback:
        LOG.warning("everybody who reaches this machine may use the page; --user limits it")
    build_server(app, DEFAULT_LIMITS).run(sockets=[listening])


class PageServer(uvicorn.Server):
    """Ends at once: every open page keeps a connection, for which uvicorn would wait."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut the connections, then stop as uvicorn does."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def build_server(app: FastAPI, limits: ServerLimits) -> PageServer:
    """Return the server of an application, with limits on its connections."""
    return PageServer(
        uvicorn.Config(
            app,
            log_level="warning",
            http=timed_protocol(limits.stall_s),
            limit_concurrency=limits.connections,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
