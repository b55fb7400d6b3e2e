"""Only exact names are checkpoints; what was just written stays; nothing else is touched."""

from pathlib import Path

import pytest

from emotalk.checkpoints.folder import (
    checkpoints,
    latest_checkpoint,
    point_best,
    point_latest,
    remove_old,
    remove_unfinished,
    set_aside,
    step_of,
)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "state.json").write_text("{}")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-000000", 0),
        ("step-000022", 22),
        ("step-999999", 999_999),
        ("step-1000000", 1_000_000),
        ("step-000022-backup", None),
        ("step-000022 (copy)", None),
        ("step-000022.old", None),
        ("damaged-step-000022", None),
        ("step-22", None),
        ("step-0000022", None),
        ("step--00022", None),
        ("Step-000022", None),
        ("step-٠٠٠٠٢٢", None),
        ("step-000022\n", None),
        (".step-000022.part", None),
    ],
)
def test_only_exact_names_are_checkpoints(name: str, step: int | None) -> None:
    assert step_of(name) == step


def test_copies_beside_a_checkpoint_neither_count_nor_go(tmp_path: Path) -> None:
    copies = ["step-000020-backup", "step-000022-backup", "step-9999999-old", "step-000022.zip"]
    make(tmp_path, "step-000010", "step-000020", "step-000022", *copies)
    assert latest_checkpoint(tmp_path) == tmp_path / "step-000022"
    remove_old(tmp_path, keep_last=1, best_step=None, newest=22)
    assert names(tmp_path) == sorted(["step-000022", *copies])


def test_steps_are_sorted_by_number(tmp_path: Path) -> None:
    make(tmp_path, "step-1000000", "step-999999", "step-000002")
    found = [path.name for path in checkpoints(tmp_path)]
    assert found == ["step-000002", "step-999999", "step-1000000"]
    remove_old(tmp_path, keep_last=1, best_step=None)
    assert names(tmp_path) == ["step-1000000"]


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert checkpoints(tmp_path / "nothing") == []
    assert latest_checkpoint(tmp_path / "nothing") is None


def test_what_was_just_written_stays_beside_later_ones_that_stay_too(tmp_path: Path) -> None:
    make(tmp_path, "step-000002", "step-000004", "step-000030")
    remove_old(tmp_path, keep_last=1, best_step=None, newest=4)
    assert names(tmp_path) == ["step-000004", "step-000030"]


def test_later_ones_that_this_run_did_not_write_do_not_count(tmp_path: Path) -> None:
    make(tmp_path, "step-000001", "step-000002", "step-000004", "step-000030")
    remove_old(tmp_path, keep_last=2, best_step=None, newest=4)
    assert names(tmp_path) == ["step-000002", "step-000004", "step-000030"]


def test_the_best_stays_however_old(tmp_path: Path) -> None:
    make(tmp_path, *(f"step-{step:06d}" for step in range(1, 7)))
    remove_old(tmp_path, keep_last=2, best_step=1, newest=6)
    assert names(tmp_path) == ["step-000001", "step-000005", "step-000006"]


def test_a_link_and_a_folder_without_a_state_are_not_removed(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", "mine")
    make(tmp_path / "run", "step-000004", "step-000006")
    (tmp_path / "run/step-000001").symlink_to(tmp_path / "elsewhere/mine")
    (tmp_path / "run/step-000002").mkdir()
    remove_old(tmp_path / "run", keep_last=1, best_step=None, newest=6)
    assert names(tmp_path / "run") == ["step-000001", "step-000002", "step-000006"]
    assert (tmp_path / "elsewhere/mine/state.json").exists()


def test_setting_aside_deletes_nothing_however_often(tmp_path: Path) -> None:
    for text in ("first", "second"):
        make(tmp_path, "step-000004")
        (tmp_path / "step-000004/state.json").write_text(text)
        set_aside(tmp_path / "step-000004")
    assert names(tmp_path) == ["damaged-step-000004", "damaged-step-000004-2"]
    texts = [(tmp_path / name / "state.json").read_text() for name in names(tmp_path)]
    assert texts == ["first", "second"]
    assert checkpoints(tmp_path) == []


def test_latest_and_best_hold_a_name_and_best_only_of_one_that_is_there(tmp_path: Path) -> None:
    make(tmp_path, "step-000004", "step-000006")
    point_latest(tmp_path, "step-000006")
    point_best(tmp_path, 4)
    assert (tmp_path / "latest").read_text() == "step-000006\n"
    assert (tmp_path / "best").read_text() == "step-000004\n"
    point_best(tmp_path, 5)
    assert not (tmp_path / "best").exists()


def test_only_our_own_unfinished_folders_are_removed(tmp_path: Path) -> None:
    make(tmp_path, ".step-000002.part", ".step-notes.part", ".step-000002-mine.part")
    (tmp_path / ".step-000003.part").write_text("a file")
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [".step-000002-mine.part", ".step-000003.part", ".step-notes.part"]
