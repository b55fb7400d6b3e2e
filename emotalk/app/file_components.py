"""Define Gradio's file components so that they pass on names of the server's own files only.

Gradio itself opens pictures in any format, converts videos with FFmpeg, downloads addresses and,
as a mounted application, accepts every path of the machine. Here a file is a path in the server's
folder and is opened by `emotalk.media` alone.
"""

import base64
from pathlib import Path
from typing import Any

from gradio.data_classes import FileData, ImageData

from emotalk.app.face_choice import jpeg_bytes
from emotalk.app.quiet_gradio import gradio as gr
from emotalk.schema import Bytes


class OwnFiles:
    """Accepts files of the server's folder alone; mixed into a component."""

    GRADIO_CACHE: str
    temp_files: set[str]

    def move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """Return the path unchanged.

        Raises:
            gradio.Error: it is an address, or outside the server's folder.
        """
        if url_or_file_path is None:
            return None
        folder, path = Path(self.GRADIO_CACHE).resolve(), Path(url_or_file_path)
        if not path.is_absolute() or not path.resolve().is_relative_to(folder):
            raise gr.Error(
                "this file was not uploaded here; send it to /gradio_api/upload first",
                print_exception=False,
            )
        return str(path)

    async def async_move_resource_to_block_cache(
        self, url_or_file_path: str | Path | None
    ) -> str | None:
        """Return the path unchanged, as `move_resource_to_block_cache` does."""
        return self.move_resource_to_block_cache(url_or_file_path)


class Picture(OwnFiles, gr.Image):  # type: ignore[misc]
    """A picture as the path of its file, in any format."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "image"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of an uploaded picture."""
        return None if payload is None else str(payload.path)

    def postprocess(self, value: str | None) -> ImageData | None:
        """Return a picture of the server's folder for the browser."""
        return None if value is None else ImageData(path=value, orig_name=Path(value).name)


class DrawnPicture(gr.Image):  # type: ignore[misc]
    """A picture that the server draws; it travels within the message, without a file."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "image"

    def postprocess(self, value: Bytes | None) -> ImageData | None:
        """Return an RGB picture for the browser."""
        if value is None:
            return None
        code = base64.b64encode(jpeg_bytes(value)).decode()
        return ImageData(url=f"data:image/jpeg;base64,{code}", orig_name="picture.jpg")


class Sound(OwnFiles, gr.Audio):  # type: ignore[misc]
    """A recording as the path of its file, in any format."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "audio"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of an uploaded recording."""
        return None if payload is None else str(payload.path)

    def postprocess(self, value: str | None) -> FileData | None:
        """Return a recording of the server's folder for the browser."""
        return None if value is None else FileData(path=value, orig_name=Path(value).name)


class Film(OwnFiles, gr.Video):  # type: ignore[misc]
    """A video that browsers play as it is."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "video"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the video."""
        return None if payload is None else str(payload.path)

    def postprocess(self, value: str | None) -> FileData | None:
        """Return a video of the server's folder for the browser."""
        return None if value is None else FileData(path=value, orig_name=Path(value).name)


class Films(OwnFiles, gr.Gallery):  # type: ignore[misc]
    """Several videos with their captions."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "gallery"


class SaveButton(OwnFiles, gr.DownloadButton):  # type: ignore[misc]
    """A button that saves a file of the server's folder."""

    def get_block_name(self) -> str:
        """Return the name of the browser's component."""
        return "downloadbutton"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the file; Gradio would leave an empty file behind."""
        return None if payload is None else str(payload.path)
