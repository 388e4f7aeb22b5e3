from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from hand_made_central_system import NOW, HandMadeCentralSystem, Line, SlowSocket
from ocpp_gateway.central.pipe import PipeEnd
from ocpp_gateway.charger.events import (
    Answered,
    Call,
    CallReceived,
    ClockSet,
    Event,
    Failed,
    Failure,
    RegistrationStatus,
    SessionDown,
    SessionUp,
)
from ocpp_gateway.errors import PeerError
from ocpp_gateway.ocpp16.rpc import Connection
from ocpp_gateway.ocpp16.session import MAX_CALLS_WAITING, Session
from ocpp_gateway.ocpp16.timing import Hold, Timing

pytestmark = pytest.mark.looptime

BOOT = {"chargePointVendor": "Compleo", "chargePointModel": "DUO"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
SUPPORTED = frozenset({"Reset", "ChangeConfiguration", "RemoteStartTransaction", "SetChargingProfile"})


class World:
    """A session, the central system it talks to, and an owner that only notes what it is told."""

    def __init__(self, wrap: Callable[[PipeEnd], Connection], hold: Hold | None) -> None:
        self.wrap = wrap
        self.central = HandMadeCentralSystem()
        self.events: list[Event] = []
        self.on_up: Callable[[], None] = lambda: None
        self.clock_news: ClockSet | None = None
        self.learned: list[datetime] = []
        self.session = Session(
            charge_point="SITE-1",
            connect=self.connect,
            post=self.post,
            deliver=self.post,
            learn_time=self.learn,
            supported_actions=SUPPORTED,
            timing=Timing,
            hold=hold,
            jitter=lambda: 0.0,
        )

    async def connect(self) -> Connection:
        return self.wrap(await self.central.connect())

    async def post(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SessionUp):
            self.on_up()

    def learn(self, central_utc: datetime) -> ClockSet | None:
        self.learned.append(central_utc)
        return self.clock_news

    async def accepted(self) -> Line:
        """The line of an accepted session."""
        self.session.boot(BOOT)
        line = await self.central.opened()
        await line.accept_boot()
        await settle()
        return line

    async def up(self) -> None:
        async with asyncio.timeout(3600):
            await self.session.ready()


@asynccontextmanager
async def world(
    wrap: Callable[[PipeEnd], Connection] = lambda end: end, hold: Hold | None = None
) -> AsyncIterator[World]:
    it = World(wrap, hold)
    running = asyncio.create_task(it.session.run())
    try:
        yield it
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=60)
    assert running.cancelled()


async def settle() -> None:
    await asyncio.sleep(0.01)


def now_s() -> float:
    return asyncio.get_running_loop().time()


ACCEPTED_UP = SessionUp(RegistrationStatus.ACCEPTED, 300, booted=True)

# ---------------------------------------------------------------- boot


async def test_no_connection_before_it_is_known_who_we_are() -> None:
    async with world() as it:
        await asyncio.sleep(100)
        assert it.central.attempts_s == []

        it.session.boot(BOOT)
        await it.central.opened()


async def test_fault_k_14_a_session_that_is_held_back_says_why_and_connects_then() -> None:
    began_s = now_s()
    async with world(hold=Hold(began_s + 40.0, "started 6 times in a row")) as it:
        it.session.boot(BOOT)
        await asyncio.sleep(39)
        it.session.call(Call(7, "Heartbeat", {}))
        await settle()
        assert it.events == [Failed(7, Failure.OFFLINE)]  # nobody waits for the hold to end
        assert it.central.attempts_s == []
        assert it.session.last_problem == "started 6 times in a row"

        line = await it.central.opened()
        await line.accept_boot()
        await settle()
        assert it.central.attempts_s == pytest.approx([began_s + 40.0])
        assert it.session.last_problem is None


async def test_fault_k_14_an_operator_who_asks_for_a_connection_gets_it_at_once() -> None:
    async with world(hold=Hold(now_s() + 300.0, "started 9 times in a row")) as it:
        it.session.boot(BOOT)
        await asyncio.sleep(7)
        asked_s = now_s()
        it.session.restart()
        line = await it.central.opened()
        await line.accept_boot()
        await asyncio.sleep(600)
        assert it.central.attempts_s == pytest.approx([asked_s])


