from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hand_made_central_system import Line, SlowSocket
from ocpp_gateway.central.pipe import Pipe, PipeEnd
from ocpp_gateway.ocpp16.frames import CallFrame, ResultFrame
from ocpp_gateway.ocpp16.rpc import (
    MAX_LATE,
    MAX_OPEN_CALLS,
    MAX_UNSENT_ANSWERS,
    SEND_TIMEOUT_S,
    CallRefused,
    CallTimedOut,
    Connection,
    ConnectionLost,
    Rpc,
    Tally,
)

pytestmark = pytest.mark.looptime

HEARTBEAT_CONF = {"currentTime": "2026-03-01T12:00:00Z"}


@dataclass
class Station:
    rpc: Rpc
    line: Line
    tally: Tally = field(default_factory=Tally)
    calls: list[CallFrame] = field(default_factory=list)
    frames: list[tuple[str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def ask(self, question: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(question)
        self.tasks.append(task)
        return task

    async def heartbeat(self, message_id: str | None = None) -> Any:
        return await self.rpc.call("Heartbeat", {}, timeout_s=30, message_id=message_id)


class NeverTakes:
    """A socket whose peer has closed its window."""

    def __init__(self, end: PipeEnd) -> None:
        self.recv, self.close = end.recv, end.close

    async def send(self, text: str, /) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def station(wrap: Callable[[PipeEnd], Connection] = lambda end: end) -> AsyncIterator[Station]:
    pipe = Pipe()

    async def on_call(frame: CallFrame) -> None:
        it.calls.append(frame)

    def on_frame(direction: str, text: str) -> None:
        it.frames.append((direction, text))

    async def run() -> None:
        try:
            await it.rpc.run()
        except ConnectionLost as exc:
            it.ended.append(exc.reason)

    tally = Tally()
    it = Station(Rpc(wrap(pipe.charge_point), on_call, on_frame=on_frame, tally=tally), Line(pipe), tally)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        yield it
        running.cancel()


async def settle() -> None:
    await asyncio.sleep(0.01)


# ---------------------------------------------------------------- our questions


async def test_t_13_a_call_is_four_elements_and_its_answer_comes_back() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat("m-1"))

        assert await it.line.receive() == [2, "m-1", "Heartbeat", {}]
        await it.line.send(3, "m-1", HEARTBEAT_CONF)

        assert await asked == HEARTBEAT_CONF


async def test_t_15_message_ids_are_made_unique_and_keep_to_36_characters() -> None:
    async with station() as it:
        ids = []
        for _ in range(3):
            asked = it.ask(it.heartbeat())
            message_id, _ = await it.line.asked("Heartbeat")
            await it.line.send(3, message_id, HEARTBEAT_CONF)
            await asked
            ids.append(message_id)

    assert len(set(ids)) == 3
    assert {len(message_id) for message_id in ids} == {36}


@pytest.mark.conformance("W-26")
async def test_t_25_one_call_is_in_flight_and_the_others_follow_in_order() -> None:
    async with station() as it:
        for message_id in ("1", "2", "3"):
            it.ask(it.heartbeat(message_id))
        for message_id in ("1", "2", "3"):
            assert (await it.line.receive())[1] == message_id
            await it.line.silent_for(5)
            await it.line.send(3, message_id, HEARTBEAT_CONF)


@pytest.mark.conformance("T-39")
async def test_a_callerror_is_raised_with_its_code_also_an_unknown_one() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat("1"))
        await it.line.receive()
        await it.line.send(4, "1", "RpcFrameworkError", "Call already in progress", {})

        with pytest.raises(CallRefused, match="CALLERROR RpcFrameworkError: Call already in progress"):
            await asked


async def test_t_27_without_an_answer_the_next_call_may_go_after_the_timeout() -> None:
    async with station() as it:
        first = it.ask(it.heartbeat("1"))
        it.ask(it.heartbeat("2"))
        await it.line.receive()
        await it.line.silent_for(29.9)

        with pytest.raises(CallTimedOut):
            await first
        assert (await it.line.receive())[1] == "2"
        await it.line.send(3, "2", HEARTBEAT_CONF)


async def test_t_28_a_late_answer_still_reaches_the_one_who_asked() -> None:
    async with station() as it:
        with pytest.raises(CallTimedOut) as caught:
            await it.heartbeat("1")
        await it.line.receive()

        await it.line.send(3, "1", HEARTBEAT_CONF)

        assert await caught.value.late_answer == HEARTBEAT_CONF


async def test_t_46_an_open_call_ends_at_once_when_the_connection_is_lost() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat())
        await it.line.receive()
        before_s = asyncio.get_running_loop().time()

        await it.line.end.close(1001, "bye")

        with pytest.raises(ConnectionLost, match="bye"):
            await asked
        assert asyncio.get_running_loop().time() - before_s < 1
        with pytest.raises(ConnectionLost):
            await it.heartbeat()
        await settle()
    assert it.ended == ["connection closed (1001 bye)"]


