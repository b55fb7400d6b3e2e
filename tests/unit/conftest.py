"""Fixtures of several packages' tests."""

from collections.abc import Iterator

import pytest

from emotalk.media import object_store
from tests.helpers.object_storage import Faults, object_storage


@pytest.fixture(scope="session")
def storage_server() -> Iterator[Faults]:
    """Serve an S3 store on this machine."""
    with object_storage() as faults:
        yield faults


@pytest.fixture
def faults(storage_server: Faults, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Return the store's proxy without faults, where a second try does not wait."""
    monkeypatch.setattr(object_store, "BACKOFF_S", 0.01)
    storage_server.next.clear()
    storage_server.met.clear()
    storage_server.seen.clear()
    return storage_server