async def test_fault_k_14_a_hold_that_is_over_delays_nothing() -> None:
    """The tasks of a charger are started again an hour later."""
    await asyncio.sleep(3600)
    async with world(hold=Hold(now_s() - 3300, "started 9 times in a row")) as it:
        it.session.boot(BOOT)
        began_s = now_s()
        await it.central.opened()
        assert it.central.attempts_s == pytest.approx([began_s])


async def test_b_01_boot_notification_is_first_and_says_who_we_are() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()

        assert await line.accept_boot(interval=300) == BOOT
        await settle()
        assert it.events == [ACCEPTED_UP]
        assert it.session.registration is RegistrationStatus.ACCEPTED


async def test_b_01_nothing_else_is_asked_before_acceptance() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.asked("BootNotification")

        it.session.call(Call(1, "StatusNotification", STATUS))

        await line.silent_for(20)
        assert it.events == [Failed(1, Failure.OFFLINE)]


async def test_b_03_the_central_systems_time_is_known_before_the_session_is_up() -> None:
    async with world() as it:
        it.clock_news = ClockSet("boot", NOW)
        await it.accepted()

        assert it.learned == [datetime(2026, 3, 1, 12, tzinfo=UTC)]
        assert it.events == [ClockSet("boot", NOW), ACCEPTED_UP]


async def test_b_05_rejected_is_silence_in_both_directions_until_the_interval_is_over() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Rejected", "interval": 100, "currentTime": NOW})
        rejected_s = now_s()

        await settle()
        await line.send(2, "1", "Reset", {"type": "Hard"})
        it.session.call(Call(1, "Heartbeat", {}))
        await line.asked("BootNotification")

        assert now_s() - rejected_s == pytest.approx(100, abs=0.1)
        assert it.events == [Failed(1, Failure.OFFLINE)]


async def test_b_05_after_the_silence_calls_are_answered_again() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Rejected", "interval": 100, "currentTime": NOW})
        await line.accept_boot()
        await line.send(2, "1", "SendLocalList", {})

        assert (await line.receive())[:3] == [4, "1", "NotSupported"]


async def test_b_05_a_rejected_charge_point_does_not_even_connect_before_its_time() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Rejected", "interval": 1000, "currentTime": NOW})
        rejected_s = now_s()
        await line.end.close()

        again = await it.central.opened()
        assert again.opened_s - rejected_s == pytest.approx(1000, abs=0.1)
        await again.asked("BootNotification")


