"""Files from browsers: whole or gone, bounded in number and size, all gone in the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emotalk.app.temporary_files import NoRoom, TemporaryFiles


@pytest.fixture
def files() -> Iterator[TemporaryFiles]:
    files = TemporaryFiles(3, 100)
    yield files
    files.close()
    assert not files.folder.exists()


def sent(files: TemporaryFiles, content: bytes = b"x" * 10, shown: str = "me.png") -> str:
    with files.receiving(shown) as incoming:
        incoming.file.write(content)
    return incoming.name


def on_disk(files: TemporaryFiles) -> list[Path]:
    return [path for path in files.folder.rglob("*") if path.is_file()]


def test_a_file_comes_back_under_its_own_name(files: TemporaryFiles) -> None:
    path = files.path(sent(files, b"mine"))
    assert path is not None
    assert (path.name, path.read_bytes()) == ("me.png", b"mine")
    assert files.path("other") is None


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_file_that_breaks_off_leaves_nothing(
    files: TemporaryFiles, fault: type[BaseException]
) -> None:
    def break_off() -> None:
        with files.receiving("me.png") as incoming:
            incoming.file.write(b"half")
            raise fault

    with pytest.raises(fault):
        break_off()
    assert list(files.folder.iterdir()) == []


def test_the_oldest_goes_first_by_number_and_by_size(files: TemporaryFiles) -> None:
    names = [sent(files) for _ in range(5)]
    assert [files.path(name) is not None for name in names] == [False, False, True, True, True]
    assert len(on_disk(files)) == 3
    large = sent(files, b"x" * 95)
    assert [path.parent.name for path in on_disk(files)] == [large]


def test_what_an_order_waits_for_stays(files: TemporaryFiles) -> None:
    wanted = [sent(files), sent(files)]
    files.pin(wanted)
    files.pin(wanted)
    for _ in range(4):
        last = sent(files)
    assert all(files.path(name) for name in (*wanted, last))
    files.pin([last])
    with pytest.raises(NoRoom):
        sent(files)
    assert len(on_disk(files)) == 3
    files.unpin([last])
    sent(files)
    files.unpin(wanted)
    assert all(files.path(name) for name in wanted), "the other order still waits"


@pytest.mark.parametrize(
    ("shown", "name"),
    [("../../etc/passwd", "passwd"), ("..", "file"), ("", "file"), (".ssh", "ssh"),
     ("a\x00b\n.png", "a_b_.png"), ("\ud800.png", "_.png"), ("ö" * 300 + ".png", "ö" * 38 + ".png"),
    ],
)  # fmt: skip
def test_a_name_leads_nowhere_and_fits_every_file_system(
    files: TemporaryFiles, shown: str, name: str
) -> None:
    path = files.path(sent(files, shown=shown))
    assert path is not None
    assert path.name == name
    assert path.parent.parent == files.folder
