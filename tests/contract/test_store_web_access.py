"""Passwords, tokens and the audit log outlive the process."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.conftest import OpenStore
from ocpp_gateway.store import web_access


async def test_passwords_and_tokens_are_there_after_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    assert (await store.web_access()).passwords == {}
    await store.keep_web_password("operator", "scrypt$1")
    await store.keep_web_password("operator", "scrypt$2")
    await store.keep_web_token("grafana", "viewer", "hash-1")
    await store.keep_web_token("grafana", "operator", "hash-2")
    await store.keep_web_token("old", "viewer", "hash-3")
    await store.remove_web_token("old")
    found = await (await open_store()).web_access()
    assert found.passwords == {"operator": "scrypt$2"}
    assert found.tokens == (("grafana", "operator", "hash-2"),)


async def test_the_audit_log_is_read_from_its_end(open_store: OpenStore) -> None:
    store = await open_store(now=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
    for number in range(5):
        await store.keep_audit("operator", "did", f"thing {number}")
    newest = await store.audit(2)
    assert [entry.detail for entry in newest] == ["thing 4", "thing 3"]
    assert newest[0].at == "2026-11-22T12:00:00.000Z"
    older = await store.audit(10, before=newest[-1].number)
    assert [entry.detail for entry in older] == ["thing 2", "thing 1", "thing 0"]


async def test_the_audit_log_is_bounded(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_access, "MOST_AUDIT_ENTRIES", 3)
    store = await open_store()
    for number in range(10):
        await store.keep_audit("operator", "did", str(number))
    assert [entry.detail for entry in await store.audit(100)] == ["9", "8", "7"]
