"""A full disk is told from other errors of the file system."""

import errno

import pytest

from emotalk.files.full_disk import is_full


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.EACCES, "x"), False),
        (OSError("no space left"), False),
        (ValueError(errno.ENOSPC), False),
    ],
)
def test_a_full_disk_and_a_used_up_quota_count(error: BaseException, full: bool) -> None:
    assert is_full(error) is full
