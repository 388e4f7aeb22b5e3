from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hand_made_central_system import HandMadeCentralSystem, Line
from ocpp_gateway.charger.events import Call, Delivered, DeliveryGivenUp, Event, SessionUp
from ocpp_gateway.charger.records import MAIN, Outcome
from ocpp_gateway.instant import Instant
from ocpp_gateway.ocpp16.outbox import (
    STAMPS_RESOLVED_WITHIN_S,
    GiveUp,
    Outbox,
    Repeat,
    after_attempt,
    attempts_before,
    has_unknown_time,
    message_of,
)
from ocpp_gateway.ocpp16.session import Session
from ocpp_gateway.ocpp16.timing import Timing

START = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2026-03-01T12:00:00.000Z"}
METER = {"connectorId": 1, "meterValue": [{"timestamp": "2026-03-01T12:01:00.000Z", "sampledValue": [{"value": "7"}]}]}
STOP = {"meterStop": 900, "timestamp": "2026-03-01T13:00:00.000Z"}
NOW = Instant(None, "boot-1", 0.0)
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


@dataclass(frozen=True)
class Row:
    seq: int
    message_id: str
    action: str
    payload: dict[str, Any]
    local_id: str | None = "local"
    transaction_id: str | None = None
    start_dead: bool = False
    transmissions: int = 0
    last_error: str | None = None


@dataclass
class Ledger:
    """The store's side, in memory."""

    rows: list[Row] = field(default_factory=list)
    transaction_ids: dict[str, str] = field(default_factory=dict)
    dead: list[int] = field(default_factory=list)
    notes: list[tuple[int, str, int]] = field(default_factory=list)
    sent_with: list[str | None] = field(default_factory=list)
    failures: list[tuple[int, Outcome]] = field(default_factory=list)

    def add(self, action: str, payload: dict[str, Any], **more: Any) -> None:
        seq = len(self.rows) + 1 + len(self.dead) + len(self.notes)
        self.rows.append(Row(seq, f"m-{len(self.rows) + 1}", action, payload, **more))

    async def outbox_head(self, charge_point: str, central_system: str = MAIN) -> Row | None:
        if not self.rows:
            return None
        head = self.rows[0]
        return replace(head, transaction_id=self.transaction_ids.get(head.local_id or "", head.transaction_id))

    async def outbox_sending(
        self, charge_point: str, seq: int, *, number: int, message_id: str, sent_at: str, transaction_id: str | None
    ) -> None:
        assert self.rows[0].seq == seq
        self.rows[0] = replace(self.rows[0], transmissions=number)
        self.notes.append((seq, message_id, number))
        self.sent_with.append(transaction_id)

    async def outbox_failed(
        self,
        charge_point: str,
        seq: int,
        *,
        number: int,
        outcome: Outcome,
        problem: str,
        next_message_id: str | None = None,
    ) -> None:
        assert self.rows[0].seq == seq
        self.failures.append((number, outcome))
        if next_message_id is not None:
            self.rows[0] = replace(self.rows[0], message_id=next_message_id, last_error=problem)


class World:
    """An outbox on an accepted session over pipes."""

    def __init__(self, timing: Timing) -> None:
        self.central, self.ledger = HandMadeCentralSystem(), Ledger()
        self.events: list[Event] = []
        self.commits = asyncio.Event()
        self.commits.set()
        self.session = Session(
            charge_point="SITE-1",
            connect=self.central.connect,
            post=self.deliver,
            deliver=self.deliver,
            learn_time=lambda central_utc: None,
            supported_actions=frozenset(),
            timing=lambda: timing,
            jitter=lambda: 0.0,
        )
        self.outbox = Outbox(
            charge_point="SITE-1",
            store=self.ledger,
            session=self.session,
            deliver=self.deliver,
            timing=lambda: timing,
            now=lambda: NOW,
        )

    async def deliver(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Delivered):
            await self.commits.wait()
            if event.action == "StartTransaction":
                self.ledger.transaction_ids["local"] = str(event.payload["transactionId"])
            self.ledger.rows.pop(0)
        if isinstance(event, DeliveryGivenUp):
            self.ledger.dead.append(event.seq)
            gone = self.ledger.rows.pop(0)
            if gone.action == "StartTransaction":
                self.ledger.rows = [replace(row, start_dead=True) for row in self.ledger.rows]

    def add(self, action: str, payload: dict[str, Any], **more: Any) -> None:
        self.ledger.add(action, payload, **more)
        self.outbox.wake()

    async def connected(self) -> Line:
        line = await self.central.opened()
        await line.accept_boot()
        await settle()
        return line

    @property
    def outcomes(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, (Delivered, DeliveryGivenUp))]


