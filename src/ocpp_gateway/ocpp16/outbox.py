"""Transaction messages, delivered at least once and in order, from the store to one central system.

One row at a time: the head of the queue goes out, and only when its answer is committed is the next one looked at.
So the order on the wire is the order of the events, over all connectors (X-32), and a StopTransaction always knows
what its StartTransaction was answered (X-34). What a row's failure means is decided by `after_attempt`, a pure
function; decisions.md, "Messages".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from ocpp_gateway import failpoints
from ocpp_gateway.charger.events import Delivered, DeliveryGivenUp, Event
from ocpp_gateway.charger.records import MAIN, Outcome
from ocpp_gateway.errors import StoreUnavailable
from ocpp_gateway.instant import Instant
from ocpp_gateway.log import logger
from ocpp_gateway.ocpp16.answers import usable_answer
from ocpp_gateway.ocpp16.rpc import CallRefused, CallTimedOut, ConnectionLost, Rpc
from ocpp_gateway.ocpp16.timing import Timing

START_TRANSACTION, STOP_TRANSACTION, METER_VALUES = "StartTransaction", "StopTransaction", "MeterValues"

TRANSACTION_ID_OF_A_DEAD_START = -1
"""Errata 3.18: the transaction's other messages are sent all the same, so that its energy is not lost (X-35)."""

PATIENCE = 4
"""Times MessageTimeout that an answer may take before the connection is given up."""

METER_VALUES_TRANSMISSIONS = 2

STORE_RETRY_S = 1.0

Asked = TypeVar("Asked")

STAMPS_RESOLVED_WITHIN_S = 900.0
RESOLVED_STAMP_CHECK_S = 5.0
"""Rows whose time is not known wait so long for the clock from the first session on. A time that stays unknown is not
invented (B-13): such a row, of a boot that never learned the time, becomes a dead letter, and the queue goes on."""