async def test_b_06_pending_answers_calls_and_asks_nothing() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Pending", "interval": 50, "currentTime": NOW})
        await settle()

        await line.send(2, "1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})
        await settle()
        it.session.reply("1", {"status": "Accepted"})
        it.session.call(Call(1, "StatusNotification", STATUS))

        assert await line.receive() == [3, "1", {"status": "Accepted"}]
        await line.silent_for(40)
        assert it.events == [
            SessionUp(RegistrationStatus.PENDING, 50, booted=True),
            CallReceived("1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
            Failed(1, Failure.OFFLINE),
        ]


@pytest.mark.parametrize(("interval_s", "wait_s"), [(50, 50), (0, 60)])
async def test_b_08_after_pending_the_next_boot_comes_after_the_interval(interval_s: int, wait_s: int) -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Pending", "interval": interval_s, "currentTime": NOW})
        before_s = now_s()

        await line.accept_boot()

        assert now_s() - before_s == pytest.approx(wait_s, abs=0.1)
        await settle()
        assert it.events[-1] == ACCEPTED_UP


@pytest.mark.parametrize("answer", ["callerror", "nothing", "nonsense"])
async def test_b_09_an_unanswered_boot_is_repeated_until_accepted(answer: str) -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        message_id, _ = await line.asked("BootNotification")
        before_s = now_s()
        if answer == "callerror":
            await line.send(4, message_id, "InternalError", "", {})
        elif answer == "nonsense":
            await line.send(3, message_id, {"status": "Maybe"})

        await line.accept_boot()

        assert now_s() - before_s == pytest.approx(90 if answer == "nothing" else 60, abs=0.1)
        await settle()
        assert it.events == [ACCEPTED_UP]


async def test_t_45_who_we_are_has_changed_so_we_boot_again() -> None:
    async with world() as it:
        line = await it.accepted()
        it.session.boot(BOOT)  # the same: nothing
        await line.silent_for(100)

        it.session.boot(BOOT | {"firmwareVersion": "6.4.2"})

        assert (await line.accept_boot())["firmwareVersion"] == "6.4.2"


async def test_fault_o_07_a_boot_answered_late_is_asked_again_and_accepted() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        message_id, _ = await line.asked("BootNotification")
        await asyncio.sleep(40)
        await line.send(3, message_id, {"status": "Accepted", "interval": 1, "currentTime": NOW})
        await line.accept_boot(interval=300)

        await settle()
        assert it.events == [ACCEPTED_UP]


# ---------------------------------------------------------------- connections


@pytest.mark.conformance("W-25")
async def test_t_05_it_never_gives_up_connecting_and_backs_off() -> None:
    async with world() as it:
        it.central.refusals = [PeerError("404")] * 6
        it.session.boot(BOOT)
        await it.central.opened()

        waits = [after - before for before, after in pairwise(it.central.attempts_s)]
        assert waits == pytest.approx([3, 6, 12, 24, 24, 24], abs=0.01)


@pytest.mark.conformance("T-45")
async def test_b_18_a_reconnect_is_no_boot() -> None:
    async with world() as it:
        line = await it.accepted()
        await asyncio.sleep(100)
        lost_s = now_s()
        await line.end.close(1001)

        line = await it.central.opened()
        assert line.opened_s - lost_s <= 5  # Z5
        await it.up()
        await line.silent_for(100)
        assert it.events == [ACCEPTED_UP, SessionDown(), SessionUp(RegistrationStatus.ACCEPTED, 300, booted=False)]


async def test_t_40_a_connection_that_breaks_soon_is_a_failure() -> None:
    async with world() as it:
        await (await it.accepted()).end.close()
        for _ in range(3):
            await (await it.central.opened()).end.close()
        await it.central.opened()

        waits = [after - before for before, after in pairwise(it.central.attempts_s)]
        assert waits == pytest.approx([3, 6, 12, 24], abs=0.1)


async def test_a_charge_point_that_was_never_accepted_boots_on_the_next_connection() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.asked("BootNotification")
        await line.end.close()

        line = await it.central.opened()
        await line.accept_boot()


@pytest.mark.conformance("B-08")
async def test_a_pending_charge_point_keeps_its_interval_over_a_reconnect() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.answer("BootNotification", {"status": "Pending", "interval": 500, "currentTime": NOW})
        pending_s = now_s()
        await line.end.close()

        line = await it.central.opened()
        await line.accept_boot()
        assert now_s() - pending_s == pytest.approx(500, abs=0.1)


async def test_who_we_are_changed_while_offline_so_the_next_connection_begins_with_a_boot() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.end.close()
        it.session.boot(BOOT | {"chargePointModel": "SOLO"})

        line = await it.central.opened()
        assert (await line.accept_boot())["chargePointModel"] == "SOLO"


@pytest.mark.conformance("R-34")
async def test_reset_closes_after_its_answer_and_boots_at_once() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.send(2, "1", "Reset", {"type": "Soft"})
        await settle()
        it.session.reply("1", {"status": "Accepted"})
        it.session.restart()
        restarted_s = now_s()

        assert await line.receive() == [3, "1", {"status": "Accepted"}]
        with pytest.raises(EOFError, match="1000"):
            await line.end.recv()
        line = await it.central.opened()
        assert line.opened_s - restarted_s < 1
        await line.accept_boot()
        await settle()
        assert it.events[-2:] == [SessionDown(), ACCEPTED_UP]


async def test_reset_closes_only_when_its_answer_has_left_a_slow_socket() -> None:
    async with world(SlowSocket) as it:
        line = await it.accepted()
        await line.send(2, "1", "Reset", {"type": "Soft"})
        await settle()
        it.session.reply("1", {"status": "Accepted"})
        it.session.restart()

        assert await line.receive() == [3, "1", {"status": "Accepted"}]


async def test_reset_before_the_boot_was_answered_boots_all_the_same() -> None:
    async with world() as it:
        it.session.boot(BOOT)
        line = await it.central.opened()
        await line.asked("BootNotification")
        it.session.restart()

        line = await it.central.opened()
        await line.accept_boot()


async def test_reset_while_offline_makes_the_next_connection_a_boot() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.end.close()
        await settle()
        it.session.restart()

        line = await it.central.opened()
        await line.accept_boot()


async def test_t_48_the_end_of_the_process_is_a_normal_goodbye() -> None:
    async with world() as it:
        line = await it.accepted()

    with pytest.raises(EOFError, match="1001"):
        await line.end.recv()


@pytest.mark.parametrize("turns", range(12))
async def test_a_stop_in_the_moment_of_a_loss_is_a_stop(turns: int) -> None:
    async with world() as it:
        line = await it.accepted()
        await line.end.close()
        for _ in range(turns):
            await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(12))
async def test_a_stop_in_the_moment_of_a_reset_is_a_stop(turns: int) -> None:
    async with world() as it:
        await it.accepted()
        it.session.restart()
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_fault_o_24_a_thousand_reconnects_leave_no_tasks_behind() -> None:
    async with world() as it:
        line = await it.accepted()
        before = len(asyncio.all_tasks())
        for _ in range(1000):
            await line.end.close()
            line = await it.central.opened()
            await it.up()
        await settle()

        assert len(asyncio.all_tasks()) <= before
        assert it.events.count(SessionDown()) == 1000


# ---------------------------------------------------------------- questions of ours


async def test_calls_leave_in_order_and_their_answers_come_back() -> None:
    async with world() as it:
        line = await it.accepted()
        for request_id in (1, 2, 3):
            it.session.call(Call(request_id, "Authorize", {"idTag": f"T{request_id}"}))

        for request_id in (1, 2, 3):
            asked = await line.answer("Authorize", {"idTagInfo": {"status": "accepted"}})
            assert asked == {"idTag": f"T{request_id}"}
        await settle()
        assert it.events[1:] == [
            Answered(request_id, {"idTagInfo": {"status": "Accepted"}}) for request_id in (1, 2, 3)
        ]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param([4, "{}", "GenericError", "", {}], Failure.ERROR, id="CALLERROR"),
        pytest.param([3, "{}", {"status": "Accepted"}], Failure.ERROR, id="unusable answer"),
        pytest.param(None, Failure.TIMEOUT, id="no answer"),
    ],
)
async def test_a_call_that_fails_says_how(answer: list[Any] | None, failure: Failure) -> None:
    async with world() as it:
        line = await it.accepted()
        it.session.call(Call(1, "Authorize", {"idTag": "T"}))
        message_id, _ = await line.asked("Authorize")
        if answer is not None:
            await line.send(answer[0], message_id, *answer[2:])
        await asyncio.sleep(31)

        assert it.events[-1] == Failed(1, failure)