@asynccontextmanager
async def world(timing: Timing | None = None) -> AsyncIterator[World]:
    it = World(timing or Timing())
    it.session.boot({"chargePointVendor": "Compleo", "chargePointModel": "DUO"})
    running = [asyncio.create_task(it.session.run()), asyncio.create_task(it.outbox.run())]
    try:
        yield it
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    for task in running:
        assert task.cancelled(), task.exception()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    await asyncio.sleep(0.01)


# ---------------------------------------------------------------- what a row becomes on the wire


def test_a_start_goes_out_as_it_is() -> None:
    assert message_of(Row(1, "m", "StartTransaction", START)) == START


@pytest.mark.parametrize(
    ("transaction_id", "sent"),
    [("7", 7), ("0", 0), ("-1", -1), (str(2**70), 2**70), pytest.param(None, -1, id="X-35 the Start is dead")],
)
@pytest.mark.conformance("X-06", "W-20")
def test_x_34_a_stop_carries_what_the_start_was_answered(transaction_id: str | None, sent: int) -> None:
    row = Row(2, "m", "StopTransaction", STOP, transaction_id=transaction_id)

    assert message_of(row) == STOP | {"transactionId": sent}


def test_meter_values_outside_a_transaction_carry_no_transaction_id() -> None:
    assert message_of(Row(1, "m", "MeterValues", METER, local_id=None)) == METER


@pytest.mark.parametrize(
    ("payload", "unknown"),
    [
        (START, False),
        (METER, False),
        (START | {"timestamp": "@boot@12.5"}, True),
        (START | {"idTag": "@boot@12.5"}, False),
        ({"meterValue": [{"timestamp": "@boot@1.0", "sampledValue": []}]}, True),
        ({"transactionData": [METER["meterValue"], {"timestamp": "@boot@1.0"}], "timestamp": "x"}, True),
    ],
)
def test_b_13_an_unknown_time_is_seen_wherever_a_timestamp_stands(payload: dict[str, Any], unknown: bool) -> None:
    assert has_unknown_time(payload) is unknown


# ---------------------------------------------------------------- what follows a failed attempt


@pytest.mark.parametrize(
    ("action", "attempts", "decision"),
    [
        pytest.param("StartTransaction", 1, Repeat(60), id="X-41 60 s after the first"),
        pytest.param("StartTransaction", 2, Repeat(120), id="X-41 120 s after the second"),
        pytest.param("StartTransaction", 3, GiveUp(), id="X-42 three in total"),
        pytest.param("StopTransaction", 2, Repeat(120), id="Stop the same"),
        pytest.param("MeterValues", 1, Repeat(60), id="MeterValues once more"),
        pytest.param("MeterValues", 2, GiveUp(), id="MeterValues at most twice"),
    ],
)
def test_x_41_x_42_repeats_are_spaced_and_end(action: str, attempts: int, decision: object) -> None:
    assert after_attempt(action, attempts=attempts, start_dead=False, timing=Timing()) == decision


@pytest.mark.parametrize("configured", [0, 1])
def test_x_44_no_attempts_or_one_are_one_transmission(configured: int) -> None:
    timing = Timing(transaction_message_attempts=configured)

    assert after_attempt("StopTransaction", attempts=1, start_dead=False, timing=timing) == GiveUp()


def test_x_35_after_a_dead_start_each_message_goes_once() -> None:
    assert after_attempt("StopTransaction", attempts=1, start_dead=True, timing=Timing()) == GiveUp()


@pytest.mark.parametrize(
    ("transmissions", "last_error", "attempts"),
    [
        pytest.param(0, None, 0, id="never sent"),
        pytest.param(5, None, 0, id="T-46 sent on connections that were lost"),
        pytest.param(2, "CALLERROR", 2, id="refused twice"),
        pytest.param(9, "CALLERROR", 2, id="tried once more after a restart"),
    ],
)
def test_attempts_outlive_the_process(transmissions: int, last_error: str | None, attempts: int) -> None:
    row = Row(1, "m", "StopTransaction", STOP, transmissions=transmissions, last_error=last_error)

    assert attempts_before(row, Timing()) == attempts


# ---------------------------------------------------------------- delivery


