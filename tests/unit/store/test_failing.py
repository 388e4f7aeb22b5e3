"""A store that cannot write: whether it knows, and whether it knows when that is over."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import GateRecord
from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import Store


@contextlib.contextmanager
def no_file_grows() -> Iterator[None]:
    """As on a full disk: this process can write nothing, and read everything."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with capture_logs():  # what is told goes to a file
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open store that holds something."""
    store = await Store.open(f"sqlite:///{tmp_path}/gateway.db")
    await store.commit("SITE-1", [GateRecord(1, closed=True)])
    yield store
    await store.close()


async def test_a_store_that_cannot_write_knows_it_until_it_has_written_again(store: Store) -> None:
    assert not store.failed
    with no_file_grows():
        with pytest.raises(StoreError):
            await store.commit("SITE-1", [GateRecord(1, closed=False)])
        assert store.failed
        await store.load("SITE-1")
        assert store.failed  # reading proves nothing
        with pytest.raises(StoreError):
            await store.try_writing()
        assert store.failed
    await store.try_writing()
    assert not store.failed
    assert (await store.load("SITE-1")).gates == (GateRecord(1, closed=True),)


async def test_trying_to_write_changes_nothing_that_is_kept(store: Store) -> None:
    before = await store.load("SITE-1")
    await store.try_writing()
    assert await store.load("SITE-1") == before