async def test_a_call_on_a_lost_connection_fails_at_once_and_so_do_those_behind_it() -> None:
    async with world() as it:
        line = await it.accepted()
        it.session.call(Call(1, "Heartbeat", {}))
        it.session.call(Call(2, "Heartbeat", {}))
        await line.asked("Heartbeat")
        await line.end.close()
        await settle()

        assert {event for event in it.events if isinstance(event, Failed)} == {
            Failed(1, Failure.OFFLINE),
            Failed(2, Failure.OFFLINE),
        }


async def test_every_call_gets_its_outcome_even_when_the_lane_is_full() -> None:
    async with world() as it:
        line = await it.accepted()
        number = MAX_CALLS_WAITING + 10
        for request_id in range(number):
            it.session.call(Call(request_id, "Heartbeat", {}))
        await line.asked("Heartbeat")
        await line.end.close()
        await asyncio.sleep(1)

        assert {event.request_id for event in it.events if isinstance(event, Failed)} == set(range(number))


async def test_b_14_a_heartbeat_tells_the_time() -> None:
    async with world() as it:
        line = await it.accepted()
        it.session.call(Call(1, "Heartbeat", {}))
        await line.answer("Heartbeat", {"currentTime": "2026-03-01T13:00:00+01:00"})
        await settle()

        assert it.learned[-1] == datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_the_outbox_may_send_only_after_the_status_of_the_connectors_was_told() -> None:
    async with world() as it:
        it.on_up = lambda: it.session.call(Call(1, "StatusNotification", STATUS))
        ready = asyncio.create_task(it.session.ready())
        line = await it.accepted()
        message_id, _ = await line.asked("StatusNotification")
        await asyncio.sleep(1)
        assert not ready.done()

        await line.send(3, message_id, {})
        await settle()
        assert ready.done()


