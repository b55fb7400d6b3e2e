"""Other code, tables or libraries are other programs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from etl.job import programs as module
from etl.job.programs import digest_of_programs, programs_digest


def project(root: Path) -> Path:
    for name in ("etl/a.py", "etl/corpora/b.csv", "emotalk/faces/template.npy",
                 "emotalk/media/c.py", "emotalk/schema.py", "emotalk/config/etl.py",
                 "emotalk/models/d.py", "etl/README.md"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda root: (root / "etl/a.py").write_text("x"), True),
        (lambda root: (root / "etl/corpora/b.csv").write_text("x"), True),
        (lambda root: (root / "emotalk/faces/template.npy").write_text("x"), True),
        (lambda root: (root / "emotalk/schema.py").write_text("x"), True),
        (lambda root: (root / "etl/a.py").rename(root / "etl/z.py"), True),
        (lambda root: (root / "emotalk/models/d.py").write_text("x"), False),
        (lambda root: (root / "etl/README.md").write_text("x"), False),
        (lambda root: (root / "etl/a.pyc").write_text("x"), False),
    ],
)
def test_what_makes_the_bytes_counts_and_nothing_else(
    tmp_path: Path, change: Callable[[Path], object], differs: bool
) -> None:
    root = project(tmp_path)
    before = digest_of_programs(root)
    change(root)
    assert (digest_of_programs(root) != before) is differs


def test_a_library_s_version_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of_programs(project(tmp_path))
    monkeypatch.setattr(module, "version", lambda name: "1.0")
    changed = digest_of_programs(tmp_path)
    assert changed != before
    monkeypatch.setattr(module, "version", lambda name: "2.0" if name == "av" else "1.0")
    assert digest_of_programs(tmp_path) not in {before, changed}


def test_this_project_s_own_is_the_same_every_time() -> None:
    assert programs_digest() == digest_of_programs(Path(__file__).parents[4])
