"""The conversation with one central system: connect, boot, ask, be asked, and all that again after a loss.

What the core decides comes in by plain calls (`boot`, `call`, `reply`, `reply_error`, `restart`) that never wait;
what happens goes out as events. Nothing of this survives the process, and nothing has to: what must not be lost
is in the outbox.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

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
from ocpp_gateway.errors import ConfigurationError, PeerError
from ocpp_gateway.log import logger
from ocpp_gateway.ocpp16 import schemas
from ocpp_gateway.ocpp16.answers import BootAnswer, boot_answer, current_time, usable_answer
from ocpp_gateway.ocpp16.connection import certificate_ends_s, ping_s
from ocpp_gateway.ocpp16.frames import CallFrame
from ocpp_gateway.ocpp16.rpc import (
    LOST,
    CallRefused,
    CallTimedOut,
    Connection,
    ConnectionLost,
    OnFrame,
    Rpc,
    Tally,
)
from ocpp_gateway.ocpp16.timing import USEFUL_AFTER_S, Hold, Timing, asked_wait_s, boot_repeat_s, reconnect_wait_s

MAX_CALLS_WAITING = 64
CLOSE_TIMEOUT_S = 5.0
FLUSH_TIMEOUT_S = 5.0

NORMAL_CLOSURE, GOING_AWAY = 1000, 1001

Post = Callable[[Event], Awaitable[None]]


class Session:
    """One charge point's place at one central system. `run` runs for ever.

    `connect` makes a new connection, or raises PeerError or ConfigurationError. `post` hands an event to the owner;
    `deliver` does so and returns once the owner has committed and acted on it. `learn_time` takes the central
    system's time and returns the event to post if it was news. `supported_actions` are the CALLs the owner answers.
    `timing` is asked each time, so that a changed configuration key counts at once. `hold` keeps the first connection
    waiting, unless somebody here asks for a `restart`.
    """

    def __init__(
        self,
        *,
        charge_point: str,
        connect: Callable[[], Awaitable[Connection]],
        post: Post,
        deliver: Post,
        learn_time: Callable[[datetime], ClockSet | None],
        supported_actions: frozenset[str],
        timing: Callable[[], Timing],
        on_frame: OnFrame | None = None,
        hold: Hold | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.registration: RegistrationStatus | None = None
        self.last_problem: str | None = None  # why there is no connection; None while there is one
        self.connections = 0  # made so far
        self.last_loss: str | None = None  # why the last connection ended, with the close code if there was one
        self.connected_at_s: float | None = None  # on the loop's clock; None while there is no connection
        self.certificate_ends_s: float | None = None  # Unix time; of the last connection, None without TLS
        self.tally: Tally = Counter()
        self._connect = connect
        self._post = post
        self._deliver = deliver
        self._learn_time = learn_time
        self._supported_actions = supported_actions
        self._timing = timing
        self._on_frame = on_frame
        self._hold = hold
        self._jitter = jitter
        self._log = logger(__name__).bind(charge_point=charge_point)
        self._payload: dict[str, Any] = {}  # of BootNotification; `run` waits for the first
        self._booted_payload: dict[str, Any] | None = None
        self._interval_s = 0
        self._boot_due_s = 0.0  # on the loop's clock
        self._boot_wanted = asyncio.Event()
        self._restart_wanted = asyncio.Event()
        self._rpc: Rpc | None = None
        self._connection: Connection | None = None
        self._announced = False  # SessionUp was posted for this connection
        self._outbox_may_send = False
        self._changed = asyncio.Event()  # replaced at each change of the two above
        self._lane: asyncio.Queue[Call] = asyncio.Queue(MAX_CALLS_WAITING)
        self._overflow: deque[int] = deque()

    # ------------------------------------------------------------ what the core and the outbox ask for

    @property
    def connected(self) -> bool:
        """Whether there is a connection, registered or not."""
        return self._rpc is not None

    @property
    def ping_s(self) -> float | None:
        """How long the last pong took; None before the first one of this connection."""
        return None if self._connection is None else ping_s(self._connection)

    def boot(self, payload: dict[str, Any], *, at_once: bool = False) -> None:
        """Who we are. The first one starts the session; a different one is announced by a BootNotification (T-45).

        `at_once`: while the registration is pending, do not wait for its interval (B-06).
        """
        self._payload = payload
        if at_once:
            self._boot_due_s = 0.0
        self._boot_wanted.set()

    def call(self, call: Call) -> None:
        """Asks the central system, in the order of these calls; `Answered` or `Failed` follows in any case."""
        try:
            self._lane.put_nowait(call)
        except asyncio.QueueFull:  # the central system has been silent through a whole lane
            self._overflow.append(call.request_id)

    def reply(self, call_id: str, payload: dict[str, Any]) -> None:
        """Answers a CALL. Without effect when its connection is gone."""
        if self._rpc is not None:
            self._rpc.reply(call_id, payload)

    def reply_error(self, call_id: str, code: str, description: str = "") -> None:
        """Refuses a CALL. Without effect when its connection is gone."""
        if self._rpc is not None:
            self._rpc.reply_error(call_id, code, description)

    def restart(self) -> None:
        """What Reset comes to: answers leave, the connection closes normally, and the next one begins with a boot."""
        self._restart_wanted.set()

    async def ready(self) -> Rpc:
        """A live connection over which transaction messages may go: accepted, and the connectors' status told first."""
        while self._rpc is None or not self._rpc.alive or not self._outbox_may_send:
            await self._changed.wait()
        return self._rpc

    async def run(self) -> None:
        """Connects, talks and reconnects until cancelled; then closes as an endpoint that goes away (T-48)."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(), name="ocpp session")
            tasks.create_task(self._make_calls(), name="ocpp calls")

    # ------------------------------------------------------------ connections, one after the other

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        await self._boot_wanted.wait()
        while True:
            await self._held_back()
            if self._restart_wanted.is_set():
                self._restart_wanted.clear()
                self.registration, self._boot_due_s = None, 0.0
            if self.registration is RegistrationStatus.REJECTED:  # B-05: silence, connection or not
                await _sleep_until(self._boot_due_s)
            began_s = loop.time()
            await self._one_connection()
            if self._restart_wanted.is_set():
                failures = 0
                continue
            useful = self.registration is RegistrationStatus.ACCEPTED and loop.time() - began_s > USEFUL_AFTER_S
            wait_s = reconnect_wait_s(0 if useful else failures + 1, self._jitter())
            failures = 0 if useful else failures + 1
            await asyncio.sleep(wait_s)

    async def _held_back(self) -> None:
        """Waits until a hold is over, or an operator wants to connect all the same."""
        hold, self._hold = self._hold, None
        if hold is not None and hold.until_s > asyncio.get_running_loop().time():
            self.last_problem = hold.why  # not logged: whoever holds it back has told it
            with suppress(TimeoutError):
                async with asyncio.timeout_at(hold.until_s):
                    await self._restart_wanted.wait()

    async def _one_connection(self) -> None:
        try:
            connection = await self._connect()
        except (*LOST, ConfigurationError) as exc:
            self._not_connected(str(exc))
            if isinstance(exc, PeerError) and exc.retry_after_s > 0:
                wait_s = asked_wait_s(exc.retry_after_s, self._jitter())
                self._hold = Hold(asyncio.get_running_loop().time() + wait_s, str(exc))
            return
        self.connections += 1
        self._connection, self.connected_at_s = connection, asyncio.get_running_loop().time()
        self.certificate_ends_s = certificate_ends_s(connection)
        rpc = Rpc(connection, self._on_call, on_frame=self._on_frame, tally=self.tally, log=self._log)
        self._log.info("central_system_connected")
        self.last_problem = None
        self._set_up(rpc, outbox_may_send=False)
        code = GOING_AWAY
        try:
            async with asyncio.TaskGroup() as tasks:
                works = [
                    tasks.create_task(self._converse(rpc), name="ocpp registration"),
                    tasks.create_task(self._await_restart(rpc), name="ocpp restart"),
                ]
                try:
                    await rpc.run()
                except ConnectionLost as lost:
                    code = NORMAL_CLOSURE
                    self.last_loss = str(lost)
                    self._not_connected(str(lost))
                for work in works:
                    work.cancel()
        finally:
            self._connection = self.connected_at_s = None
            self._set_up(None, outbox_may_send=False)
            await _close(connection, code)
        if self._announced:
            self._announced = False
            await self._post(SessionDown())

    def _not_connected(self, problem: str) -> None:
        if problem != self.last_problem:  # once per episode, and again when it becomes another one
            self.last_problem = problem
            self._log.warning("central_system_not_connected", problem=problem)

    async def _await_restart(self, rpc: Rpc) -> None:
        await self._restart_wanted.wait()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await rpc.flush()
        except TimeoutError:
            pass  # the central system does not read; it will see the boot
        rpc.lose("restart of the charge point")

    def _set_up(self, rpc: Rpc | None, *, outbox_may_send: bool) -> None:
        self._rpc, self._outbox_may_send = rpc, outbox_may_send
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # ------------------------------------------------------------ registration

    async def _converse(self, rpc: Rpc) -> None:
        if self._registered and self._timing().boot_on_reconnect:
            self.registration = self._booted_payload = None
        if self._registered:
            await self._come_up(rpc, booted=False)  # T-45, B-18: a reconnect is no boot
        elif self.registration is RegistrationStatus.PENDING:
            await self._announce(RegistrationStatus.PENDING, booted=False)
        while rpc.alive:
            self._boot_wanted.clear()
            if self._registered:
                await self._boot_wanted.wait()
            else:
                await self._until_boot_is_due()
                await self._boot_once(rpc)

    async def _until_boot_is_due(self) -> None:
        """Waits for the interval, or until TriggerMessage cuts it short."""
        while (left_s := self._boot_due_s - _now_s()) > 0:
            self._boot_wanted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._boot_wanted.wait()

    @property
    def _registered(self) -> bool:
        """Whether the central system has accepted this very charge point."""
        return self.registration is RegistrationStatus.ACCEPTED and self._booted_payload == self._payload

    async def _boot_once(self, rpc: Rpc) -> None:
        payload = self._payload
        rpc.deaf = False
        problem = "an answer without a status"
        answer = None
        try:
            timeout_s = self._timing().message_timeout_s
            answer = boot_answer(await rpc.call("BootNotification", payload, timeout_s=timeout_s))
        except ConnectionLost:
            return
        except (CallTimedOut, CallRefused) as exc:
            problem = str(exc)
        if answer is None:  # B-09
            self._boot_due_s = _now_s() + max(boot_repeat_s(None), self._interval_s)
            self._log.warning("boot_not_answered", problem=problem)
            return
        await self._learn(answer.current_time)
        await self._take_registration(rpc, answer, payload)

    async def _take_registration(self, rpc: Rpc, answer: BootAnswer, payload: dict[str, Any]) -> None:
        self._log.info("registration", status=answer.status.value, interval_s=answer.interval_s)
        self.registration, self._interval_s = answer.status, answer.interval_s
        if answer.status is RegistrationStatus.ACCEPTED:
            self._booted_payload = payload
            await self._come_up(rpc, booted=True)
            return
        self._boot_due_s = _now_s() + boot_repeat_s(answer.interval_s)
        self._set_up(rpc, outbox_may_send=False)
        if answer.status is RegistrationStatus.PENDING:
            await self._announce(RegistrationStatus.PENDING, booted=True)
        else:
            rpc.deaf = True
            if self._announced:
                self._announced = False
                await self._post(SessionDown())

    async def _come_up(self, rpc: Rpc, *, booted: bool) -> None:
        """Announces the session, and lets the outbox go once the status of the connectors has been told.

        A central system that learns of a connector only from its StatusNotification refuses a StartTransaction
        before it.
        """
        await self._announce(RegistrationStatus.ACCEPTED, booted=booted)
        try:
            async with asyncio.timeout(self._timing().message_timeout_s):
                await self._lane.join()
        except TimeoutError:
            pass  # it does not answer those; transactions are not held back for that
        self._set_up(rpc, outbox_may_send=True)

    async def _announce(self, registration: RegistrationStatus, *, booted: bool) -> None:
        self._announced = True
        await self._deliver(SessionUp(registration, self._interval_s, booted))

    async def _learn(self, central_utc: datetime | None) -> None:
        news = None if central_utc is None else self._learn_time(central_utc)
        if news is not None:
            await self._deliver(news)

    # ------------------------------------------------------------ questions of ours

    async def _make_calls(self) -> None:
        while True:
            call = await self._lane.get()
            try:
                await self._post(await self._outcome(call))
            finally:
                self._lane.task_done()
            while self._overflow:
                await self._post(Failed(self._overflow.popleft(), Failure.OFFLINE))

    async def _outcome(self, call: Call) -> Event:
        pending = self.registration is RegistrationStatus.PENDING and call.triggered
        if self._rpc is None or not (pending or self.registration is RegistrationStatus.ACCEPTED):  # B-01, B-05, B-06
            return Failed(call.request_id, Failure.OFFLINE)
        try:
            received = await self._rpc.call(call.action, call.payload, timeout_s=self._timing().message_timeout_s)
        except ConnectionLost:
            return Failed(call.request_id, Failure.OFFLINE)
        except CallTimedOut as exc:
            self._log.warning("call_failed", action=call.action, problem=str(exc))
            return Failed(call.request_id, Failure.TIMEOUT)
        except CallRefused as exc:
            self._log.warning("call_failed", action=call.action, problem=str(exc))
            return Failed(call.request_id, Failure.ERROR)
        answer = usable_answer(call.action, received)
        if answer is None:
            self._log.warning("call_failed", action=call.action, problem="an answer that cannot be used")
            return Failed(call.request_id, Failure.ERROR)
        if call.action == "Heartbeat":
            await self._learn(current_time(answer))
        return Answered(call.request_id, answer)

    # ------------------------------------------------------------ questions of theirs

    async def _on_call(self, frame: CallFrame) -> None:
        call_id, action = frame.message_id, frame.action
        if action not in schemas.known_actions():
            self.reply_error(call_id, "NotImplemented", "no action of OCPP 1.6")
        elif action not in self._supported_actions:
            self.reply_error(call_id, "NotSupported", f"{action[:50]} is not supported by this charge point")
        else:
            try:
                schemas.check_request(action, frame.payload)
            except schemas.SchemaViolation as violation:
                self.reply_error(call_id, violation.code, str(violation))
            else:
                await self._post(CallReceived(call_id, action, frame.payload))


async def _close(connection: Connection, code: int) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close(code)
    except LOST:
        pass  # gone already, or silent; a TimeoutError is an OSError


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - _now_s()))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