class OutboxRow(Protocol):
    """A message to deliver; see `store`. `transmissions` counts every time it went out, lost connections included."""

    @property
    def seq(self) -> int: ...
    @property
    def message_id(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def payload(self) -> dict[str, Any]: ...
    @property
    def local_id(self) -> str | None: ...
    @property
    def transaction_id(self) -> str | None: ...
    @property
    def start_dead(self) -> bool: ...
    @property
    def transmissions(self) -> int: ...
    @property
    def last_error(self) -> str | None: ...


class OutboxStore(Protocol):
    """What the outbox needs of the store."""

    async def outbox_head(self, charge_point: str, central_system: str = MAIN) -> OutboxRow | None: ...

    async def outbox_sending(
        self, charge_point: str, seq: int, *, number: int, message_id: str, sent_at: str, transaction_id: str | None
    ) -> None: ...

    async def outbox_failed(
        self,
        charge_point: str,
        seq: int,
        *,
        number: int,
        outcome: Outcome,
        problem: str,
        next_message_id: str | None = None,
    ) -> None: ...


class Channel(Protocol):
    """What the outbox needs of the session."""

    async def ready(self) -> Rpc: ...


# ---------------------------------------------------------------- decisions


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the same content again under a new message id, after a wait."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The attempts are used up: a dead letter."""


def after_attempt(action: str, *, attempts: int, start_dead: bool, timing: Timing) -> Repeat | GiveUp:
    """What follows when that many transmissions (this one included) were not processed.

    Source: S§3.7.1 (X-41, X-42), X-44; MeterValues are repeated once only, since newer ones are waiting, and
    messages of a transaction that the central system does not know not at all.
    """
    if attempts >= _attempts_allowed(action, start_dead=start_dead, timing=timing):
        return GiveUp()
    return Repeat(timing.transaction_message_retry_interval_s * attempts)


def attempts_before(row: OutboxRow, timing: Timing) -> int:
    """How many attempts a row has used that an earlier process sent: never all of them, so that it is tried once more.

    Only what failed to be processed has a `last_error`; lost connections are no attempts (T-46, X-40).
    """
    if row.last_error is None:
        return 0
    return min(row.transmissions, _attempts_allowed(row.action, start_dead=row.start_dead, timing=timing) - 1)


def _attempts_allowed(action: str, *, start_dead: bool, timing: Timing) -> int:
    if start_dead:
        return 1
    allowed = max(1, timing.transaction_message_attempts)
    return min(allowed, METER_VALUES_TRANSMISSIONS) if action == METER_VALUES else allowed


def message_of(row: OutboxRow) -> dict[str, Any]:
    """The payload to send: the row's, with the transaction id where its message has one. The same each time (X-39)."""
    transaction_id = transaction_id_of(row)
    return row.payload if transaction_id is None else row.payload | {"transactionId": transaction_id}


def transaction_id_of(row: OutboxRow) -> int | None:
    """The transaction id that a row is sent with, None where its message has none."""
    if row.action == START_TRANSACTION or row.local_id is None:
        return None
    return TRANSACTION_ID_OF_A_DEAD_START if row.transaction_id is None else int(row.transaction_id)


def has_unknown_time(value: Any) -> bool:
    """Whether a payload holds the marker of a moment whose UTC time is not known (`Instant.stamp`)."""
    if isinstance(value, dict):
        return any(
            inner.startswith("@") if key == "timestamp" and isinstance(inner, str) else has_unknown_time(inner)
            for key, inner in value.items()
        )
    return isinstance(value, list) and any(map(has_unknown_time, value))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Not processed: an attempt. `late_answer`, if there may be one, counts while the next attempt is waited for."""

    error: str
    outcome: Outcome
    late_answer: asyncio.Future[Any] | None = None


@dataclass(frozen=True, slots=True)
class _LinkLost:
    """Nobody can know whether it was processed: no attempt."""

    problem: str


class Outbox:
    """Delivers the queue of one charge point to one central system for ever.

    `deliver` hands an event to the owner and returns once its effects are committed.
    """

    def __init__(
        self,
        *,
        charge_point: str,
        store: OutboxStore,
        session: Channel,
        deliver: Callable[[Event], Awaitable[None]],
        timing: Callable[[], Timing],
        now: Callable[[], Instant],
        central_system: str = MAIN,
    ) -> None:
        self._charge_point = charge_point
        self._central_system = central_system
        self._store = store
        self._session = session
        self._deliver = deliver
        self._timing = timing
        self._now = now
        self._wake = asyncio.Event()
        self._clock_due_s = 0.0  # set with the first session
        self._log = logger(__name__).bind(charge_point=charge_point)

    def wake(self) -> None:
        """Says that the store may hold a new row, or the time of an old one."""
        self._wake.set()

    async def run(self) -> None:
        """Delivers row after row; sleeps while there is none, or no session."""
        while True:
            row = await self._next_row()
            if not has_unknown_time(row.payload):
                await self._deliver_row(row)
            elif _now_s() < self._clock_due_s:
                await self._woken_within(RESOLVED_STAMP_CHECK_S)
            else:
                self._log.error("message_without_time", action=row.action, seq=row.seq)
                await self._deliver(DeliveryGivenUp(row.seq, row.action, row.local_id))

    async def _next_row(self) -> OutboxRow:
        while True:
            await self._session.ready()
            self._clock_due_s = self._clock_due_s or _now_s() + STAMPS_RESOLVED_WITHIN_S
            self._wake.clear()
            row = await self._patiently(
                lambda: self._store.outbox_head(self._charge_point, self._central_system)
            )
            if row is not None:
                return row
            await self._wake.wait()

    async def _deliver_row(self, row: OutboxRow) -> None:
        """Ends when the row is answered or given up, and that is committed."""
        message_id, number = row.message_id, row.transmissions
        attempts = attempts_before(row, self._timing())
        while True:
            rpc = await self._session.ready()
            number += 1
            await self._note_sending(row, number, message_id)
            outcome = await self._transmit(rpc, row, message_id)
            if isinstance(outcome, _LinkLost):
                await self._note_failure(row, number, Outcome.LINK_LOST, outcome.problem)
                continue
            if isinstance(outcome, _Refusal):
                attempts += 1
                message_id = str(uuid4())
                await self._note_failure(row, number, outcome.outcome, outcome.error, message_id)
                self._log.warning("message_not_processed", action=row.action, attempts=attempts, problem=outcome.error)
                decision = after_attempt(
                    row.action, attempts=attempts, start_dead=row.start_dead, timing=self._timing()
                )
                if isinstance(decision, GiveUp):
                    await self._deliver(DeliveryGivenUp(row.seq, row.action, row.local_id))
                    return
                late = await self._late_answer(row, outcome.late_answer, decision.wait_s)
                if late is None:
                    continue
                outcome = late
            failpoints.reach("answer_received", row.action)
            id_tag = row.payload.get("idTag")
            await self._deliver(Delivered(row.seq, row.action, row.local_id, outcome, number, id_tag))
            return

    async def _note_sending(self, row: OutboxRow, number: int, message_id: str) -> None:
        transaction_id = transaction_id_of(row)
        await self._patiently(
            lambda: self._store.outbox_sending(
                self._charge_point,
                row.seq,
                number=number,
                message_id=message_id,
                sent_at=self._now().stamp(),
                transaction_id=None if transaction_id is None else str(transaction_id),
            )
        )

    async def _note_failure(
        self, row: OutboxRow, number: int, outcome: Outcome, problem: str, next_message_id: str | None = None
    ) -> None:
        await self._patiently(
            lambda: self._store.outbox_failed(
                self._charge_point,
                row.seq,
                number=number,
                outcome=outcome,
                problem=problem,
                next_message_id=next_message_id,
            )
        )

    async def _patiently(self, ask: Callable[[], Awaitable[Asked]]) -> Asked:
        """What the store answers, once it can: nothing is sent that it does not know of."""
        told = False
        while True:
            try:
                return await ask()
            except StoreUnavailable as exc:
                if not told:
                    self._log.warning("delivery_waits_for_the_store", problem=str(exc))
                told = True
                await asyncio.sleep(STORE_RETRY_S)

    async def _transmit(self, rpc: Rpc, row: OutboxRow, message_id: str) -> dict[str, Any] | _Refusal | _LinkLost:
        """The usable answer, or why it was not processed, or that the connection is lost and nobody can know."""
        timeout_s = self._timing().message_timeout_s
        try:
            return await _judged(
                row, rpc.call(row.action, message_of(row), timeout_s=timeout_s, message_id=message_id)
            )
        except CallTimedOut as exc:
            timed_out, late_answer = exc, exc.late_answer
        self._log.warning("answer_is_late", action=row.action, problem=str(timed_out))
        await asyncio.wait([late_answer], timeout=(PATIENCE - 1) * timeout_s)  # other CALLs go meanwhile
        if late_answer.done():
            return await _judged(row, late_answer)
        if rpc.counts.answers > timed_out.answers_before:  # it hears us, and does not want this one
            return _Refusal(_too_late(timeout_s), Outcome.TIMEOUT, late_answer)
        rpc.lose(f"no answer to {row.action} within {PATIENCE * timeout_s:g} s")
        return _LinkLost(_too_late(timeout_s))

    async def _late_answer(
        self, row: OutboxRow, late_answer: asyncio.Future[Any] | None, wait_s: float
    ) -> dict[str, Any] | None:
        """Waits before the next attempt; the answer to the one before ends the wait, and the need for another."""
        due_s = _now_s() + wait_s
        if late_answer is not None:
            await asyncio.wait([late_answer], timeout=wait_s)
            outcome = await _judged(row, late_answer) if late_answer.done() else None
            if isinstance(outcome, dict):
                return outcome
        await asyncio.sleep(due_s - _now_s())
        return None

    async def _woken_within(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            pass


async def _judged(row: OutboxRow, answer: Awaitable[Any]) -> dict[str, Any] | _Refusal | _LinkLost:
    try:
        usable = usable_answer(row.action, await answer)
    except ConnectionLost as exc:
        return _LinkLost(str(exc))
    except CallRefused as exc:
        return _Refusal(str(exc), Outcome.ERROR)
    return _Refusal("an answer that cannot be used", Outcome.ERROR) if usable is None else usable


def _too_late(timeout_s: float) -> str:
    return f"no answer within {PATIENCE * timeout_s:g} s"


def _now_s() -> float:
    return asyncio.get_running_loop().time()
