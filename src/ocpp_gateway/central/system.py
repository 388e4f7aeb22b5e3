"""A small, strict OCPP 1.6J central system for any transport: answers, judges, records, commands."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ocpp_gateway.central.frames import (
    CALL,
    CALLERROR,
    CALLRESULT,
    CallError,
    Connection,
    ConnectionClosedError,
    Direction,
    Frame,
    Kind,
    Message,
    compact,
    error_payload,
    format_frame,
    read_message,
)
from ocpp_gateway.central.judge import Judge
from ocpp_gateway.central.ledger import Transaction
from ocpp_gateway.central.pipe import Pipe, PipeEnd
from ocpp_gateway.central.policy import Answer, Policy, call_error, usual_payload
from ocpp_gateway.central.schemas import problems

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Session:
    """One connection of one charge point. `asked`: our CALLs without an answer yet, by message id."""

    identity: str
    connection: Connection
    asked: dict[str, asyncio.Future[Message]] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by the `call` whose CALL is open (T-25)
    late: set[asyncio.Task[None]] = field(default_factory=set)


class CentralSystem:
    """Serves charge points over any `Connection`, one per identity; the newest connection wins.

    `connectors`: number of connectors by identity, for the range of connectorId. `frame_limit`: how many frames are
    kept, all by default. `closings`: identity and close code of every connection that ended. `on_frame`,
    `on_violation`: called with each as it happens.
    `offline`: refuses every connection. `black_hole`: pipes lose everything in both directions.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        connectors: Mapping[str, int] | None = None,
        message_timeout_s: float = 30.0,
        frame_limit: int | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        on_violation: Callable[[str], None] | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.judge = Judge(connectors or {}, message_timeout_s=message_timeout_s, on_violation=on_violation)
        self.frames: deque[Frame] = deque(maxlen=frame_limit)
        self.closings: deque[tuple[str, int]] = deque(maxlen=frame_limit)
        self.offline = False
        self.black_hole = False
        self._on_frame = on_frame
        self._sessions: dict[str, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Event] = set()

    # What was seen

    @property
    def violations(self) -> list[str]:
        """Everything a charge point did that it must not: rule, identity, what, and the frame."""
        return self.judge.violations

    @property
    def transactions(self) -> list[Transaction]:
        """Every transaction that was told, oldest first."""
        return self.judge.ledger.transactions

    @property
    def connected(self) -> tuple[str, ...]:
        """Identities with a connection, oldest first."""
        return tuple(self._sessions)

    def of(self, identity: str) -> list[Frame]:
        """All frames from and to one charge point."""
        return [frame for frame in self.frames if frame.identity == identity]

    def calls(self, action: str, identity: str | None = None) -> list[Frame]:
        """The CALLs of that action that charge points sent, repeats included."""
        return [
            frame
            for frame in self.frames
            if (frame.kind, frame.direction, frame.action) == (Kind.CALL, Direction.RECEIVED, action)
            and identity in (None, frame.identity)
        ]

    async def wait_for(self, predicate: Callable[[], T], timeout_s: float = 10.0) -> T:
        """The first true value of the predicate, asked again after every frame, connect and disconnect.

        Raises TimeoutError that shows the last frames.
        """
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not (value := predicate()):
                    await changed.wait()
                    changed.clear()
                return value
        except TimeoutError:
            last = "\n".join(map(format_frame, list(self.frames)[-10:])) or "none"
            raise TimeoutError(f"not fulfilled within {timeout_s} s; the last frames:\n{last}") from None
        finally:
            self._waiting.discard(changed)

    # Connections

    def connect_in_memory(self, identity: str) -> PipeEnd:
        """The charge point's end of a new connection in memory. Raises ConnectionRefusedError while offline."""
        if self.offline:
            raise ConnectionRefusedError("the central system is offline")
        pipe = Pipe(loses=lambda: self.black_hole)
        self._in_background(self.serve(pipe.central_system, identity), f"central {identity}")
        return pipe.charge_point

    async def go_offline(self) -> None:
        """Drops every connection and refuses new ones."""
        self.offline = True
        await self.drop_connections()

    def go_online(self) -> None:
        self.offline = False

    async def drop_connections(self, identities: Iterable[str] | None = None, code: int = 1001) -> None:
        """Closes the connections of these charge points, of all by default."""
        for identity in tuple(self._sessions if identities is None else identities):
            if session := self._sessions.pop(identity, None):
                await session.connection.close(code)
        self._tell()

    async def close(self) -> None:
        """Drops every connection and waits for what runs in the background."""
        await self.go_offline()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def serve(self, connection: Connection, identity: str) -> None:
        """Serves one connection until it closes."""
        session = _Session(identity, connection)
        older = self._sessions.pop(identity, None)
        self._sessions[identity] = session
        self.judge.connected(identity)
        self._tell()
        try:
            if older:  # it may be half open; the new one does not wait for that
                self._in_background(older.connection.close(1000, "replaced"), f"central closes {identity}")
            while True:
                await self._receive(session, await connection.recv())
        except ConnectionClosedError as closed:
            self.closings.append((identity, closed.code))
        finally:
            for task in session.late:
                task.cancel()
            for future in session.asked.values():
                if not future.done():
                    future.set_exception(ConnectionClosedError())
            if self._sessions.get(identity) is session:
                del self._sessions[identity]
            await connection.close()
            self._tell()

    # Requests of the charge point

    async def _receive(self, session: _Session, raw: str | bytes) -> None:
        message, text = read_message(raw), _text(raw)
        # Judged first, so that whoever sees the frame sees its violations as well.
        match message.kind:
            case Kind.CALL:
                refused = self.judge.call(session.identity, message, text, self._now_s())
                self._record(session, Direction.RECEIVED, message, text)
                await self._process(session, message, refused)
            case Kind.RESULT | Kind.ERROR:
                action = self.judge.answer(session.identity, message, text)
                self._record(session, Direction.RECEIVED, message, text, action)
                future = session.asked.pop(message.message_id or "", None)
                if future and not future.done():
                    future.set_result(message)
            case Kind.MALFORMED:
                self.judge.unusable(session.identity, message, text)
                self._record(session, Direction.RECEIVED, message, text)
                if message.message_id and message.rule != "T-18":
                    await self._send_error(session, message, "FormationViolation", message.payload, {})

    async def _process(self, session: _Session, message: Message, refused: tuple[str, str] | None) -> None:
        answer = call_error(*refused) if refused else self.policy.take(message.action or "")
        transaction_id = None if answer.error else self._transaction_id(session, message, answer)
        if answer.delay_s:
            work = self._answer_late(session, message, answer, transaction_id)
            task = asyncio.create_task(work, name=f"late answer {session.identity}")
            session.late.add(task)
            task.add_done_callback(session.late.discard)
        else:
            await self._answer(session, message, answer, transaction_id)

    def _transaction_id(self, session: _Session, message: Message, answer: Answer) -> int | None:
        """The id that goes into StartTransaction.conf, written into the ledger; None for any other action."""
        if message.action != "StartTransaction":
            return None
        transaction = self.judge.ledger.started(session.identity, message.payload)
        transaction_id = self.policy.transaction_id(transaction, answer)
        if transaction_id is not None and transaction_id != transaction.transaction_id:
            transaction.transaction_ids.append(transaction_id)
        return transaction_id

    async def _answer_late(self, session: _Session, message: Message, answer: Answer, id_: int | None) -> None:
        await asyncio.sleep(answer.delay_s)
        try:
            await self._answer(session, message, answer, id_)
        except ConnectionClosedError:
            return  # nobody is there to hear it

    async def _answer(self, session: _Session, message: Message, answer: Answer, transaction_id: int | None) -> None:
        if answer.error is not None:
            self.judge.answered(session.identity, message, None, self._now_s())
            code, description, details = answer.error.values()
            for _ in range(answer.copies):
                await self._send_error(session, message, code, description, details)
            return
        if answer.hang_up:
            await session.connection.close(1011)
            return
        action, payload = message.action or "", answer.payload
        if payload is None:
            payload = usual_payload(self.policy, action, message.payload, transaction_id)
        if answer.copies:
            valid = None if problems(action, "response", payload, utc=False) else payload
            self.judge.answered(session.identity, message, valid, self._now_s())
        text = compact([CALLRESULT, message.message_id, payload])
        for _ in range(answer.copies):
            self._record(session, Direction.SENT, Message(Kind.RESULT, message.message_id, action, payload), text)
            await session.connection.send(text)

    async def _send_error(
        self, session: _Session, message: Message, code: str, description: str, details: dict[str, Any]
    ) -> None:
        text = compact([CALLERROR, message.message_id, code, description, details])
        error = Message(Kind.ERROR, message.message_id, message.action, error_payload(code, description, details))
        self._record(session, Direction.SENT, error, text)
        await session.connection.send(text)

    # Commands to the charge point

    async def call(
        self,
        identity: str,
        action: str,
        payload: dict[str, Any] | None = None,
        timeout_s: float = 10.0,
        *,
        raw: bool = False,
    ) -> dict[str, Any]:
        """The payload of the charge point's answer to one CALL; one at a time for each charge point.

        `raw` sends it unchecked and without waiting for a turn. Raises CallError for a CALLERROR, ValueError when the
        request is not valid, ConnectionClosedError without a connection, TimeoutError.
        """
        payload = {} if payload is None else payload
        if not raw and (found := problems(action, "request", payload, utc=False)):
            raise ValueError(f"{action}.req: {found[0][1]}")
        session = self._session(identity)
        async with asyncio.timeout(timeout_s):
            if raw:
                answer = await self._ask(session, action, payload)
            else:
                async with session.turn:
                    answer = await self._ask(session, action, payload)
        if answer.kind is Kind.ERROR:
            raise CallError(*answer.payload.values())
        result: dict[str, Any] = answer.payload
        return result

    async def send_raw(self, identity: str, raw: str | bytes) -> None:
        """Sends any message. If it can be read as a CALL, even a bad one, the charge point may answer it."""
        session, message = self._session(identity), read_message(raw)
        if message.message_id and message.kind in (Kind.CALL, Kind.MALFORMED):
            self.judge.asking(identity, message.message_id, message.action or "", message.payload)
        self._record(session, Direction.SENT, message, _text(raw))
        await session.connection.send(raw)

    async def _ask(self, session: _Session, action: str, payload: dict[str, Any]) -> Message:
        message_id = str(uuid.uuid4())
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        session.asked[message_id] = answered
        self.judge.asking(session.identity, message_id, action, payload)
        text = compact([CALL, message_id, action, payload])
        self._record(session, Direction.SENT, Message(Kind.CALL, message_id, action, payload), text)
        try:
            await session.connection.send(text)
            return await answered
        finally:
            session.asked.pop(message_id, None)
            if answered.done() and not answered.cancelled():
                answered.exception()  # where sending failed first, nobody else looks at it

    def _session(self, identity: str) -> _Session:
        if identity not in self._sessions:
            raise ConnectionClosedError(reason=f"{identity} is not connected")
        return self._sessions[identity]

    # Records

    def _record(
        self, session: _Session, direction: Direction, message: Message, text: str, action: str | None = None
    ) -> None:
        frame = Frame(
            at=self.policy.current_time(),
            identity=session.identity,
            direction=direction,
            kind=message.kind,
            message_id=message.message_id,
            action=message.action or action,
            payload=message.payload,
            text=text,
        )
        self.frames.append(frame)
        if self._on_frame:
            self._on_frame(frame)
        self._tell()

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self) -> None:
        for changed in self._waiting:
            changed.set()

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else repr(raw)
