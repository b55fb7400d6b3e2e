"""The output folder of a job while it is held, and after a job that made nothing."""

from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from etl.job.output import lock_output


def break_off(output: Path, *, made: str = "") -> None:
    with lock_output(output):
        if made:
            (output / made).write_bytes(b"a shard")
        raise WrongUse("no such cluster")


def test_a_job_that_is_refused_leaves_no_empty_output(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such cluster"):
        break_off(tmp_path / "sets" / "shards")
    assert list(tmp_path.iterdir()) == []


def test_the_output_of_a_job_that_breaks_off_stays_with_what_it_has_made(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such cluster"):
        break_off(tmp_path / "shards", made="train-000000.tar")
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["train-000000.tar"]
