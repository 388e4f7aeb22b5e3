"""The outbox on the real store: what a killed process leaves behind is delivered by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hand_made_central_system import HandMadeCentralSystem, Line
from ocpp_gateway.charger.events import Delivered, DeliveryGivenUp, Event
from ocpp_gateway.charger.records import OutboxDone, OutboxRecord, Record, TransactionIdRecord, TransactionRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.ocpp16.outbox import Outbox
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.ocpp16.timing import Timing
from ocpp_gateway.store.store import Store

SITE = "SITE-1"
AT = Instant(datetime(2026, 3, 1, 12, tzinfo=UTC), "boot", 100.0)
START = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": AT.stamp()}
STOP = {"meterStop": 900, "timestamp": AT.plus(60).stamp()}
STARTED = {"transactionId": 2**70, "idTagInfo": {"status": "Accepted"}}

SESSION_OF_A_CAR: list[Record] = [
    TransactionRecord("local", 1, "T", 0, AT, 0, AT),
    OutboxRecord("m-1", "StartTransaction", START, AT, "local"),
    OutboxRecord("m-2", "StopTransaction", STOP, AT, "local"),
]


class Process:
    """One life of the gateway, as far as delivery is concerned."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.central = HandMadeCentralSystem()
        self.events: list[Event] = []
        self.committed = asyncio.Event()
        timing = Timing(transaction_message_attempts=2, transaction_message_retry_interval_s=0.01)
        self.session = Session(
            charge_point=SITE,
            connect=self.central.connect,
            post=self.deliver,
            deliver=self.deliver,
            learn_time=lambda central_utc: None,
            supported_actions=frozenset(),
            timing=lambda: timing,
        )
        self.outbox = Outbox(
            charge_point=SITE,
            store=store,
            session=self.session,
            deliver=self.deliver,
            timing=lambda: timing,
            now=lambda: Instant(None, "boot-1", 0.0),
        )
        self.session.boot({"chargePointVendor": "Compleo", "chargePointModel": "DUO"})

    async def deliver(self, event: Event) -> None:
        records: list[Record] = []
        if isinstance(event, Delivered):
            records.append(OutboxDone(event.seq, answer=event.payload))
            if event.action == "StartTransaction":
                records.append(TransactionIdRecord("local", str(event.payload["transactionId"])))
        elif isinstance(event, DeliveryGivenUp):
            records.append(OutboxDone(event.seq, dead=True))
        await self.store.commit(SITE, records)
        self.events.append(event)
        self.committed.set()

    async def accepted(self) -> Line:
        line = await self.central.opened()
        await line.accept_boot()
        return line

    async def drained(self) -> None:
        while await self.store.outbox_depth(SITE):
            self.committed.clear()
            await self.committed.wait()


@asynccontextmanager
async def process(folder: Path) -> AsyncIterator[Process]:
    store = await Store.open(f"sqlite:///{folder}/gateway.db")
    it = Process(store)
    running = [asyncio.create_task(it.session.run()), asyncio.create_task(it.outbox.run())]
    try:
        yield it
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await store.close()


@pytest.mark.conformance("X-37", "X-39", "X-52")
async def test_x_54_what_was_queued_before_a_kill_is_sent_again_under_the_same_id(tmp_path: Path) -> None:
    async with process(tmp_path) as it:
        await it.store.commit(SITE, SESSION_OF_A_CAR)
        it.outbox.wake()
        sent = await (await it.accepted()).receive()

    async with process(tmp_path) as it:
        line = await it.accepted()
        assert await line.receive() == sent == [2, "m-1", "StartTransaction", START]
        await line.send(3, "m-1", STARTED)
        assert await line.receive() == [2, "m-2", "StopTransaction", STOP | {"transactionId": 2**70}]
        await line.send(3, "m-2", {})
        await it.drained()

    repeated = [event for event in it.events if isinstance(event, Delivered)]
    assert [event.transmissions for event in repeated] == [2, 1]  # O-14: the owner can tell a repeat


async def test_x_35_a_dead_start_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with process(tmp_path) as it:
        await it.store.commit(SITE, SESSION_OF_A_CAR)
        it.outbox.wake()
        line = await it.accepted()
        ids = []
        for _ in range(2):
            message_id, _payload = await line.asked("StartTransaction")
            ids.append(message_id)
            await line.send(4, message_id, "InternalError", "", {})
        await line.asked("StopTransaction")
    assert ids[0] == "m-1" != ids[1]

    async with process(tmp_path) as it:
        line = await it.accepted()
        message_id, payload = await line.asked("StopTransaction")
        assert payload["transactionId"] == -1
        await line.send(4, message_id, "GenericError", "", {})
        await it.drained()


@pytest.mark.conformance("X-42")
async def test_attempts_are_not_begun_anew_by_a_restart(tmp_path: Path) -> None:
    payload: dict[str, Any] = {"connectorId": 1, "meterValue": []}
    async with process(tmp_path) as it:
        await it.store.commit(SITE, [OutboxRecord("m-1", "MeterValues", payload, AT)])
        it.outbox.wake()
        line = await it.accepted()
        message_id, _ = await line.asked("MeterValues")
        await line.send(4, message_id, "InternalError", "", {})
        second_id, _ = await line.asked("MeterValues")

    async with process(tmp_path) as it:
        line = await it.accepted()
        third_id, _ = await line.asked("MeterValues")
        assert third_id == second_id != "m-1"
        await line.send(4, third_id, "InternalError", "", {})
        await it.drained()

    assert [type(event) for event in it.events if not isinstance(event, Delivered)][-1] is DeliveryGivenUp
