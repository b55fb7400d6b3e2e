"""Build the project's image with Debian's buildah, on a base that debootstrap makes.

No registry of images is asked. The steps run in a chroot, since a test machine may have neither
user namespaces nor a writable cgroup.
"""

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"  # Debian 12, as in the Dockerfile's own base
BASE = "localhost/debian-bare"
PROGRAMS = ("buildah", "crun", "debootstrap")
COPIES = "etc/pip.d"  # in the image: the files that pip's settings name
IN_A_CHROOT = ("--isolation", "chroot", "--network", "host")


def what_is_missing() -> str | None:
    """Return why this machine builds no images, or None where it does."""
    if os.getuid() != 0:
        return "debootstrap and an overlay of layers need root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install {' '.join(missing)}"
    return None


def pip_settings() -> dict[str, str]:
    """Return what pip is told on this machine by files and variables, which win."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    found = {name: str(ast.literal_eval(value)) for name, _, value in pairs}
    by_strength = sorted(found, key=lambda name: name.startswith(":env:"))
    return {name.rpartition(".")[2]: " ".join(found[name].split()) for name in by_strength}


def local_paths(settings: dict[str, str]) -> list[Path]:
    """Return the files and folders of this machine that pip's settings name."""
    words = (word.removeprefix("file://") for value in settings.values() for word in value.split())
    return [Path(word) for word in words if word.startswith("/") and Path(word).exists()]


@dataclass(frozen=True)
class Builder:
    """Run buildah with a store of its own.

    Attributes:
        folder: holds the store of images.
    """

    folder: Path

    def call(self, *words: str, check: bool = True) -> str:
        """Run buildah; return what it printed on both streams.

        Raises:
            RuntimeError: it failed and `check` is set; with all that it printed.
        """
        for name in ("store", "run", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        command = ["buildah", "--root", str(self.folder / "store")]
        command += ["--runroot", str(self.folder / "run"), "--storage-driver", "overlay", *words]
        done = subprocess.run(
            command,
            env={**os.environ, "TMPDIR": str(self.folder / "tmp")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: code {done.returncode}\n{done.stdout}")
        return done.stdout

    def make_base(self) -> None:
        """Make a minimal Debian an image, with pip's settings of this machine."""
        root = self.folder / "root"
        subprocess.run(
            ["debootstrap", "--variant=minbase", SUITE, str(root)], check=True, capture_output=True
        )
        settings = pip_settings()
        files = [path for path in local_paths(settings) if path.is_file()]
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        text = "".join(["[global]\n", *lines])
        (root / COPIES).mkdir()
        for path in files:  # to a place of their own: a package writes the certificates anew
            shutil.copy2(path, root / COPIES / path.name)
            text = text.replace(str(path), f"/{COPIES}/{path.name}")
        (root / "etc" / "pip.conf").write_text(text)
        container = self.call("from", "scratch").strip()
        self.call("add", "--quiet", container, str(root), "/")
        self.call("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)

    def build(self, project: Path, image: str) -> str:
        """Build the project's Dockerfile on the base; return what was printed."""
        # An index's pages link to files in a folder beside them.
        folders = {Path(*path.parts[:3]) for path in local_paths(pip_settings()) if path.is_dir()}
        mounts = [f"--volume={folder}:{folder}:ro" for folder in sorted(folders)]
        return self.call(
            "bud", "--layers", "--format", "docker", "--pull-never", *IN_A_CHROOT, *mounts,
            "--build-arg", f"BASE={BASE}", "-f", str(project / "launch/container/Dockerfile"),
            "-t", image, str(project),
        )  # fmt: skip

    def layers(self, image: str) -> list[str]:
        """Return the digests of an image's layers, the base's first."""
        shown = self.call(
            "inspect", "--type", "image", "--format", "{{.OCIv1.RootFS.DiffIDs}}", image
        )
        return shown.strip().strip("[]").split()

    def start(self, image: str) -> str:
        """Return the name of a new container of an image."""
        return self.call("from", "--pull-never", image).split()[-1]

    def run(self, container: str, command: str) -> str:
        """Run a line of bash in a container as the image's user; return what it printed."""
        return self.call("run", *IN_A_CHROOT, container, "--", "bash", "-euo", "pipefail", "-c",
                         command)  # fmt: skip

    def remove_all(self) -> None:
        """Remove all containers and images, then the folder."""
        self.call("rm", "--all", check=False)
        self.call("rmi", "--all", "--force", check=False)
        mounted = self.folder / "store" / "overlay"
        if mounted.is_mount():
            subprocess.run(["umount", str(mounted)], check=True)
        shutil.rmtree(self.folder)
