"""One charge point at run time: its inbox, its owner, and the tasks that talk to charger and central system.

Everything that happens to a charger is an event in its inbox. The owner takes them in order: decide, commit, act.
It awaits only its inbox and the store, never the network.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ocpp_gateway import failpoints
from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import (
    Alarm,
    Boot,
    Call,
    Command,
    CommandKind,
    DeadlineReached,
    Delivered,
    DeliveryGivenUp,
    Effect,
    Event,
    Persist,
    Reply,
    ReplyError,
    ReplyWithRegister,
    Restart,
    StartTransfer,
    StoreFailed,
    StoreRecovered,
)
from ocpp_gateway.charger.history import History
from ocpp_gateway.charger.records import OutboxRecord, Record, StampsResolved
from ocpp_gateway.clock import Clock

INBOX_BOUND = 256
"""When it is full its writers wait: the poller stops polling, and the charger's own fallback takes over."""


STORE_RETRY_S = 1.0
"""How often the store is asked whether it can write again, if nothing happens meanwhile."""


class ChargerSide(Protocol):
    """The poller."""

    async def run(self) -> None:
        """Poll for ever."""

    def command(self, kind: CommandKind, connector_id: int, value: int) -> None:
        """Write as soon as possible."""

    def register(self, key: str) -> dict[str, Any] | None:
        """One named register as last read, ready for JSON; None when there is none of that name."""


class CentralSide(Protocol):
    """The session."""

    async def run(self) -> None:
        """Keep a session for ever."""

    def boot(self, payload: dict[str, str], *, at_once: bool = False) -> None:
        """Announce who we are."""

    def call(self, call: Call) -> None:
        """Ask in order; the answer, or the lack of one, comes back as an event."""

    def reply(self, call_id: str, payload: dict[str, Any]) -> None:
        """Answer a CALL."""

    def reply_error(self, call_id: str, code: str, description: str) -> None:
        """Answer a CALL with a CALLERROR."""

    def restart(self) -> None:
        """Close, connect, boot."""


class Delivery(Protocol):
    """The outbox."""

    async def run(self) -> None:
        """Deliver for ever."""

    def wake(self) -> None:
        """There is a new row."""


class Transfers(Protocol):
    """The uploads."""

    async def run(self) -> None:
        """Upload what is asked for, for ever."""

    def start(self, transfer: StartTransfer) -> None:
        """Begin an upload; how it goes comes back as events."""


class Ledger(Protocol):
    """The store."""

    async def keep(self, charge_point: str, records: list[Record]) -> bool:
        """Keep all of these, after those that wait in memory; False when they wait, too, as nothing can be written."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The tasks around an owner."""

    poller: ChargerSide
    session: CentralSide
    outbox: Delivery
    transfers: Transfers


@dataclass(frozen=True, slots=True)
class _Late:
    """What must not happen before the records in memory are on the disk."""

    answers: list[Reply | ReplyError | ReplyWithRegister]
    returns: list[asyncio.Future[None]]


