"""Make ordered videos: check an order, queue it, and say in the user's words what became of it."""

import re
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field

from emotalk.app.order_queue import Job, OrderQueue, QueueFull
from emotalk.app.server_limits import ServerLimits
from emotalk.app.temporary_files import TemporaryFiles
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.config.section import Section
from emotalk.errors import WrongUse
from emotalk.faces.on_demand import OnDemandDetector
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.media.sound_length import is_longer_than

LONG_SIDE = 1280  # pixels of a whole picture
FilePath = Annotated[str, Field(max_length=512)]


class Order(Section):
    """An order of the page or of a program; its files are paths of uploads."""

    image: FilePath
    audio: FilePath
    emotion: str = Field(max_length=2000)
    face: str | None = Field(default=None, max_length=20)
    seed: int = Field(default=0, ge=0, lt=2**63)
    scale: int = Field(default=1, ge=1, le=4)
    all_emotions: bool = False  # side by side
    paste_back: bool = False  # not for an example's picture, which is a crop


class VideoOrders:
    """Queues orders, and cancels those of a session that ends."""

    def __init__(
        self,
        loaded: LoadedGenerator,
        landmarks: LandmarksConfig | None,
        limits: ServerLimits,
        files: TemporaryFiles,
    ) -> None:
        """Start the queue; see `build_app` for the arguments."""
        self.loaded, self.landmarks, self.limits, self.files = loaded, landmarks, limits, files
        self._detector = None if landmarks is None else OnDemandDetector(landmarks)
        self.queue = OrderQueue(files.folder, limits)
        self._jobs: dict[str, list[Job]] = {}  # of a session

    def put(self, order: dict[str, object], session: str = "") -> Job:
        """Queue an order and return its job.

        Raises:
            WrongUse: the order is faulty, its files are gone, or too many orders wait.
        """
        checked = validate(Order, order, "order")
        names = [self._uploaded(path) for path in (checked.image, checked.audio)]
        pins = [name for name in names if name]
        self.files.pin(pins)
        try:
            job = self.queue.put(
                lambda job: self._make(checked, job), lambda: self.files.unpin(pins)
            )
        except QueueFull:
            self.files.unpin(pins)
            raise WrongUse(
                f"{self.limits.waiting} orders wait already; try again in a few minutes"
            ) from None
        if session:
            self._forget_finished()
            self._jobs.setdefault(session, []).append(job)
        return job

    def cancel(self, session: str) -> None:
        """Cancel the orders of a session that are not finished."""
        for job in self._jobs.pop(session, ()):
            self.queue.cancel(job, "stopped")

    def close(self) -> None:
        """Stop the worker and remove every file."""
        self.queue.close()
        self.files.close()

    def _uploaded(self, path: str) -> str:
        """Return the name of an upload by its path, or an empty string for an example's."""
        name = self.files.name_of(Path(path))
        if name is None and not self.files.is_lasting(Path(path)):
            raise WrongUse("a file is no longer there; send it again")
        return name or ""

    def _forget_finished(self) -> None:
        working = {
            session: [job for job in jobs if job.state == "working"]
            for session, jobs in self._jobs.items()
        }
        self._jobs = {session: jobs for session, jobs in working.items() if jobs}

    def _make(self, order: Order, job: Job) -> None:
        audio = Path(order.audio)
        example = self.files.is_lasting(Path(order.image))  # an aligned crop
        paste_back = order.paste_back and not example
        request = VideoRequest(
            image=Path(order.image),
            audio=audio,
            emotion=None if order.all_emotions else order.emotion,
            output=job.output,
            landmarks=None if example else self.landmarks,
            face=None if example else order.face,
            seed=order.seed,
            scale=1 if paste_back else order.scale,
            paste_back=paste_back,
            long_side=LONG_SIDE if paste_back and not order.all_emotions else None,
        )
        try:
            if is_longer_than(audio, self.limits.sound_s):
                raise WrongUse(
                    f"{audio.name}: longer than the {self.limits.sound_s / 60:g} minutes of speech "
                    "that this page takes; cut it, or use `emotalk generate`"
                )
            report = make_video(request, self.loaded, progress=job.show, detector=self._detector)
            job.message = without_folders("; note: ".join([str(report), *report.notes]))
            job.state = "done"
        except WrongUse as error:
            job.message, job.state = without_folders(str(error)), "refused"


def without_folders(message: str) -> str:
    """Return a message with paths in the temporary folder shortened to file names."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/emotalk-app-[^/\s]+/(?:[\w-]+/)?", "", message)