async def test_a_late_answer_that_cannot_come_any_more_says_so() -> None:
    async with station() as it:
        with pytest.raises(CallTimedOut) as caught:
            await it.heartbeat("1")
        await it.line.end.close()

        with pytest.raises(ConnectionLost):
            await caught.value.late_answer


@pytest.mark.conformance("T-28")
async def test_fault_o_09_answers_to_nothing_are_counted_and_leave_no_trace() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat("1"))
        await it.line.receive()
        for number in range(2000):
            await it.line.send(3, f"unknown {number}", {})
        await it.line.send(3, "1", HEARTBEAT_CONF)
        await asked
        await it.line.send(3, "1", HEARTBEAT_CONF)  # twice
        await settle()

        assert it.rpc.counts.unknown_answers == 2001
        assert it.rpc._waiting == {}


async def test_fault_o_09_questions_that_stay_unanswered_do_not_pile_up() -> None:
    async with station() as it:
        for _ in range(MAX_LATE + 5):
            with pytest.raises(CallTimedOut):
                await it.rpc.call("Heartbeat", {}, timeout_s=1)

        assert len(it.rpc._waiting) == MAX_LATE


async def test_fault_o_22_a_peer_that_takes_nothing_is_given_up_after_the_send_timeout() -> None:
    async with station(NeverTakes) as it:
        before_s = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionLost, match="took nothing for 20 s"):
            await it.rpc.call("Heartbeat", {}, timeout_s=20)
        assert asyncio.get_running_loop().time() - before_s == pytest.approx(20, abs=0.1)


async def test_fault_o_22_a_peer_that_takes_no_answer_is_given_up_too() -> None:
    async with station(NeverTakes) as it:
        await it.line.send(2, "1", "ClearCache", {})
        await settle()
        it.rpc.reply("1", {"status": "Accepted"})
        await asyncio.sleep(SEND_TIMEOUT_S + 1)

        assert it.ended == ["the central system took nothing for 30 s"]


async def test_what_breaks_its_schema_is_sent_all_the_same() -> None:
    async with station() as it:
        it.ask(it.rpc.call("Authorize", {"idTag": "x" * 21}, timeout_s=30, message_id="1"))

        assert (await it.line.receive())[3] == {"idTag": "x" * 21}
        await it.line.send(3, "1", {})


# ---------------------------------------------------------------- their questions


@pytest.mark.conformance("W-21")
async def test_t_26_a_call_is_served_while_ours_is_open() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat("1"))
        await it.line.receive()

        await it.line.send(2, "c-1", "ClearCache", {})
        await settle()
        it.rpc.reply("c-1", {"status": "Accepted"})

        assert await it.line.receive() == [3, "c-1", {"status": "Accepted"}]
        await it.line.send(3, "1", HEARTBEAT_CONF)
        await asked


@pytest.mark.conformance("W-26")
async def test_t_26_a_handler_that_asks_back_and_waits_is_no_deadlock() -> None:
    pipe = Pipe()

    async def on_call(frame: CallFrame) -> None:
        await rpc.call("Heartbeat", {}, timeout_s=30, message_id="ours")
        rpc.reply(frame.message_id, {"status": "Accepted"})

    rpc, line = Rpc(pipe.charge_point, on_call), Line(pipe)
    running = asyncio.create_task(rpc.run())
    await line.send(2, "theirs", "ClearCache", {})
    await line.answer("Heartbeat", HEARTBEAT_CONF)

    assert await line.receive() == [3, "theirs", {"status": "Accepted"}]
    running.cancel()


async def test_t_29_several_calls_at_once_are_handed_on_in_order() -> None:
    async with station() as it:
        for number in range(10):
            await it.line.send(2, str(number), "ClearCache", {})
        await settle()

        assert [call.message_id for call in it.calls] == [str(number) for number in range(10)]


