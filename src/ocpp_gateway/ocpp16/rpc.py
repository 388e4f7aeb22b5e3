"""Questions and answers over one connection (J§4): correlation, one CALL of ours in flight, theirs answered meanwhile.

The reader never waits for anybody: not for a handler, not for a lock, not for a send. So a CALL of the central
system is served while ours is open, and no handler can deadlock by asking back (T-26).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol
from uuid import uuid4

from ocpp_gateway import failpoints
from ocpp_gateway.errors import PeerError
from ocpp_gateway.log import logger
from ocpp_gateway.ocpp16 import schemas
from ocpp_gateway.ocpp16.frames import (
    FORMATION_VIOLATION,
    CallFrame,
    ErrorFrame,
    Frame,
    MalformedFrame,
    ResultFrame,
    parse_frame,
    render_call,
    render_error,
    render_result,
)

SEND_TIMEOUT_S = 30.0
MAX_OPEN_CALLS = 128
"""CALLs of the central system that wait for our answer; whatever comes above that is refused (O-21)."""

MAX_UNSENT_ANSWERS = 256
"""A peer that asks on and reads none of this many answers is cut off."""

MAX_LATE = 16
"""Questions whose time is up but whose late answer would still count."""

Direction = Literal["sent", "received"]
OnFrame = Callable[[Direction, str], None]
OnCall = Callable[[CallFrame], Awaitable[None]]

Tally = Counter[tuple[str, str, str]]
"""How many CALLs, by direction, action and result: answered, refused, timeout or lost."""


UNKNOWN = "unknown"
"""What an action is counted as that OCPP does not have: the central system shall not choose what there is to count."""


class Connection(Protocol):
    """One websocket, or a pipe in its place. `send` and `recv` raise PeerError, OSError or EOFError once it is gone.

    Messages leave in the order in which `send` was called, also when calls overlap.
    """

    async def send(self, text: str, /) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


LOST = (PeerError, OSError, EOFError)
"""What a `Connection` raises when it is gone."""


class ConnectionLost(PeerError):
    """The connection is gone; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the connection to the central system is gone: {reason}")


class CallTimedOut(PeerError):
    """No answer in time. `late_answer` is done when one comes after all (T-28).

    `answers_before` is what `Counts.answers` was when the CALL left: more of them mean a peer that is alive.
    """

    def __init__(
        self, action: str, timeout_s: float, *, answers_before: int, late_answer: asyncio.Future[Any]
    ) -> None:
        self.action, self.answers_before, self.late_answer = action, answers_before, late_answer
        super().__init__(f"{action}: no answer within {timeout_s:g} s")


class CallRefused(PeerError):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        self.code, self.description = code, description
        super().__init__(f"CALLERROR {code}: {description}" if description else f"CALLERROR {code}")


@dataclass(slots=True)
class Counts:
    """What happened on this connection; numbers instead of a log line for each oddity (O-09, O-17)."""

    answers: int = 0  # to CALLs of ours, in time or late
    unknown_answers: int = 0
    malformed_frames: int = 0
    refused_calls: int = 0


