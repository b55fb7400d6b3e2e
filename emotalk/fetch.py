"""Download third-party weights that training can use."""

from pathlib import Path

from emotalk.config.losses import VGG19_FILE, vgg19_file
from emotalk.errors import Stopped, WrongUse
from emotalk.files.checksums import file_sha256
from emotalk.media.download import Progress, WrongBytes, download

# torchvision's VGG19_Weights.IMAGENET1K_V1; the file's name holds how its sha256 begins.
VGG19_URL = f"https://download.pytorch.org/models/{VGG19_FILE}"
VGG19_SHA256 = "dcbb9e9d"
VGG19_MOST_BYTES = 600 * 10**6  # 574,673,361


def fetch_vgg19(
    output: Path | None = None, *, progress: Progress = lambda done, total: None
) -> Path:
    """Download VGG-19's weights to `output`, if they are missing, and return their path.

    By default it is the file where trainings look for them.

    Raises:
        WrongUse: the path holds another file, or cannot be written.
        Stopped: the download failed; the message says where to put a file that was got elsewhere.
    """
    path = vgg19_file() if output is None else output
    if path.is_dir():
        raise WrongUse(f"--output {path}: is a folder; name a file, e.g. {path / VGG19_FILE}")
    try:
        if path.exists():
            _check_present(path)
            return path
        download(
            VGG19_URL, path, sha256=VGG19_SHA256, max_bytes=VGG19_MOST_BYTES, progress=progress
        )
    except WrongBytes:
        raise
    except Stopped as error:
        raise Stopped(
            f"{error}; the same command goes on with what has come. Without a network here: get "
            f"{VGG19_FILE} from {VGG19_URL} elsewhere, put it at {path}, and run the command "
            "again to check it"
        ) from None
    except OSError as error:
        raise WrongUse(
            f"{path}: cannot be written: {error.strerror}; choose another --output"
        ) from None
    return path


def _check_present(path: Path) -> None:
    found = file_sha256(path)
    if not found.startswith(VGG19_SHA256):
        raise WrongUse(
            f"{path}: is there, but is not {VGG19_FILE}: its sha256 is {found}, not "
            f"{VGG19_SHA256}...; nothing is overwritten: move it away or choose another --output"
        )