async def test_t_16_an_odd_id_comes_back_as_it_was() -> None:
    async with station() as it:
        for odd in (" ", "0", "ä\t", "x" * 200):
            await it.line.send(2, odd, "ClearCache", {})
            await settle()
            it.rpc.reply(odd, {"status": "Accepted"})
            assert (await it.line.receive())[1] == odd


async def test_t_30_a_call_with_the_id_of_an_open_one_is_refused_and_not_executed() -> None:
    async with station() as it:
        await it.line.send(2, "1", "ClearCache", {})
        await it.line.send(2, "1", "ClearCache", {})

        assert (await it.line.receive())[:3] == [4, "1", "GenericError"]
        await settle()
        assert len(it.calls) == 1
        it.rpc.reply("1", {"status": "Accepted"})
        assert (await it.line.receive())[0] == 3


async def test_an_id_may_be_used_again_once_it_was_answered() -> None:
    async with station() as it:
        for _ in range(2):
            await it.line.send(2, "1", "ClearCache", {})
            await settle()
            it.rpc.reply("1", {"status": "Accepted"})
            assert await it.line.receive() == [3, "1", {"status": "Accepted"}]


async def test_an_answer_goes_out_once() -> None:
    async with station() as it:
        await it.line.send(2, "1", "ClearCache", {})
        await settle()
        it.rpc.reply("1", {"status": "Accepted"})
        it.rpc.reply("1", {"status": "Accepted"})
        it.rpc.reply_error("1", "GenericError")
        it.rpc.reply("of another connection", {"status": "Accepted"})

        await it.line.receive()
        await it.line.silent_for(1)


async def test_an_answer_leaves_before_the_question_that_was_decided_after_it() -> None:
    async with station() as it:
        await it.line.send(2, "1", "RemoteStartTransaction", {"idTag": "T"})
        await settle()

        it.rpc.reply("1", {"status": "Accepted"})
        it.ask(it.rpc.call("Authorize", {"idTag": "T"}, timeout_s=30, message_id="2"))

        assert (await it.line.receive())[:2] == [3, "1"]
        assert (await it.line.receive())[:2] == [2, "2"]
        await it.line.send(3, "2", {})


async def test_a_question_waits_for_the_answers_before_it_even_when_the_socket_is_slow() -> None:
    async with station(SlowSocket) as it:
        for call_id in ("1", "2", "3"):
            await it.line.send(2, call_id, "ClearCache", {})
        await settle()
        for call_id in ("1", "2", "3"):
            it.rpc.reply(call_id, {"status": "Accepted"})
        it.ask(it.heartbeat("4"))

        assert [(await it.line.receive())[1] for _ in range(4)] == ["1", "2", "3", "4"]
        await it.line.send(3, "4", HEARTBEAT_CONF)


async def test_t_46_a_question_behind_a_stuck_answer_ends_when_the_connection_is_lost() -> None:
    async with station(NeverTakes) as it:
        for call_id in ("1", "2"):
            await it.line.send(2, call_id, "ClearCache", {})
        await settle()
        for call_id in ("1", "2"):
            it.rpc.reply(call_id, {"status": "Accepted"})
        asked = it.ask(it.heartbeat())
        await settle()
        await it.line.end.close()

        with pytest.raises(ConnectionLost):
            async with asyncio.timeout(1):
                await asked


async def test_t_46_our_own_end_of_the_connection_ends_open_questions_too() -> None:
    pipe = Pipe()

    async def on_call(frame: CallFrame) -> None:
        """Nothing asks."""

    rpc = Rpc(pipe.charge_point, on_call)
    running = asyncio.create_task(rpc.run())
    asked = asyncio.create_task(rpc.call("Heartbeat", {}, timeout_s=30))
    await settle()
    running.cancel()

    with pytest.raises(ConnectionLost, match="closed by this side"):
        await asked


@pytest.mark.parametrize("before_the_timer", [True, False])
async def test_an_answer_in_the_very_moment_of_the_timeout_counts(before_the_timer: bool) -> None:
    async with station() as it:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + 30
        if before_the_timer:
            loop.call_at(due_s, it.rpc._take, ResultFrame("1", HEARTBEAT_CONF))
        asked = it.ask(it.heartbeat("1"))
        if not before_the_timer:
            await it.line.receive()
            loop.call_at(due_s, it.rpc._take, ResultFrame("1", HEARTBEAT_CONF))

        assert await asked == HEARTBEAT_CONF