@pytest.mark.looptime
@pytest.mark.conformance("X-34", "W-03")
async def test_x_32_messages_leave_in_order_each_after_the_commit_of_the_answer_before() -> None:
    async with world() as it:
        line = await it.connected()
        it.commits.clear()
        it.add("StartTransaction", START)
        it.add("MeterValues", METER)
        it.add("StopTransaction", STOP)

        assert await line.receive() == [2, "m-1", "StartTransaction", START]
        await line.send(3, "m-1", STARTED)
        await line.silent_for(100)
        it.commits.set()
        for message_id, action, payload in (("m-2", "MeterValues", METER), ("m-3", "StopTransaction", STOP)):
            assert await line.receive() == [2, message_id, action, payload | {"transactionId": 7}]
            await line.send(3, message_id, {})
        await settle()

    assert it.outcomes == [
        Delivered(1, "StartTransaction", "local", STARTED, id_tag="T"),
        Delivered(2, "MeterValues", "local", {}),
        Delivered(3, "StopTransaction", "local", {}),
    ]


@pytest.mark.looptime
async def test_x_31_a_row_waits_for_an_accepted_session() -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        line = await it.central.opened()
        message_id, _ = await line.asked("BootNotification")
        await line.silent_for(20)
        await line.send(3, message_id, {"status": "Pending", "interval": 50, "currentTime": START["timestamp"]})
        await line.silent_for(45)

        await line.accept_boot()
        await line.asked("StartTransaction")


@pytest.mark.looptime
async def test_how_often_it_was_sent_is_kept_before_it_is_sent() -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        line = await it.connected()
        await line.asked("StartTransaction")

        assert it.ledger.notes == [(1, "m-1", 1)]


@pytest.mark.looptime
@pytest.mark.conformance("T-46", "X-39", "X-40", "W-05")
async def test_fault_o_13_a_lost_connection_repeats_the_very_same_frame_and_costs_no_attempt() -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        frames = []
        line = await it.connected()
        for _ in range(10):
            frames.append(await line.receive())
            await line.end.close()
            line = await it.central.opened()
        frames.append(await line.receive())
        await line.send(3, "m-1", STARTED)
        await settle()

    assert frames == [[2, "m-1", "StartTransaction", START]] * 11
    assert it.outcomes == [Delivered(1, "StartTransaction", "local", STARTED, transmissions=11, id_tag="T")]


@pytest.mark.looptime
@pytest.mark.conformance("T-28", "X-33", "W-05")
async def test_fault_o_08_a_late_answer_still_counts_and_other_calls_go_meanwhile() -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        line = await it.connected()
        await line.asked("StartTransaction")
        it.session.call(Call(1, "Heartbeat", {}))
        await line.answer("Heartbeat", {"currentTime": START["timestamp"]})
        await asyncio.sleep(80)
        await line.send(3, "m-1", STARTED)
        await line.silent_for(600)

    assert it.outcomes == [Delivered(1, "StartTransaction", "local", STARTED, id_tag="T")]


@pytest.mark.looptime
async def test_a_link_that_answers_nothing_is_given_up_after_four_timeouts() -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        line = await it.connected()
        first = await line.receive()
        sent_s = now_s()
        with pytest.raises(EOFError):
            await line.end.recv()
        assert now_s() - sent_s == pytest.approx(120, abs=0.1)

        line = await it.central.opened()
        assert await line.receive() == first
        assert it.outcomes == []


@pytest.mark.looptime
@pytest.mark.conformance("X-42", "W-08")
async def test_x_40_a_timeout_on_a_link_that_answers_others_is_an_attempt() -> None:
    async with world() as it:
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        for attempt in range(3):
            message_id, payload = await line.asked("StopTransaction")
            assert payload == STOP | {"transactionId": 7}
            assert (message_id == "m-1") is (attempt == 0)
            it.session.call(Call(attempt, "Heartbeat", {}))
            await line.answer("Heartbeat", {"currentTime": START["timestamp"]})
        await asyncio.sleep(200)

    assert it.outcomes == [DeliveryGivenUp(1, "StopTransaction", "local")]
    assert len(it.central.attempts_s) == 1  # the link was never cut


@pytest.mark.looptime
async def test_an_answer_that_came_while_we_waited_for_our_turn_proves_nothing() -> None:
    async with world() as it:
        line = await it.connected()
        it.session.call(Call(1, "Heartbeat", {}))
        message_id, _ = await line.asked("Heartbeat")
        it.add("StopTransaction", STOP, transaction_id="7")
        await asyncio.sleep(1)
        await line.send(3, message_id, {"currentTime": START["timestamp"]})
        first = await line.receive()

        line = await it.central.opened()
        assert await line.receive() == first