class Rpc:
    """Both directions of one connection. `run` must run for anything else to work; one Rpc serves one connection.

    `on_call` gets each well-formed CALL in order, one at a time, and may take its time; the answer is given with
    `reply` or `reply_error`, then or later. `on_frame` sees every text as it is on the wire, passwords included.
    `tally` is where CALLs are counted.
    """

    def __init__(
        self,
        connection: Connection,
        on_call: OnCall,
        *,
        on_frame: OnFrame | None = None,
        tally: Tally | None = None,
        log: Any = None,
    ) -> None:
        self.counts = Counts()
        self.deaf = False  # CALLs are dropped unanswered: what a Rejected charge point does (B-05)
        self._connection = connection
        self._on_call = on_call
        self._on_frame = on_frame
        self._tally: Tally = Counter() if tally is None else tally
        self._log = log or logger(__name__)
        self._in_flight = asyncio.Lock()  # held by whoever has a CALL open: boot, volatile calls, the outbox (T-25)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._late: deque[str] = deque()
        self._open_calls: dict[str, str] = {}  # id -> action
        self._calls: asyncio.Queue[CallFrame] = asyncio.Queue(MAX_OPEN_CALLS)
        self._answers: asyncio.Queue[str] = asyncio.Queue()  # bound: MAX_OPEN_CALLS and MAX_UNSENT_ANSWERS
        self._gone = asyncio.Event()
        self._reason = ""

    @property
    def alive(self) -> bool:
        """Whether a CALL could be sent."""
        return not self._gone.is_set()

    async def run(self) -> NoReturn:
        """Serves the connection until it is gone; always ends with ConnectionLost. Does not close it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                works = [
                    tasks.create_task(self._read(), name="ocpp reader"),
                    tasks.create_task(self._serve(), name="ocpp calls received"),
                    tasks.create_task(self._write_answers(), name="ocpp answers"),
                ]
                await self._gone.wait()  # a loss is no failure of a task: that would swallow a cancellation beside it
                for work in works:
                    work.cancel()
        finally:
            self.lose("closed by this side")
        raise ConnectionLost(self._reason)

    def lose(self, reason: str) -> None:
        """Gives the connection up: `run` ends, every open question fails at once (T-46)."""
        if self._gone.is_set():
            return
        self._reason = reason
        self._gone.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(reason))
                answer.exception()  # nobody may be waiting for a late one
        while not self._answers.empty():
            self._answers.get_nowait()
            self._answers.task_done()

    async def call(
        self, action: str, payload: dict[str, Any], *, timeout_s: float, message_id: str | None = None
    ) -> Any:
        """The payload of the answer, as it came (see `answers`). Waits for its turn first, so calls leave in order.

        Raises ConnectionLost, CallTimedOut, CallRefused; KeyError for an action OCPP does not have.
        """
        result = "lost"
        try:
            answer = await self._ask(action, payload, timeout_s, message_id or str(uuid4()))
            result = "answered"
        except CallRefused:
            result = "refused"
            raise
        except CallTimedOut:
            result = "timeout"
            raise
        finally:
            self._tally["sent", action, result] += 1
        return answer

    async def _ask(self, action: str, payload: dict[str, Any], timeout_s: float, message_id: str) -> Any:
        self._complain(schemas.check_request, action, payload)
        text = render_call(message_id, action, payload)
        async with self._in_flight:
            await self._answers.join()  # what was decided before this question leaves before it
            self._check_alive()
            answer = self._listen(message_id)
            answers_before = self.counts.answers
            sent = False
            try:
                async with asyncio.timeout(timeout_s):  # one for both: they are a third of what a call costs
                    await self._send(text)
                    sent = True
                    failpoints.reach("after_send", action)
                    return await answer
            except TimeoutError as exc:
                if not sent:
                    self._lose_unread(timeout_s)
                    self._check_alive()
                answer = self._waiting[message_id]
                if answer.done() and not answer.cancelled():  # it came in the very moment
                    return answer.result()
                late = self._listen_on(message_id)
                raise CallTimedOut(action, timeout_s, answers_before=answers_before, late_answer=late) from exc
            finally:
                if message_id not in self._late:
                    del self._waiting[message_id]

    def reply(self, call_id: str, payload: dict[str, Any]) -> None:
        """Answers a CALL; without effect when it was answered already, or came over another connection."""
        action = self._open_calls.pop(call_id, None)
        if action is not None and self.alive:
            self._tally["received", action, "answered"] += 1
            self._complain(schemas.check_response, action, payload)
            self._answers.put_nowait(render_result(call_id, payload))

    def reply_error(self, call_id: str, code: str, description: str = "") -> None:
        """Refuses a CALL; `code` is one of J Table 7."""
        action = self._open_calls.pop(call_id, None)
        if action is not None and self.alive:
            self._tally["received", _known(action), "refused"] += 1
            self._answers.put_nowait(render_error(call_id, code, description))

    async def flush(self) -> None:
        """Returns when every answer given so far has been sent, or the connection is gone."""
        await self._answers.join()

    # ------------------------------------------------------------ the tasks of `run`

    async def _read(self) -> None:
        while True:
            try:
                received = await self._connection.recv()
            except LOST as exc:
                self.lose(str(exc))
                return
            if self._on_frame is not None and isinstance(received, str):
                self._on_frame("received", received)
            self._take(parse_frame(received))

    async def _serve(self) -> None:
        while self.alive:
            with suppress(ConnectionLost):  # a handler may ask back
                await self._on_call(await self._calls.get())

    async def _write_answers(self) -> None:
        while self.alive:
            text = await self._answers.get()
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._send(text)
            except ConnectionLost:
                return
            except TimeoutError:
                self._lose_unread(SEND_TIMEOUT_S)
            finally:
                self._answers.task_done()

    # ------------------------------------------------------------ one frame

    def _take(self, frame: Frame) -> None:
        match frame:
            case CallFrame():
                self._take_call(frame)
            case ResultFrame(message_id, payload):
                if answer := self._answered(message_id):
                    answer.set_result(payload)
            case ErrorFrame(message_id, code, description):
                if answer := self._answered(message_id):
                    answer.set_exception(CallRefused(code, description))
                    answer.exception()  # nobody may be waiting for a late one
            case MalformedFrame(reason, call_id):
                self.counts.malformed_frames += 1
                if self.counts.malformed_frames == 1:
                    self._log.warning("malformed_frame", reason=reason)
                if call_id is not None and not self.deaf:
                    self._refuse(call_id, FORMATION_VIOLATION, reason)
            case _:
                self.counts.malformed_frames += 1

    def _take_call(self, frame: CallFrame) -> None:
        if self.deaf:
            return
        if frame.message_id in self._open_calls:  # T-30: executed once
            self._refuse(frame.message_id, "GenericError", "a CALL with this id is being processed")
        elif len(self._open_calls) >= MAX_OPEN_CALLS:
            self._refuse(frame.message_id, "GenericError", "too many CALLs at once")
        else:
            self._open_calls[frame.message_id] = frame.action
            self._calls.put_nowait(frame)

    def _refuse(self, call_id: str, code: str, description: str) -> None:
        self.counts.refused_calls += 1
        self._tally["received", UNKNOWN, "refused"] += 1
        if self._answers.qsize() >= MAX_UNSENT_ANSWERS:
            self.lose("the central system asks on without reading our answers")
        elif self.alive:
            self._answers.put_nowait(render_error(call_id, code, description))

    def _answered(self, message_id: str) -> asyncio.Future[Any] | None:
        answer = self._waiting.get(message_id)
        if answer is not None and answer.cancelled():  # timed out a moment ago, and the task has not run since
            answer = self._listen(message_id)
        if answer is None or answer.done():
            self.counts.unknown_answers += 1
            return None
        self.counts.answers += 1
        if message_id in self._late:
            self._late.remove(message_id)
            del self._waiting[message_id]
        return answer

    def _listen(self, message_id: str) -> asyncio.Future[Any]:
        answer = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        return answer

    def _listen_on(self, message_id: str) -> asyncio.Future[Any]:
        self._late.append(message_id)
        if len(self._late) > MAX_LATE:
            del self._waiting[self._late.popleft()]
        return self._listen(message_id)

    async def _send(self, text: str) -> None:
        if self._on_frame is not None:
            self._on_frame("sent", text)
        try:
            await self._connection.send(text)
        except LOST as exc:
            self.lose(str(exc))
        self._check_alive()

    def _lose_unread(self, waited_s: float) -> None:
        self.lose(f"the central system took nothing for {waited_s:g} s")  # O-22

    def _check_alive(self) -> None:
        if self._gone.is_set():
            raise ConnectionLost(self._reason)

    def _complain(self, check: Callable[[str, Any], None], action: str, payload: dict[str, Any]) -> None:
        """Reports what we are about to say wrongly. It is sent all the same: the central system may be more lenient
        than the schema, and a transaction that is not sent is lost for certain."""
        try:
            check(action, payload)
        except schemas.SchemaViolation as violation:
            self._log.error("own_message_breaks_schema", action=action, problem=str(violation))


def _known(action: str) -> str:
    return action if action in schemas.known_actions() else UNKNOWN