async def test_fault_o_21_what_is_too_much_at_once_is_refused() -> None:
    async with station() as it:
        for number in range(MAX_OPEN_CALLS + 3):
            await it.line.send(2, str(number), "ClearCache", {})

        refused = [await it.line.receive() for _ in range(3)]
        assert {frame[2] for frame in refused} == {"GenericError"}
        assert [frame[1] for frame in refused] == [str(MAX_OPEN_CALLS + number) for number in range(3)]
        await settle()
        assert len(it.calls) == MAX_OPEN_CALLS


async def test_fault_o_21_a_peer_that_asks_on_and_reads_nothing_is_cut_off() -> None:
    async with station(NeverTakes) as it:
        for _ in range(MAX_UNSENT_ANSWERS + 5):
            await it.line.send(2, "1")
        await settle()

        assert it.ended == ["the central system asks on without reading our answers"]


async def test_b_05_a_deaf_charge_point_answers_nothing() -> None:
    async with station() as it:
        it.rpc.deaf = True
        await it.line.send(2, "1", "ClearCache", {})
        await it.line.send(2, "2")

        await it.line.silent_for(5)
        assert it.calls == []


@pytest.mark.conformance("W-27")
async def test_t_37_after_a_thousand_malformed_frames_the_connection_serves_on() -> None:
    hostile = ["", "[]", "[2]", "{", '[2,"1",[],{}]', "[" * 50_000, '[9,"1"]', '[3,"1",{}]', '[2,"1","X",NaN]', "null"]
    async with station() as it:
        for number in range(1000):
            await it.line.end.send(hostile[number % len(hostile)])
        while (await it.line.receive())[0] == 4 and it.rpc.counts.refused_calls < 200:
            pass
        asked = it.ask(it.heartbeat("2"))
        while (frame := await it.line.receive())[0] == 4:
            assert frame[1:3] == ["1", "FormationViolation"]
        await it.line.send(3, "2", HEARTBEAT_CONF)

        assert await asked == HEARTBEAT_CONF


async def test_t_18_a_frame_of_an_unknown_type_gets_no_answer_and_ends_nothing() -> None:
    async with station() as it:
        await it.line.send(9, "1", "Reset", {"type": "Hard"})
        await it.line.send(5)

        await it.line.silent_for(60)
        assert it.calls == []
        asked = it.ask(it.heartbeat("1"))
        await it.line.answer("Heartbeat", HEARTBEAT_CONF)
        assert await asked == HEARTBEAT_CONF


async def test_t_38_a_callerror_carries_no_details() -> None:
    async with station() as it:
        await it.line.send(2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "S3cret"})
        await settle()
        it.rpc.reply_error("1", "NotSupported", "no")

        assert await it.line.receive() == [4, "1", "NotSupported", "no", {}]


async def test_the_frame_hook_sees_both_directions_as_on_the_wire() -> None:
    async with station() as it:
        asked = it.ask(it.heartbeat("1"))
        await it.line.receive()
        await it.line.send(3, "1", {})
        await asked

    assert [(direction, json.loads(text)[0]) for direction, text in it.frames] == [("sent", 2), ("received", 3)]


# ---------------------------------------------------------------- what is counted


async def test_our_calls_are_counted_by_how_they_end() -> None:
    async with station() as it:
        answered, refused = it.ask(it.heartbeat("1")), it.ask(it.heartbeat("2"))
        await it.line.receive()
        await it.line.send(3, "1", HEARTBEAT_CONF)
        await answered
        await it.line.receive()
        await it.line.send(4, "2", "InternalError", "", {})
        with pytest.raises(CallRefused):
            await refused
        silent, lost = it.ask(it.heartbeat("3")), it.ask(it.heartbeat("4"))
        with pytest.raises(CallTimedOut):
            await silent
        it.rpc.lose("a test")
        with pytest.raises(ConnectionLost):
            await lost
        assert it.tally == {("sent", "Heartbeat", result): 1 for result in ("answered", "refused", "timeout", "lost")}


async def test_calls_to_us_are_counted_and_what_they_are_called_is_not_theirs_to_choose() -> None:
    async with station() as it:
        for number, action in enumerate(("Reset", "ClearCache", "Invented", "Made up")):
            await it.line.send(2, str(number), action, {})
        await settle()
        it.rpc.reply("0", {"status": "Accepted"})
        for number in (1, 2, 3):
            it.rpc.reply_error(str(number), "NotImplemented")
        it.rpc.reply("0", {"status": "Accepted"})  # again: without effect
        assert it.tally == {
            ("received", "Reset", "answered"): 1,
            ("received", "ClearCache", "refused"): 1,
            ("received", "unknown", "refused"): 2,
        }