async def test_the_outbox_is_not_held_back_for_ever_by_a_status_nobody_answers() -> None:
    async with world() as it:
        def tell_statuses() -> None:
            for request_id in range(3):
                it.session.call(Call(request_id, "StatusNotification", STATUS))

        it.on_up = tell_statuses
        await it.accepted()
        before_s = now_s()

        await it.up()

        assert now_s() - before_s <= 31


# ---------------------------------------------------------------- questions of theirs


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        pytest.param("Restart", {}, "NotImplemented", id="T-31 unknown action"),
        pytest.param("reset", {"type": "Hard"}, "NotImplemented", id="T-17 case matters"),
        pytest.param("SendLocalList", {}, "NotSupported", id="T-32 known, not here"),
        pytest.param("SignedUpdateFirmware", {}, "NotSupported", id="T-32 security whitepaper"),
        pytest.param("BootNotification", BOOT, "NotSupported", id="T-32 ours to ask"),
        pytest.param("Reset", {}, "ProtocolError", id="T-34 missing"),
        pytest.param("Reset", None, "ProtocolError", id="T-14 null where something is needed"),
        pytest.param("Reset", {"type": "Hard", "x": 1}, "FormationViolation", id="T-33 more"),
        pytest.param("Reset", {"type": 1}, "TypeConstraintViolation", id="T-34 type"),
        pytest.param("Reset", [], "TypeConstraintViolation", id="T-34 list"),
        pytest.param("Reset", {"type": "Medium"}, "PropertyConstraintViolation", id="T-34 enum"),
    ],
)
@pytest.mark.conformance("T-14", "T-17", "T-31", "T-32", "T-33", "W-01", "W-02")
async def test_t_34_a_wrong_call_is_refused_and_never_reaches_the_core(action: str, payload: Any, code: str) -> None:
    async with world() as it:
        line = await it.accepted()
        await line.send(2, "1", action, payload)

        assert (await line.receive())[:3] == [4, "1", code]
        assert it.events == [ACCEPTED_UP]


async def test_a_right_call_reaches_the_core_and_its_answer_the_central_system() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.send(2, "1", "Reset", {"type": "Hard"})
        await settle()
        assert it.events[-1] == CallReceived("1", "Reset", {"type": "Hard"})

        it.session.reply_error("1", "InternalError", "sorry")
        assert await line.receive() == [4, "1", "InternalError", "sorry", {}]


async def test_an_answer_after_its_connection_is_gone_goes_nowhere() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.send(2, "1", "Reset", {"type": "Hard"})
        await settle()
        await line.end.close()
        await settle()
        it.session.reply("1", {"status": "Accepted"})

        line = await it.central.opened()
        it.session.reply("1", {"status": "Accepted"})
        await line.silent_for(10)


async def test_t_38_the_refusal_of_a_key_does_not_repeat_it() -> None:
    async with world() as it:
        line = await it.accepted()
        await line.send(2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "S3cret" * 100})

        assert "S3cret" not in str(await line.receive())
