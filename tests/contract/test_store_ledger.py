"""What the store can tell of a transaction afterwards, and how a message that was given up goes out again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocpp_gateway.charger.records import (
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    Outcome,
    Record,
    StampsResolved,
    TransactionIdRecord,
    TransactionReading,
    TransactionRecord,
)
from ocpp_gateway.errors import StoreError
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store, ledger

CP, OTHER = "SITE-1", "SITE-2"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SESSION = ("StartTransaction", "MeterValues", "MeterValues", "StopTransaction")


def at(seconds: float) -> Instant:
    return Instant(NOON + timedelta(seconds=seconds), "boot-1", seconds)


def a_transaction(local_id: str = "tx-1", **changes: Any) -> TransactionRecord:
    known: dict[str, Any] = {
        "local_id": local_id,
        "connector_id": 1,
        "id_tag": "04A1",
        "meter_start_wh": 1000,
        "started_at": at(0),
        "last_meter_wh": 1500,
        "last_sample_at": at(60),
    }
    return TransactionRecord(**known | changes)


def a_session(local_id: str = "tx-1") -> list[Record]:
    """A transaction whole, its messages m-1 to m-4."""
    messages = [
        OutboxRecord(f"{local_id} m-{number}", action, {"n": number}, at(number), local_id=local_id)
        for number, action in enumerate(SESSION, 1)
    ]
    return [a_transaction(local_id, stopped_at=at(99), meter_stop_wh=1700, stop_reason="Local"), *messages]


async def send(store: Store, seq: int, number: int = 1, *, transaction_id: str | None = None) -> None:
    await store.outbox_sending(
        CP,
        seq,
        number=number,
        message_id=f"{seq}/{number}",
        sent_at=at(seq * 10 + number).stamp(),
        transaction_id=transaction_id,
    )


async def queue(store: Store) -> list[tuple[int, str, str | None, bool]]:
    """What would go out, in order: number, action, transaction id, and whether its start is dead."""
    rows = []
    while (row := await store.outbox_head(CP)) is not None:
        rows.append((row.seq, row.action, row.transaction_id, row.start_dead))
        await send(store, row.seq, row.transmissions + 1, transaction_id=row.transaction_id)
        await store.commit(CP, [OutboxDone(row.seq, answer={})])
    return rows


async def story(store: Store, local_id: str = "tx-1") -> dict[str, Any]:
    told = await store.ledger(lambda connection: ledger.transaction(connection, local_id))
    assert told is not None
    return told


# ---------------------------------------------------------------- the ledger


async def test_a_transaction_tells_its_frames_retries_answers_and_readings(store: Store) -> None:
    reading = TransactionReading("tx-1", "start", at(0), MeterRecord(1, 1000, 300, 20), 2, 300, 20, "04A1", 3600.0)
    await store.commit(CP, [*a_session(), reading])
    await send(store, 1)
    await store.outbox_failed(CP, 1, number=1, outcome=Outcome.LINK_LOST, problem="closed")
    await send(store, 1, 2)
    await store.outbox_failed(
        CP, 1, number=2, outcome=Outcome.ERROR, problem="InternalError", next_message_id="another"
    )
    await send(store, 1, 3)
    answer = {"transactionId": 7}
    await store.commit(CP, [OutboxDone(1, answer=answer, answered_at=at(15)), TransactionIdRecord("tx-1", "7")])
    await send(store, 2, transaction_id="7")

    told = await story(store)
    assert (told["transaction_ids"], told["energy_wh"], told["queued_messages"]) == ({"main": "7"}, 700, 3)
    start, values, *_ = told["messages"]
    assert (start["state"], start["answer"], start["answered_at"]) == ("done", answer, at(15).stamp())
    assert [(sent["message_id"], sent["outcome"], sent["problem"]) for sent in start["transmissions"]] == [
        ("1/1", "link_lost", "closed"),
        ("1/2", "error", "InternalError"),
        ("1/3", "answered", None),
    ]
    assert start["transmissions"][0]["sent_at"] == at(11).stamp()
    assert [(sent["transaction_id"], sent["outcome"]) for sent in values["transmissions"]] == [("7", None)]
    assert told["readings"] == [
        {
            "kind": "start",
            "read_at": at(0).stamp(),
            "status_raw": 2,
            "session_energy_wh": 300,
            "charging_s": 20,
            "id_tag": "04A1",
            "power_w": 3600.0,
            "meter_wh": 1000,
            "meter_register_wh": 300,
            "meter_charging_s": 20,
        }
    ]


async def test_transactions_come_newest_first_page_by_page(store: Store) -> None:
    for number in range(5):
        await store.commit(OTHER if number == 2 else CP, [a_transaction(f"tx-{number}")])

    def page(**asked: Any) -> Any:
        return store.ledger(lambda connection: ledger.transactions(connection, **asked))

    first = await page(limit=2)
    assert [one["local_id"] for one in first] == ["tx-4", "tx-3"]
    assert [one["local_id"] for one in await page(limit=2, before=first[-1]["number"])] == ["tx-2", "tx-1"]
    assert [one["local_id"] for one in await page(charge_point=OTHER)] == ["tx-2"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("tx-1", ["tx-1"]), ("tx-", ["tx-10", "tx-1"]), ("77", ["tx-10"]), ("", []), ("%", [])],
)
async def test_a_transaction_is_found_by_what_anybody_calls_it(store: Store, name: str, found: list[str]) -> None:
    await store.commit(CP, [a_transaction(), a_transaction("tx-10"), TransactionIdRecord("tx-10", "77")])
    assert await store.ledger(lambda connection: ledger.find(connection, name)) == found


async def test_nobody_is_known_by_a_name_that_was_never_given(store: Store) -> None:
    assert await store.ledger(lambda connection: ledger.transaction(connection, "tx-1")) is None


async def test_stamps_of_the_ledger_are_filled_in_with_the_rest(store: Store) -> None:
    blind = Instant(None, "boot_1", 5.0)
    await store.commit(CP, [*a_session(), TransactionReading("tx-1", "start", blind, MeterRecord(1))])
    await store.outbox_sending(CP, 1, number=1, message_id="x", sent_at=blind.stamp(), transaction_id=None)
    await store.commit(CP, [StampsResolved("boot_1", "2026-03-01T12:00:00.000Z")])

    told = await story(store)
    assert told["readings"][0]["read_at"] == at(5).stamp()
    assert told["messages"][0]["transmissions"][0]["sent_at"] == at(5).stamp()


# ---------------------------------------------------------------- dead letters


async def test_a_dead_letter_is_kept_shown_and_counted(store: Store) -> None:
    await store.commit(CP, a_session())
    await store.commit(CP, [OutboxDone(1, answer={}), OutboxDone(2, dead=True, answered_at=at(50))])
    await store.commit(OTHER, a_session("tx-2"))

    (letter,) = await store.ledger(ledger.dead_letters)
    assert (letter["seq"], letter["state"], letter["given_up_at"]) == (2, "dead", at(50).stamp())
    assert (await store.backlog(CP)).dead == 1
    assert (await story(store))["dead_letters"] == 1
    assert await store.ledger(lambda connection: ledger.dead_letters(connection, OTHER)) == []


async def test_fault_o_10_a_dead_letter_goes_out_again_before_what_is_younger(store: Store) -> None:
    await store.commit(CP, a_session())
    for seq, dead in ((1, False), (2, True)):
        await send(store, seq)
        await store.outbox_failed(CP, seq, number=1, outcome=Outcome.ERROR, problem="no", next_message_id="next")
        await store.commit(CP, [OutboxDone(seq, dead=dead, answer=None if dead else {"transactionId": 7})])
    await store.commit(CP, [TransactionIdRecord("tx-1", "7")])

    assert (await store.resend(CP, 2)).messages == ((2, "MeterValues"),)
    row = await store.outbox_head(CP)
    assert row is not None
    assert (row.seq, row.transmissions, row.last_error) == (2, 1, None)  # its attempts begin anew, its history stays
    assert row.message_id not in {"next", "tx-1 m-2"}
    assert [seq for seq, *_ in await queue(store)] == [2, 3, 4]


async def test_a_dead_start_takes_along_what_followed_it_and_was_told_without_an_id(store: Store) -> None:
    await store.commit(CP, a_session())
    await store.commit(CP, a_session("tx-2")[1:])
    await store.commit(CP, [OutboxDone(1, dead=True)])
    for seq, answer in ((2, {}), (3, None), (4, {"idTagInfo": {"status": "Accepted"}})):
        await send(store, seq, transaction_id="-1")
        await store.commit(CP, [OutboxDone(seq, dead=answer is None, answer=answer)])

    assert (await store.resend_transaction(CP, "tx-1")).messages == tuple(enumerate(SESSION, 1))
    row = await store.outbox_head(CP)
    assert row is not None
    assert (row.seq, row.start_dead) == (1, False)
    await store.commit(CP, [OutboxDone(1, answer={}), TransactionIdRecord("tx-1", "7")])
    ours = [(seq, name, dead) for seq, _, name, dead in await queue(store) if seq <= 4]
    assert ours == [(2, "7", False), (3, "7", False), (4, "7", False)]

    stop = (await story(store))["messages"][-1]
    assert [(sent["transaction_id"], sent["outcome"], sent["answer"]) for sent in stop["transmissions"]] == [
        ("-1", "answered", {"idTagInfo": {"status": "Accepted"}}),
        ("7", "answered", {}),
    ]


async def test_only_a_dead_letter_can_be_sent_again(store: Store) -> None:
    await store.commit(CP, a_session())
    await store.commit(CP, [OutboxDone(1, answer={})])
    for seq, charge_point in ((1, CP), (2, CP), (99, CP)):
        with pytest.raises(StoreError, match=f"has no dead letter {seq}"):
            await store.resend(charge_point, seq)
    assert (await store.resend_transaction(CP, "tx-1")).messages == ()
    assert (await store.outbox_depth(CP)) == 3


async def test_a_dead_letter_of_another_charge_point_cannot_be_touched(store: Store) -> None:
    await store.commit(CP, a_session())
    await store.commit(CP, [OutboxDone(1, dead=True)])
    with pytest.raises(StoreError, match="SITE-2 has no dead letter 1"):
        await store.resend(OTHER, 1)