@pytest.mark.looptime
@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param([4, "InternalError", "no", {}], id="X-40 CALLERROR"),
        pytest.param([4, "RpcFrameworkError", "Call already in progress", {}], id="T-39 unknown code"),
        pytest.param([3, {"idTagInfo": {"status": "Accepted"}}], id="X-45 no transaction id"),
    ],
)
@pytest.mark.conformance("T-39", "X-39", "X-40", "X-42", "X-45")
async def test_x_41_a_refused_message_is_repeated_with_a_new_id_and_the_same_content(refusal: list[Any]) -> None:
    async with world() as it:
        it.add("StartTransaction", START)
        line = await it.connected()
        ids, sent_s = [], []
        for _ in range(3):
            message_id, payload = await line.asked("StartTransaction")
            sent_s.append(now_s())
            ids.append(message_id)
            assert payload == START
            await line.send(refusal[0], message_id, *refusal[1:])
        await settle()

    assert [later - sent_s[0] for later in sent_s] == pytest.approx([0, 60, 180], abs=0.1)
    assert len(set(ids)) == 3
    assert it.outcomes == [DeliveryGivenUp(1, "StartTransaction", "local")]


@pytest.mark.looptime
@pytest.mark.conformance("X-36")
async def test_x_35_after_a_dead_start_the_rest_goes_once_with_minus_one() -> None:
    async with world(Timing(transaction_message_attempts=1)) as it:
        it.add("StartTransaction", START)
        it.add("MeterValues", METER)
        it.add("StopTransaction", STOP)
        line = await it.connected()
        for action in ("StartTransaction", "MeterValues", "StopTransaction"):
            message_id, payload = await line.asked(action)
            assert payload.get("transactionId") == (None if action == "StartTransaction" else -1)
            await line.send(4, message_id, "GenericError", "", {})
        await line.silent_for(600)

    assert [type(event) for event in it.outcomes] == [DeliveryGivenUp] * 3


@pytest.mark.looptime
@pytest.mark.conformance("X-33")
async def test_x_46_other_calls_go_while_a_repeat_waits() -> None:
    async with world() as it:
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        message_id, _ = await line.asked("StopTransaction")
        await line.send(4, message_id, "InternalError", "", {})
        await settle()
        before_s = now_s()

        it.session.call(Call(1, "Heartbeat", {}))
        await line.asked("Heartbeat")

        assert now_s() - before_s < 1


@pytest.mark.looptime
async def test_a_late_answer_ends_the_wait_for_the_next_attempt() -> None:
    async with world() as it:
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        await line.asked("StopTransaction")
        it.session.call(Call(1, "Heartbeat", {}))
        await line.answer("Heartbeat", {"currentTime": START["timestamp"]})
        await asyncio.sleep(130)
        await line.send(3, "m-1", {})
        await line.silent_for(600)

    assert it.outcomes == [Delivered(1, "StopTransaction", "local", {})]


@pytest.mark.looptime
async def test_the_wait_for_a_repeat_survives_a_reconnect() -> None:
    async with world() as it:
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        message_id, _ = await line.asked("StopTransaction")
        refused_s = now_s()
        await line.send(4, message_id, "InternalError", "", {})
        await asyncio.sleep(10)
        await line.end.close()

        line = await it.central.opened()
        await line.asked("StopTransaction")
        assert now_s() - refused_s == pytest.approx(60, abs=0.1)


@pytest.mark.looptime
async def test_w_08_a_message_that_is_never_processed_does_not_stop_the_queue() -> None:
    async with world() as it:
        it.add("MeterValues", METER, local_id=None)
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        for _ in range(2):
            message_id, _ = await line.asked("MeterValues")
            await line.send(4, message_id, "InternalError", "", {})

        await line.answer("StopTransaction", {})


@pytest.mark.looptime
@pytest.mark.conformance("W-18")
async def test_b_13_a_row_waits_until_its_time_is_known() -> None:
    async with world() as it:
        it.add("StartTransaction", START | {"timestamp": "@boot@12.500"})
        line = await it.connected()
        await line.silent_for(60)

        it.ledger.rows[0] = replace(it.ledger.rows[0], payload=START)
        it.outbox.wake()

        assert (await line.asked("StartTransaction"))[1] == START


@pytest.mark.looptime
async def test_b_13_a_time_that_stays_unknown_is_not_invented_and_does_not_stop_the_queue() -> None:
    async with world() as it:
        it.add("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "@old@1.0", "sampledValue": []}]})
        it.add("StopTransaction", STOP, transaction_id="7")
        line = await it.connected()
        up_s = now_s()

        await line.asked("StopTransaction")

        assert now_s() - up_s == pytest.approx(STAMPS_RESOLVED_WITHIN_S, abs=6)
        assert it.outcomes == [DeliveryGivenUp(1, "MeterValues", "local")]


@pytest.mark.looptime
async def test_an_empty_queue_sleeps_until_it_is_woken() -> None:
    async with world() as it:
        line = await it.connected()
        await line.silent_for(1000)
        assert any(isinstance(event, SessionUp) for event in it.events)

        it.add("MeterValues", METER, local_id=None)

        await line.asked("MeterValues")
