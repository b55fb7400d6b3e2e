"""What operating systems leave among clips is no clip, and is told once."""

import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from emotalk.config.etl import EtlConfig
from etl.corpora.system_files import without_system_files
from etl.job.console import show_plan
from etl.job.plan import make_plan
from tests.helpers.clips import write_crema_d

LEFT = (
    "VideoFlash/._1001_IEO_ANG_HI.flv", "VideoFlash/.DS_Store", "VideoFlash/Thumbs.db",
    "VideoFlash/desktop.ini", "VideoFlash/@eaDir/1001_IEO_ANG_HI.flv",
    "VideoFlash/.AppleDouble/1001_IEO_ANG_HI.flv", "VideoFlash/.hidden/deep/1001_IEO_ANG_HI.flv",
    "VideoFlash/__MACOSX/._1001_IEO_ANG_HI.flv",
)  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_a_leaving_is_passed_over(name: str) -> None:
    assert without_system_files([name, "VideoFlash/1001_IEO_ANG_HI.flv"]) == (
        ["VideoFlash/1001_IEO_ANG_HI.flv"], 1
    )  # fmt: skip


def test_names_that_only_look_so_stay() -> None:
    names = ["a.b/c._d.mp4", "thumbs.mp4", "desktop.ini.mp4", "eaDir/x.mp4"]
    assert without_system_files(names) == (names, 0)


def test_a_corpus_that_a_mac_copied_has_as_many_clips_as_before(tmp_path: Path) -> None:
    source = write_crema_d(tmp_path / "corpus", actors=2)
    clean = config(source, tmp_path)
    before = make_plan(clean)
    for name in LEFT:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x00\x05\x16\x07")
    after = make_plan(clean)
    assert (after.found, after.rejected, after.digest) == (6, (), before.digest)
    assert (before.system_files, after.system_files) == (0, len(LEFT))
    text = StringIO()
    show_plan(Console(file=text, width=200), clean, after)
    assert text.getvalue().count("8 files without a clip passed over") == 1


def test_mead_s_hidden_files_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "mead" / "M003" / "video" / "front" / "angry" / "level_1"
    folder.mkdir(parents=True)
    for actor in ("M004", "M005"):
        shutil.copytree(tmp_path / "mead" / "M003", tmp_path / "mead" / actor)
        (tmp_path / "mead" / actor / "video" / "front" / "angry" / "level_1" / "001.mp4").touch()
    (folder / "001.mp4").touch()
    (folder / "._001.mp4").touch()
    plan = make_plan(config(tmp_path / "mead", tmp_path, corpus="mead"))
    assert (plan.found, plan.system_files) == (3, 1)


def config(source: Path, folder: Path, *, corpus: str = "crema_d") -> EtlConfig:
    return EtlConfig.model_validate(
        {"corpus": corpus, "source": str(source), "output": str(folder / "out"),
         "split": {"by": "clip"}}
    )  # fmt: skip