class ChargerRuntime:
    """Runs one charge point until cancelled; whatever fails in it ends it whole."""

    def __init__(
        self, identity: str, core: ChargerCore, store: Ledger, clock: Clock, history: History | None = None
    ) -> None:
        """`history` goes on from the runtime before this one."""
        self.identity = identity
        self.core = core
        self.history = history or History()
        self._store = store
        self._clock = clock
        self._late: _Late | None = None  # while nothing can be written
        self._store_news: Event | None = None
        self.transactions_started = 0
        self.transactions_ended = Counter[str]()  # by OCPP's reason
        self._busy_from_s: float | None = None  # on the loop's clock; None while the owner waits for an event
        self._inbox: asyncio.Queue[tuple[Event, asyncio.Future[None] | None]] = asyncio.Queue(INBOX_BOUND)
        self._log = structlog.get_logger("ocpp_gateway.charger").bind(charge_point=identity)

    @property
    def busy_s(self) -> float:
        """How long the owner has been at the event that it took last; 0 while it waits for one."""
        return 0.0 if self._busy_from_s is None else asyncio.get_running_loop().time() - self._busy_from_s

    async def post(self, event: Event) -> None:
        """Put an event into the inbox; waits while it is full."""
        await self._inbox.put((event, None))

    async def deliver(self, event: Event) -> None:
        """Put an event into the inbox and wait until its effects are committed and under way.

        While the store fails most events wait for the disk no longer than that is known (`_act_unstored`).
        """
        done = asyncio.get_running_loop().create_future()
        await self._inbox.put((event, done))
        await done

    async def run(self, sides: Sides) -> None:
        """Own this charge point until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._own(sides), name=f"{self.identity}: owner")
                tasks.create_task(sides.poller.run(), name=f"{self.identity}: poller")
                tasks.create_task(sides.session.run(), name=f"{self.identity}: session")
                tasks.create_task(sides.outbox.run(), name=f"{self.identity}: outbox")
                tasks.create_task(sides.transfers.run(), name=f"{self.identity}: uploads")
        finally:
            self._busy_from_s = None

    async def _own(self, sides: Sides) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._busy_from_s = None
            event, done = await self._next()
            self._busy_from_s = loop.time()
            now = self._clock.now()
            effects = self.core.handle(event, now)
            self.history.take(event, self.core.point, now)
            records = [effect.record for effect in effects if isinstance(effect, Persist)]
            self._tally(records)
            if records or self._late is not None:
                failpoints.reach("before_commit", records)
                stored = await self._store.keep(self.identity, records)
                failpoints.reach("after_commit", records)
                self._tell_core(records, stored=stored)
                if not stored:
                    self._act_unstored(event, effects, done, sides)
                    continue
                self._act_late(sides)
            for effect in effects:
                self._act(effect, sides)
            if any(isinstance(record, (OutboxRecord, StampsResolved)) for record in records):
                sides.outbox.wake()
            _return(done)

    def _tally(self, records: Iterable[Record]) -> None:
        """Count the transactions that begin and end in these."""
        for record in records:
            if not isinstance(record, OutboxRecord):
                continue
            if record.action == "StartTransaction":
                self.transactions_started += 1
            elif record.action == "StopTransaction":
                self.transactions_ended[record.payload.get("reason", "Local")] += 1

    def _tell_core(self, records: Iterable[Record], *, stored: bool) -> None:
        """What became of a commit is an event of its own, and the next one."""
        if stored and self._late is not None:
            self._store_news = StoreRecovered()
        if not stored:
            starts = (r for r in records if isinstance(r, OutboxRecord) and r.action == "StartTransaction")
            began = frozenset(start.local_id for start in starts if start.local_id is not None)
            if began or self._late is None:
                self._store_news = StoreFailed(began)

    def _act_unstored(
        self, event: Event, effects: list[Effect], done: asyncio.Future[None] | None, sides: Sides
    ) -> None:
        """Nothing can be written: power goes on being limited and the status told, but nothing is promised.

        An answer that the central system may rely on waits for the disk. So does the outbox with what it has
        delivered: it would find the same message in the store, and send it again.
        """
        late = self._late = self._late or _Late([], [])
        for effect in effects:
            if isinstance(effect, (Reply, ReplyError, ReplyWithRegister)):
                late.answers.append(effect)
            else:
                self._act(effect, sides)
        if done is not None and isinstance(event, (Delivered, DeliveryGivenUp)):
            late.returns.append(done)
        else:
            _return(done)

    def _act_late(self, sides: Sides) -> None:
        """All that waited for the disk is on it."""
        late, self._late = self._late, None
        if late is None:
            return
        self._log.info("held_in_memory_cleared")
        for answer in late.answers:
            self._act(answer, sides)
        for done in late.returns:
            _return(done)
        sides.outbox.wake()

    async def _next(self) -> tuple[Event, asyncio.Future[None] | None]:
        if self._store_news is not None:
            news, self._store_news = self._store_news, None
            return news, None
        deadline_s = self.core.next_deadline_s
        wait_s = None if deadline_s is None else max(deadline_s - self._clock.now().monotonic_s, 0.0)
        if self._late is not None:
            wait_s = STORE_RETRY_S if wait_s is None else min(wait_s, STORE_RETRY_S)
        try:
            async with asyncio.timeout(wait_s):
                return await self._inbox.get()
        except TimeoutError:
            return DeadlineReached(), None

    def _act(self, effect: Effect, sides: Sides) -> None:
        session = sides.session
        match effect:
            case Command(kind, connector_id, value, source):
                self._log.info("limit_commanded", connector_id=connector_id, power_w=value, source=source)
                sides.poller.command(kind, connector_id, value)
            case Call():
                session.call(effect)
            case Reply(call_id, payload):
                session.reply(call_id, payload)
            case ReplyError(call_id, code, description):
                session.reply_error(call_id, code, description)
            case Boot(payload, at_once):
                session.boot(payload, at_once=at_once)
            case ReplyWithRegister(call_id, key):
                session.reply(call_id, _register_answer(sides.poller.register(key)))
            case StartTransfer():
                sides.transfers.start(effect)
            case Restart():
                session.restart()
            case Alarm(event, fields, cleared):
                self._log.info(f"{event}_cleared", **fields) if cleared else self._log.warning(event, **fields)
            case Persist():
                pass  # committed before


def _return(done: asyncio.Future[None] | None) -> None:
    if done is not None and not done.done():
        done.set_result(None)


def _register_answer(register: dict[str, Any] | None) -> dict[str, Any]:
    """DataTransfer.conf for one register."""
    if register is None:
        return {"status": "Rejected"}
    return {"status": "Accepted", "data": json.dumps(register, separators=(",", ":"))}
