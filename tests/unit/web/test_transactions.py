from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.errors import NoDeadLetter, StoreUnavailable
from unit.web.asking import Ask, View

QUEUED = [{"charge_point": "SITE-1", "seq": 4, "action": "StopTransaction"}]
RESENDS = [("/api/v1/transactions/tx-1/resend", "tx-1"), ("/api/v1/dead-letters/4/resend", 4)]


class Ledger:
    """Two transactions and a dead letter; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def transactions(self, charge_point: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
        self.asked.append((charge_point, before, limit))
        return [{"local_id": "tx-1"}]

    async def transaction(self, name: str) -> list[dict[str, Any]]:
        return [{"local_id": local_id} for local_id in ("tx-1", "tx-2") if local_id.startswith(name)]

    async def dead_letters(self, charge_point: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        self.asked.append((charge_point, after, limit))
        return [{"seq": 4}]

    async def resend_transaction(self, local_id: str) -> list[dict[str, Any]]:
        self.asked.append(local_id)
        return QUEUED

    async def resend_message(self, seq: int) -> list[dict[str, Any]]:
        if seq != 4:
            raise NoDeadLetter(f"there is no dead letter {seq}")
        self.asked.append(seq)
        return QUEUED


@pytest.fixture
def ledger(view: View) -> Ledger:
    ledger = Ledger()
    view.ledger = ledger
    return ledger


async def test_transactions_come_in_pages(ask: Ask, ledger: Ledger) -> None:
    assert (await ask("/api/v1/transactions")).json() == [{"local_id": "tx-1"}]
    await ask("/api/v1/transactions?charger=SITE-1&before=7&limit=500")
    assert ledger.asked == [(None, 2**63 - 1, 50), ("SITE-1", 7, 500)]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "before=-1", "before=" + "9" * 30])
async def test_a_page_out_of_bounds_is_refused(ask: Ask, ledger: Ledger, query: str) -> None:
    assert (await ask(f"/api/v1/transactions?{query}")).status == 422
    assert ledger.asked == []


@pytest.mark.parametrize(("name", "status"), [("tx-1", 200), ("tx-", 409), ("zz", 404)])
async def test_a_transaction_is_told_when_its_name_means_one(ask: Ask, ledger: Ledger, name: str, status: int) -> None:
    assert (await ask(f"/api/v1/transactions/{name}")).status == status


async def test_dead_letters_are_shown(ask: Ask, ledger: Ledger) -> None:
    assert (await ask("/api/v1/dead-letters?after=3")).json() == [{"seq": 4}]
    assert ledger.asked == [(None, 3, 50)]


@pytest.mark.parametrize(("path", "asked"), RESENDS)
async def test_what_was_given_up_is_sent_again_on_order(
    ask: Ask, view: View, ledger: Ledger, path: str, asked: object
) -> None:
    assert (await ask(path, "POST", body={})).json() == QUEUED
    assert ledger.asked == [asked]
    assert view.audited == [("local operator", "message_resent", "SITE-1: StopTransaction, message 4")]


async def test_an_order_for_what_is_not_there_changes_nothing(ask: Ask, ledger: Ledger) -> None:
    for path in ("/api/v1/transactions/zz/resend", "/api/v1/dead-letters/5/resend", "/api/v1/dead-letters/x/resend"):
        assert (await ask(path, "POST", body={})).status == 404
    assert ledger.asked == []


async def test_a_number_that_no_store_holds_is_not_asked_of_it(ask: Ask, ledger: Ledger) -> None:
    ledger.resend_message = None  # type: ignore[assignment,method-assign]
    answer = await ask(f"/api/v1/dead-letters/{2**63}/resend", "POST", body={})
    assert (answer.status, answer.json()["detail"]) == (404, f"there is no dead letter {2**63}")


@pytest.mark.parametrize(("path", "asked"), RESENDS)
async def test_a_full_disk_is_no_unknown_message(
    ask: Ask, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, path: str, asked: object
) -> None:
    async def full(_: object) -> list[dict[str, Any]]:
        raise StoreUnavailable("cannot write to the store: database or disk is full")

    for order in ("resend_transaction", "resend_message"):
        monkeypatch.setattr(ledger, order, full)
    assert (await ask(path, "POST", body={})).status == 503
