"""A crash is told as text that is bounded, printable and the same on every node."""

import errno
import socket
from pathlib import Path

import pytest

from emotalk.errors import Stopped
from etl.clip import crash
from etl.clip.crash import (
    Crash,
    CrashCount,
    check_memory,
    check_readable,
    crash_of,
    is_machine_fault,
    naming_node,
    short_of_memory,
)
from etl.corpora.media_file import RemoteFile
from etl.paths import disk_fault

CLIP = Path("/data/corpus/one.flv")
HERE = socket.gethostname()


def test_a_crash_has_type_text_and_node() -> None:
    found = crash_of(IndexError("list index out of range"), CLIP)
    assert (found.text, found.node) == ("IndexError: list index out of range", HERE)


def test_the_place_in_the_project_s_own_code_is_named() -> None:
    with pytest.raises(TypeError) as caught:
        RemoteFile(None).name  # type: ignore[arg-type]  # noqa: B018
    assert "(media_file.py, line " in crash_of(caught.value, CLIP).text


def test_text_is_bounded_and_printable_and_holds_nothing_of_one_run_alone() -> None:
    said = crash_of(ValueError("\x1b[2J\ud800 at 0x7f12ab34cd56\n" + "x" * 9999), CLIP).text
    assert said.isprintable()
    assert len(said) < 400
    assert "0x7f12" not in said
    copy = crash_of(ValueError("cannot read '/tmp/emotalk-k3j4/one.flv'"), CLIP).text
    assert copy == "ValueError: cannot read 'one.flv'"
    assert crash_of(KeyError(), CLIP).text == "KeyError: no message"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ENOMEM])
def test_what_a_disk_or_the_kernel_says_is_no_clip_s_crash(number: int) -> None:
    error = OSError(number, "no", str(CLIP))
    with pytest.raises(OSError, match="no") as caught, naming_node("one.flv"):
        crash_of(error, CLIP)
    said = disk_fault(caught.value)
    assert said.startswith(f"{CLIP}: ")
    assert said.endswith(f"(on {HERE}, at one.flv)")


def test_ffmpegs_input_output_error_does_not_tell_of_the_disk() -> None:
    class TheirError(OSError):
        __module__ = "av.error"

    assert not is_machine_fault(TheirError(errno.EIO, "Input/output error"))
    assert is_machine_fault(OSError(errno.EIO, "Input/output error"))
    assert not is_machine_fault(OSError(errno.EACCES, "Permission denied"))


def test_a_package_that_does_not_load_is_the_nodes_fault() -> None:
    with pytest.raises(Stopped, match=rf"{HERE}: a package cannot be loaded there: libGL"):
        crash_of(ImportError("libGL.so.1: cannot open shared object file"), CLIP)


def test_a_file_on_a_faulty_disk_is_told_from_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_readable(tmp_path / "missing")
    check_readable(tmp_path)
    check_readable(RemoteFile("http://localhost:1/x"))
    clip = tmp_path / "a.flv"
    clip.write_bytes(b"noise" * 9)
    check_readable(clip)

    def faulty(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", str(clip))

    monkeypatch.setattr(Path, "open", faulty)
    with pytest.raises(OSError, match="Input/output error"):
        check_readable(clip)


def test_memory_that_any_clip_needs_is_the_nodes_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Crash("MemoryError: no message", "node7", "")
    check_memory("one.flv", found)  # there is enough here
    monkeypatch.setattr(crash, "WORKING_BYTES", 2**60)
    with pytest.raises(Stopped, match=r"node7: out of memory at one\.flv .*workers=N"):
        check_memory("one.flv", found)
    assert short_of_memory(MemoryError())
    assert short_of_memory(RuntimeError("(-4:Insufficient memory) Failed to allocate 9 bytes"))
    assert not short_of_memory(IndexError("x"))


def test_crashes_in_a_row_are_counted_by_node() -> None:
    count = CrashCount(3)
    bad, good = Crash("IndexError: x", "bad", ""), Crash("IndexError: x", "good", "")
    for clip in ("a", "b"):
        count.add(clip, bad)
        count.add(clip, good)
        count.reset("good")
    with pytest.raises(Stopped, match="3 clips in a row crashed on bad, the last one c: IndexErr"):
        count.add("c", bad)
    count.add("c", good)
