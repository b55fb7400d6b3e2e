import base64
from types import SimpleNamespace

import pytest

from emotalk.app.password import WRONG, Password, read_password
from emotalk.errors import WrongUse


def header(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


def test_the_right_name_and_password_are_let_in_and_no_others() -> None:
    check = Password("ana", "pässword:1")
    assert check.status(header("ana:pässword:1"), "a") == 200
    assert check.status(b"", "a") == 401
    for wrong in (b"Basic", b"Basic !!", b"Bearer x", header("ana:"), header("bob:pässword:1")):
        assert check.status(wrong, "a") == 401


def test_guesses_from_one_address_are_limited_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("emotalk.app.password.time", clock)
    check = Password("ana", "secret")
    for _ in range(WRONG):
        assert check.status(header("ana:guess"), "a") == 401
    assert check.status(header("ana:secret"), "a") == 429
    assert check.status(header("ana:secret"), "b") == 200, "another address is not kept out"
    now += 61
    assert check.status(header("ana:secret"), "a") == 200


def test_the_password_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET", raising=False)
    assert read_password(None, variable="SECRET") is None
    with pytest.raises(WrongUse, match="environment variable SECRET"):
        read_password("ana", variable="SECRET")
    with pytest.raises(WrongUse, match="without a colon"):
        read_password("a:b", variable="SECRET")
    monkeypatch.setenv("SECRET", "long")
    check = read_password("ana", variable="SECRET")
    assert check is not None
    assert check.status(header("ana:long"), "a") == 200
