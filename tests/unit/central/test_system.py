from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from hand_made_charge_point import BOOT, IDENTITY, HandMadeChargePoint, meter_values, start, stop
from ocpp_gateway.central.frames import CallError, ConnectionClosedError, Direction, Kind
from ocpp_gateway.central.policy import ANSWERS, Answer, Policy, call_error, duplicate, late, payload, usual_payload
from ocpp_gateway.central.schemas import problems
from ocpp_gateway.central.system import CentralSystem

REQUESTS: dict[str, dict[str, Any]] = {
    "Authorize": {"idTag": "04A1"},
    "BootNotification": BOOT,
    "StartTransaction": start(),
    "StopTransaction": stop(idTag="04A1"),
}


@pytest.mark.parametrize("action", ANSWERS)
def test_every_usual_answer_fits_its_schema(action: str) -> None:
    answer = usual_payload(Policy(), action, REQUESTS.get(action, {}), 1)

    assert problems(action, "response", answer) == []


async def test_boot_is_answered_by_the_policy(central: CentralSystem, fresh: HandMadeChargePoint) -> None:
    central.policy.registration, central.policy.interval_s = "Pending", 0
    answer = await fresh.boot()

    assert (answer["status"], answer["interval"]) == ("Pending", 0)


async def test_tags_are_compared_without_case_and_unknown_ones_get_the_default(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    central.policy.id_tags = {"04a1": {"status": "Blocked"}}

    assert await station.call("Authorize", {"idTag": "04A1"}) == {"idTagInfo": {"status": "Blocked"}}
    assert await station.call("Authorize", {"idTag": "other"}) == {"idTagInfo": {"status": "Accepted"}}


async def test_the_transactions_tell_what_was_said(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await station.call("StartTransaction", start())
    await station.call("MeterValues", meter_values())
    row = central.transactions[0]
    assert (row.running, row.energy_wh, row.reason, row.meter_values) == (True, None, None, 1)

    await station.call("StopTransaction", stop(reason="Remote"))
    assert (row.identity, row.connector_id, row.id_tag, row.transaction_id) == (IDENTITY, 1, "04A1", 1)
    assert (row.meter_start_wh, row.meter_stop_wh, row.energy_wh) == (1000, 6000, 5000)
    assert (row.started_at, row.stopped_at) == ("2026-05-04T18:05:00Z", "2026-05-04T19:05:00Z")
    assert (row.running, row.reason, row.stop_id_tag) == (False, "Remote", None)
    assert (row.start_repeats, row.stop_repeats) == (0, 0)


@pytest.mark.parametrize(("knows_repeats", "ids"), [(True, [1]), (False, [1, 2])])
async def test_a_repeated_start_gets_its_old_id_only_where_repeats_are_known(
    central: CentralSystem, station: HandMadeChargePoint, knows_repeats: bool, ids: list[int]
) -> None:
    central.policy.knows_repeats = knows_repeats
    for _ in range(2):
        await station.call("StartTransaction", start())
    await station.call("StopTransaction", stop(ids[0]))

    assert [(row.transaction_ids, row.running) for row in central.transactions] == [(ids, False)]


@pytest.mark.parametrize("given", [0, -1, 2**70])
async def test_transaction_ids_may_be_any_integer(
    central: CentralSystem, station: HandMadeChargePoint, given: int
) -> None:
    central.policy.next_transaction_id = lambda: given

    assert (await station.call("StartTransaction", start()))["transactionId"] == given
    await station.call("MeterValues", meter_values(transaction_id=given))
    await station.call("StopTransaction", stop(given))
    assert central.violations == []


@pytest.mark.parametrize(("given", "known"), [("7", 7), (7.0, 7), (True, None), (None, None), ("x", None)])
async def test_an_id_in_an_answer_of_our_own_counts_as_far_as_it_is_an_integer(
    central: CentralSystem, station: HandMadeChargePoint, given: object, known: int | None
) -> None:
    central.policy.answer_next("StartTransaction", payload({"transactionId": given}))
    assert await station.call("StartTransaction", start()) == {"transactionId": given}

    assert central.transactions[0].transaction_id == known


async def test_answers_can_be_scripted_once_and_for_good(central: CentralSystem, station: HandMadeChargePoint) -> None:
    central.policy.answer_always("Heartbeat", payload({"extra": 1}))
    central.policy.answer_next("Heartbeat", call_error("Odd"), Answer())

    assert await station.call("Heartbeat", {}) == "Odd"
    assert "currentTime" in await station.call("Heartbeat", {})
    assert await station.call("Heartbeat", {}) == {"extra": 1}
    assert await station.call("Heartbeat", {}) == {"extra": 1}


async def test_an_answer_can_come_twice(central: CentralSystem, station: HandMadeChargePoint) -> None:
    central.policy.answer_next("Heartbeat", duplicate())
    first = await station.call("Heartbeat", {}, "h")

    assert await station.receive() == [3, "h", first]


async def test_a_late_answer_holds_nobody_else(central: CentralSystem, station: HandMadeChargePoint) -> None:
    central.judge.message_timeout_s = 0.0
    central.policy.answer_next("Heartbeat", late(0.02))
    await station.send(2, "late", "Heartbeat", {})
    await station.send(2, "next", "Heartbeat", {})

    assert [(await station.receive())[1] for _ in range(2)] == ["next", "late"]


async def answer_next_call(station: HandMadeChargePoint, answer: Callable[[str], list[object]]) -> list[Any]:
    request = await station.receive()
    await station.send(*answer(request[1]))
    return request


async def test_a_command_gets_its_answer(central: CentralSystem, station: HandMadeChargePoint) -> None:
    asking = asyncio.create_task(central.call(IDENTITY, "ClearCache"))
    request = await answer_next_call(station, lambda id_: [3, id_, {"status": "Accepted"}])

    assert (request[0], request[2:]) == (2, ["ClearCache", {}])
    assert await asking == {"status": "Accepted"}
    assert [(frame.action, frame.direction, frame.kind) for frame in list(central.frames)[-2:]] == [
        ("ClearCache", Direction.SENT, Kind.CALL),
        ("ClearCache", Direction.RECEIVED, Kind.RESULT),
    ]


async def test_a_callerror_is_raised(central: CentralSystem, station: HandMadeChargePoint) -> None:
    asking = asyncio.create_task(central.call(IDENTITY, "ClearCache"))
    await answer_next_call(station, lambda id_: [4, id_, "NotSupported", "no cache", {"a": 1}])

    with pytest.raises(CallError) as error:
        await asking
    assert (error.value.code, error.value.description, error.value.details) == ("NotSupported", "no cache", {"a": 1})


async def test_t_25_commands_wait_for_their_turn(central: CentralSystem, station: HandMadeChargePoint) -> None:
    asking = [asyncio.create_task(central.call(IDENTITY, action)) for action in ("ClearCache", "GetLocalListVersion")]
    first = await station.receive()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await station.receive()
    await station.send(3, first[1], {"status": "Accepted"})
    second = await station.receive()
    await station.send(3, second[1], {"listVersion": 0})

    assert await asyncio.gather(*asking) == [{"status": "Accepted"}, {"listVersion": 0}]


async def test_a_command_without_an_answer_times_out_and_a_late_answer_is_no_violation(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    with pytest.raises(TimeoutError):
        await central.call(IDENTITY, "ClearCache", timeout_s=0.01)
    await answer_next_call(station, lambda id_: [3, id_, {"status": "Accepted"}])
    await station.call("Heartbeat", {})

    assert central.violations == []


async def test_a_command_must_be_valid_unless_it_is_raw(central: CentralSystem, station: HandMadeChargePoint) -> None:
    with pytest.raises(ValueError, match=r"Reset\.req: type"):
        await central.call(IDENTITY, "Reset", {"type": "Warm"})

    asking = asyncio.create_task(central.call(IDENTITY, "Reset", {"type": "Warm"}, raw=True))
    await answer_next_call(station, lambda id_: [4, id_, "PropertyConstraintViolation", "", {}])
    with pytest.raises(CallError):
        await asking


async def test_a_command_ends_with_its_connection(central: CentralSystem, station: HandMadeChargePoint) -> None:
    asking = asyncio.create_task(central.call(IDENTITY, "ClearCache"))
    await station.receive()
    await station.connection.close()

    with pytest.raises(ConnectionClosedError):
        await asking
    with pytest.raises(ConnectionClosedError, match="not connected"):
        await central.call(IDENTITY, "ClearCache")


async def test_t_29_raw_commands_do_not_wait(central: CentralSystem, station: HandMadeChargePoint) -> None:
    for message_id in "abc":
        await central.send_raw(IDENTITY, json.dumps([2, message_id, "ClearCache", {}]))

    for message_id in "abc":
        assert (await station.receive())[1] == message_id
        await station.send(3, message_id, {"status": "Accepted"})
    await station.call("Heartbeat", {})
    assert central.violations == []


async def test_any_message_can_be_sent(central: CentralSystem, station: HandMadeChargePoint) -> None:
    for raw in (b"\xff", "{", '[2,"n","ClearCache",null]'):
        await central.send_raw(IDENTITY, raw)
        assert await station.connection.recv() == raw
    await station.send(3, "n", {"status": "Accepted"})  # T-14: null is an empty payload
    await station.call("Heartbeat", {})

    assert central.violations == []


async def test_the_newest_connection_wins(central: CentralSystem, station: HandMadeChargePoint) -> None:
    again = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    with pytest.raises(ConnectionClosedError):
        await station.receive()

    await again.call("Heartbeat", {}, "new")
    assert central.connected == (IDENTITY,)


async def test_offline_drops_and_refuses(central: CentralSystem, station: HandMadeChargePoint) -> None:
    await central.go_offline()
    with pytest.raises(ConnectionClosedError):
        await station.receive()
    with pytest.raises(ConnectionRefusedError):
        central.connect_in_memory(IDENTITY)

    central.go_online()
    await HandMadeChargePoint(central.connect_in_memory(IDENTITY)).call("Heartbeat", {}, "back")


async def test_a_black_hole_hears_nothing(central: CentralSystem, station: HandMadeChargePoint) -> None:
    central.black_hole = True
    await station.send(2, "lost", "Heartbeat", {})
    central.black_hole = False
    await station.call("Heartbeat", {}, "heard")

    assert [frame.message_id for frame in central.calls("Heartbeat")] == ["heard"]


async def test_waiting_ends_with_the_frame_that_fulfils_it(
    central: CentralSystem, station: HandMadeChargePoint
) -> None:
    waiting = asyncio.create_task(central.wait_for(lambda: central.calls("Heartbeat", IDENTITY)))
    await station.call("Heartbeat", {})

    assert len(await waiting) == 1


async def test_waiting_in_vain_shows_the_last_frames(central: CentralSystem, station: HandMadeChargePoint) -> None:
    with pytest.raises(TimeoutError, match=r"SITE-1 → BootNotification\.req"):
        await central.wait_for(lambda: False, timeout_s=0.01)


async def test_frames_can_be_bounded_and_are_kept_by_identity() -> None:
    central = CentralSystem(frame_limit=3)
    one, other = (HandMadeChargePoint(central.connect_in_memory(name)) for name in ("one", "other"))
    await one.boot()
    await other.boot()

    assert len(central.frames) == 3
    assert [frame.kind for frame in central.of("one")] == [Kind.RESULT]
    assert len(central.calls("BootNotification", "other")) == 1
    await central.close()


async def test_violations_and_frames_can_be_heard_as_they_happen() -> None:
    heard: list[str] = []
    central = CentralSystem(on_frame=lambda frame: heard.append(frame.text[:5]), on_violation=heard.append)
    station = HandMadeChargePoint(central.connect_in_memory(IDENTITY))
    await station.call("Heartbeat", {})

    assert [line[:4] for line in heard] == ["B-01", "[2, ", '[3,"']
    await central.close()


@pytest.mark.looptime
async def test_a_day_passes_in_virtual_time(central: CentralSystem, station: HandMadeChargePoint) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(24):
        await asyncio.sleep(3600)
        await station.call("Heartbeat", {})

    assert loop.time() - began >= 24 * 3600
    assert central.violations == []
