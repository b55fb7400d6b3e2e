"""Handle the web page's requests: uploads, orders and videos."""

import re
import tempfile
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.inference.body_limits import TRY_AGAIN_S
from emotalk.inference.order_queue import Job, OrderQueue, QueueFull
from emotalk.inference.server_limits import ServerLimits
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.inference.temporary_files import NoRoom, TemporaryFiles
from emotalk.media.sound_length import is_longer_than
from emotalk.printable import printable_lines

FileName = Annotated[str, Field(max_length=64)]


class Order(Section):
    """An order from the page; its files are named by the answers to `PUT /api/files`."""

    image: FileName
    audio: FileName
    emotion: str = Field(max_length=2000)
    face: str | None = Field(default=None, max_length=20)
    seed: int = Field(default=0, ge=0, lt=2**63)
    scale: int = Field(default=1, ge=1, le=4)


@dataclass(frozen=True)
class VideoService:
    """Handles the page's requests; see `build_app` for the fields."""

    loaded: LoadedGenerator
    landmarks: LandmarksConfig | None
    limits: ServerLimits
    uploads: TemporaryFiles
    queue: OrderQueue

    async def take_file(self, request: Request) -> Response:
        """Store the request's body as a file and return its name."""
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
        """Queue an order and return its name."""
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
                lambda job: self._make(order, job), lambda: self.uploads.unpin(names)
            )
        except QueueFull:
            self.uploads.unpin(names)
            return _refusal(
                f"{self.limits.waiting} orders wait already; try again in a few minutes", 429
            )
        return JSONResponse({"id": job.name, "place": self.queue.place(job)}, 202)

    async def show_video(self, request: Request) -> Response:
        """Return the progress of a video, or cancel it."""
        job = self.queue.get(request.path_params["name"])
        if job is None:
            return _refusal("no such video; it may have been dropped for newer ones", 404)
        if request.method == "DELETE":
            self.queue.cancel(job, "given up")
        facts = {"state": job.state, "message": job.message, "place": self.queue.place(job)}
        return JSONResponse({**facts, "done": job.done, "frames": job.frames})

    async def send_video(self, request: Request) -> Response:
        """Return the video file, or the range of it that a player requests."""
        job = self.queue.get(request.path_params["name"])
        if job is None or job.state != "done":
            return _refusal("no such video", 404)
        return FileResponse(job.output, media_type="video/mp4")

    async def describe(self, _request: Request) -> Response:
        """Return the model's emotions, what it knows, and the server's limits."""
        facts = self.loaded.facts
        knowledge = what_it_knows(facts)
        described = {
            "emotions": facts.emotions,
            "intensity": facts.use_intensity,
            "knows": str(knowledge),
            "never_learnt": knowledge.never_learnt,
        }
        return JSONResponse({**described, "limits": str(self.limits)})

    def close(self) -> None:
        """Stop the worker and remove every file."""
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


def _without_folders(message: str) -> str:
    """Return a message with paths in the temporary folder shortened to file names."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/emotalk-app-[^/\s]+/(?:[0-9a-f]{{16}}/)?", "", message)


def _refusal(message: str, status: int) -> JSONResponse:
    headers = {"Retry-After": str(TRY_AGAIN_S)} if status == 429 else None
    return JSONResponse({"message": printable_lines(message)}, status, headers)
