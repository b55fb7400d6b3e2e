"""Handle the events of the page, and the calls of its API."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotalk.app import shown_text
from emotalk.app.face_choice import draw_boxes, face_at
from emotalk.app.face_finder import FaceFinder
from emotalk.app.order_queue import Job
from emotalk.app.quiet_gradio import gradio as gr
from emotalk.app.video_orders import VideoOrders, without_folders
from emotalk.app.wish import CHANGING, ONE, ChosenFace, Wish
from emotalk.errors import WrongUse
from emotalk.inference.face import ALIGNED

POLL_S = 0.25
ALIGNED_ADVICE = f", or {ALIGNED}"

Update = Any  # what Gradio makes of a component's new properties


@dataclass(frozen=True)
class Made:
    """A finished video of a session."""

    path: str
    caption: str


class PageEvents:
    """The handlers, named by what the user does."""

    def __init__(self, orders: VideoOrders, finder: FaceFinder) -> None:
        """Handle events with the server's queue and its face finder."""
        self._orders, self._finder = orders, finder
        self._emotions = orders.loaded.facts.emotions

    def give_picture(self, picture: str | None) -> tuple[Update, ...]:
        """Find the faces of a new picture; show them instead of the plain picture.

        Returns updates of: plain picture, shown picture, button for another, crop and note, choice,
        what the video shows.
        """
        if not picture:
            return self.take_another()
        try:
            self._check(picture)
            return (_hidden(), *self._show(ChosenFace(picture)))
        except WrongUse as error:
            note = shown_text.message(_plain(str(error)), bad=True)
            return gr.skip(), _hidden(), _hidden(), note, ChosenFace(), gr.skip()

    def take_another(self) -> tuple[Update, ...]:
        """Show the empty place for a picture again."""
        given = gr.update(value=None, visible=True)
        return given, _hidden(), _hidden(), "", ChosenFace(), gr.skip()

    def click_face(self, chosen: ChosenFace, click: gr.SelectData) -> tuple[Update, ...]:
        """Choose the face at a click; returns updates as `give_picture` without the first."""
        if not chosen.picture:
            return (gr.skip(),) * 5
        picture = Path(chosen.picture)
        boxes = self._finder.faces(picture, aligned=self._aligned(chosen.picture)).boxes
        face = face_at(boxes, *map(float, click.index))
        return self._show(chosen if face is None else replace(chosen, face=face))

    def show_way(self, how: str) -> tuple[Update, Update]:
        """Show the components of the chosen way to give an emotion: one, or a time line."""
        return gr.update(visible=how == ONE), gr.update(visible=how == CHANGING)

    def add_change(self, timeline: str, second: float, emotion: str, level: float) -> str:
        """Return the time line with one more change of emotion, in the order of time."""
        entry = emotion if level >= 1 else f"{emotion}:{level:g}"
        entries = dict(_entries(timeline))
        entries[float(second or 0)] = entry
        return ",".join(f"{start:g}={entries[start]}" for start in sorted(entries))

    def show_timeline(self, timeline: str) -> str:
        """Return a picture of the time line, or what is wrong with it."""
        return shown_text.timeline_strip(timeline, self._emotions)

    async def make(
        self,
        chosen: ChosenFace,
        made: tuple[Made, ...],
        request: gr.Request,
        *form: Any,
    ) -> AsyncIterator[tuple[Update, ...]]:
        """Order a video and yield its progress, at last the video; `form` is a `Wish`'s fields.

        Yields updates of: make button, stop button, status, video, save button, gallery, its state.
        """
        wish = Wish(*form)
        try:
            job = self._orders.put(wish.order(chosen), str(request.session_hash))
        except WrongUse as error:
            yield _idle(shown_text.message(_plain(str(error)), bad=True))
            return
        nothing: tuple[Update, ...] = (gr.skip(),) * 4
        while job.state == "working":
            self._orders.queue.get(job.name)  # says that somebody waits
            yield _busy(), _shown(), shown_text.progress(job, self._place(job)), *nothing
            await asyncio.sleep(POLL_S)
        if job.state != "done":
            text = "Stopped." if job.state == "cancelled" else _plain(job.message)
            yield _idle(shown_text.message(text, bad=job.state != "cancelled"))
            return
        made = self._kept(
            (Made(str(job.output), f"{wish.caption} · {time.strftime('%H:%M')}"), *made)
        )
        yield (
            *_idle(shown_text.done(_plain(job.message)))[:3],
            gr.update(value=str(job.output), visible=True),
            gr.update(value=str(job.output), visible=True),
            gr.update(value=[(one.path, one.caption) for one in made], visible=len(made) > 1),
            made,
        )

    def stop(self, request: gr.Request) -> None:
        """Cancel what the session has ordered; also called when its page is closed."""
        self._orders.cancel(str(request.session_hash))

    def click_made(self, made: tuple[Made, ...], click: gr.SelectData) -> tuple[Update, ...]:
        """Show a video of the gallery again."""
        path = made[int(click.index)].path
        return path, gr.update(value=path, visible=True)

    async def talk(
        self,
        image: str,
        audio: str,
        emotion: str,
        face: str,
        paste_back: bool,
        scale: int,
        seed: float,
        request: gr.Request,
    ) -> tuple[str, str]:
        """Make a video: the API's call.

        Args:
            image: picture of a face, in any common format.
            audio: speech, in any common format; also a video with sound.
            emotion: as `emotalk generate --emotion`: a name, a mixture or a time line.
            face: which of several: largest, or 0, 1, ... by size; empty if there is only one.
            paste_back: put the talking face back into the whole picture.
            scale: side of the video in units of 128 pixels, 1 to 4.
            seed: the same seed gives the same video.
            request: Gradio's, for the session.

        Returns:
            The MP4 file, and a line on it.
        """
        try:
            order = {"image": image or "", "audio": audio or "", "emotion": emotion or ""}
            more = {"face": face or None, "paste_back": paste_back, "scale": scale}
            job = self._orders.put(
                {**order, **more, "seed": int(seed or 0)}, str(request.session_hash)
            )
        except WrongUse as error:
            raise gr.Error(_plain(str(error)), print_exception=False) from None
        while job.state == "working":
            self._orders.queue.get(job.name)
            await asyncio.sleep(POLL_S)
        if job.state != "done":
            reason = _plain(job.message) or "the video was cancelled"
            raise gr.Error(reason, print_exception=False)
        return str(job.output), _plain(job.message)

    def _show(self, chosen: ChosenFace) -> tuple[Update, ...]:
        picture, aligned = Path(chosen.picture), self._aligned(chosen.picture)
        faces = self._finder.faces(picture, aligned=aligned)
        drawn_HWC = draw_boxes(faces.shown_HWC, faces.boxes, chosen.face)
        shown = gr.update(value=drawn_HWC, visible=True)
        frame = gr.update(visible=bool(faces.boxes))
        try:
            crop_HWC = self._finder.crop(picture, chosen.face, aligned=aligned)
        except WrongUse as error:
            note = shown_text.message(_plain(str(error)), bad=True)
            return shown, _shown(), note, replace(chosen, usable=False), frame
        note = shown_text.crop(crop_HWC, len(faces.boxes))
        return shown, _shown(), note, replace(chosen, usable=True), frame

    def _check(self, picture: str) -> None:
        files = self._orders.files
        if not files.is_lasting(Path(picture)) and files.name_of(Path(picture)) is None:
            raise WrongUse("The picture is no longer there; send it again.")

    def _aligned(self, picture: str) -> bool:
        return self._orders.files.is_lasting(Path(picture))

    def _place(self, job: Job) -> int:
        return self._orders.queue.place(job)

    def _kept(self, made: tuple[Made, ...]) -> tuple[Made, ...]:
        """Return the videos whose files the server still has."""
        return tuple(one for one in made if Path(one.path).exists())


def _entries(timeline: str) -> list[tuple[float, str]]:
    """Return what can be read of a time line: seconds and emotions."""
    found = re.findall(r"(?:^|,)\s*(\d+\.?\d*)\s*=\s*([^,]+)", timeline)
    return [(float(second), entry.strip()) for second, entry in found]


def _plain(text: str) -> str:
    """Return a message without folders, output names and what only the command line offers."""
    text = text.replace(ALIGNED_ADVICE, "")
    return re.sub(r"--(?=[a-z])", "", re.sub(r"^[0-9a-f]{16}\.mp4: ", "", without_folders(text)))


def _hidden() -> Update:
    return gr.update(visible=False)


def _shown() -> Update:
    return gr.update(visible=True)


def _busy() -> Update:
    return gr.update(interactive=False)


def _idle(status: str) -> tuple[Update, ...]:
    nothing: tuple[Update, ...] = (gr.skip(),) * 4
    return gr.update(interactive=True), _hidden(), status, *nothing
