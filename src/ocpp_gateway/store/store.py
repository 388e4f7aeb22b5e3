"""The store: what survives a kill at any instruction and a power cut, for every charger of this gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection

from ocpp_gateway import failpoints
from ocpp_gateway.charger.history import Stretch
from ocpp_gateway.charger.records import MAIN, Outcome, Record, StoredCharger, TransactionRecord
from ocpp_gateway.errors import StoreError, StoreUnavailable
from ocpp_gateway.instant import format_utc
from ocpp_gateway.log import logger
from ocpp_gateway.store import database, outbox, power_history, read, sqlite_file, web_access, write
from ocpp_gateway.store.floor import Levels
from ocpp_gateway.store.held import HeldCommits, message_ids
from ocpp_gateway.store.lock import StoreLock
from ocpp_gateway.store.outbox import Resent
from ocpp_gateway.store.power_history import Waiting
from ocpp_gateway.store.read import Backlog, OutboxRow
from ocpp_gateway.store.reserve import Room
from ocpp_gateway.store.retention import Position, Retention, delete_expired
from ocpp_gateway.store.shortage import count_dropped, is_worth_writing
from ocpp_gateway.store.thinning import QUEUE_BOUND, QueueBound
from ocpp_gateway.store.transactor import Transactor, open_transactor
from ocpp_gateway.store.web_access import AuditEntry, WebAccess

Result = TypeVar("Result")

RETRY_S = 1.0
"""How often it is tried to write what waits in memory."""


class Store:
    """One database, held by this process alone, written by one thread.

    Every method may be awaited by many tasks; the thread takes them in order, one transaction each. A method that
    returns has happened, power cut or not; one that raises StoreError has changed nothing. A cancelled method ends,
    as cancelled, only once the thread is done with it: what was asked for is then there as a whole, or not at all,
    and nothing is written behind the back of whoever goes on.
    """

    def __init__(
        self,
        path: Path,
        transactor: Transactor,
        thread: ThreadPoolExecutor,
        held: ExitStack,
        *,
        queue_bound: int,
        retention: Retention | None,
        now: Callable[[], datetime],
    ) -> None:
        self._path = path
        self._transactor = transactor
        self._thread = thread
        self._held = held
        self._known: set[str] = set()  # charge points that have their row
        self._bound = QueueBound(queue_bound)
        self._now = now
        self._retention = retention
        self._tidied_on: date | None = None
        self._closed = False
        self._in_memory: dict[str, HeldCommits] = {}
        self._retry_s = 0.0
        self._inode = path.stat().st_ino
        self.lost = False
        """Whether the file was gone at the last look: what is written goes to none that a later start finds."""

    @property
    def failed(self) -> bool:
        """Whether the last thing asked of the database failed and nothing was written since, or its file is lost."""
        return self._transactor.failed or self.lost

    def look(self) -> bool:
        """Looks whether the file is `lost`."""
        self.lost = sqlite_file.is_lost(self._path, self._inode)
        return self.lost

    @property
    def short_of_room(self) -> bool:
        """Whether the disk is so full that meter values are given up for the bills."""
        return self._transactor.reserve.room is not Room.AMPLE

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        queue_bound: int = QUEUE_BOUND,
        retention: Retention | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> Self:
        """The store that a `store.url` names, made or migrated if need be.

        `queue_bound` messages may wait for one central system of a charge point before its meter values are thinned.
        The ledger forgets what `retention` lets it, once a day; without one, nothing. `now` tells the day, in UTC, and
        stamps the audit log; the system's clock does, if nothing else.
        Raises StoreError, one line that says what to do: no SQLite URL, no directory, held by another gateway,
        lost, damaged, not a database, or written by a newer version.
        """
        path = sqlite_file.path_of(url)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        held = ExitStack()  # what `close` gives back, the lock last
        try:
            transactor = await _on(thread, lambda: _open(path, held, (now or _utc_now)()))
        except BaseException:  # cancelled: the thread may have opened all of it
            await _on(thread, held.close)
            thread.shutdown(wait=False)
            raise
        store = cls(path, transactor, thread, held, queue_bound=queue_bound, retention=retention, now=now or _utc_now)
        store._tidy_daily()
        return store

    async def close(self) -> None:
        """Ends what was begun, closes the database and lets another gateway have it. Later calls raise StoreError."""
        if self._closed:
            return
        for charge_point, held in self._in_memory.items():
            try:
                await self.commit(charge_point, ())
            except StoreError as exc:
                messages = sum(len(message_ids(commit)) for commit in held.commits)
                log = logger(__name__)
                log.error("lost_at_the_end", charge_point=charge_point, messages=messages, problem=str(exc))
        self._closed = True
        try:
            await _on(self._thread, self._held.close)
        finally:
            self._thread.shutdown(wait=False)

    async def load(self, charge_point: str) -> StoredCharger:
        """All that is known of a charge point; an empty `StoredCharger` for one that was never seen."""
        await self.commit(charge_point, ())  # what still waits in memory
        return await self._run(lambda connection: read.load(connection, charge_point))

    async def commit(self, charge_point: str, records: Sequence[Record]) -> None:
        """Writes all records of one event, in their order, in one transaction: all of them, or on StoreError none."""
        held = self._in_memory.get(charge_point)
        if not records and not held:
            return
        is_known = charge_point in self._known
        earlier = list(held.commits) if held else []

        floor = self._transactor.floor

        def work(connection: Connection) -> Levels | None:
            if not is_known:
                write.ensure_charge_point(connection, charge_point)
            for commit in earlier:
                if not outbox.is_there(connection, charge_point, message_ids(commit)):
                    self._write_records(connection, charge_point, commit)
            self._write_records(connection, charge_point, records)
            self._bound.hold(connection, charge_point, [*chain.from_iterable(earlier), *records])
            risen = floor.rise(connection, charge_point, [*chain.from_iterable(earlier), *records])
            failpoints.reach("inside_commit", records)
            return risen

        await self._write(work, after=lambda risen: None if risen is None else floor.keep(risen))
        self._known.add(charge_point)
        if held:
            held.clear()
        self._tidy_daily()

    async def keep(self, charge_point: str, records: Sequence[Record]) -> bool:
        """`commit`, but what cannot be written now waits in memory, in its order, and is False then.

        While anything waits, each call tries to write it first, no more than once in `RETRY_S`; so without records it
        is how to ask. What waits outlives whoever gave it: `load` writes it before it answers. Raises StoreError for
        what can never be written.
        """
        held = self._in_memory.setdefault(charge_point, HeldCommits())
        loop = asyncio.get_running_loop()
        if not held or loop.time() >= self._retry_s:
            try:
                await self.commit(charge_point, records)
            except StoreUnavailable as exc:
                self._retry_s = loop.time() + RETRY_S
                if not held:
                    logger(__name__).error("held_in_memory", charge_point=charge_point, problem=str(exc))
            else:
                return True
        held.add(records)
        return False

    async def try_writing(self) -> None:
        """Writes something that means nothing, so that `failed` is true to life. Raises StoreError when it fails."""
        await self._write(database.write_nothing)

    async def lay_by_reserve(self) -> bool:
        """Lays by what is given up when the disk is full, if there is room for it; whether it is there."""
        return await _on(self._thread, self._transactor.reserve.lay_by)

    async def outbox_head(self, charge_point: str, central_system: str = MAIN) -> OutboxRow | None:
        """The oldest message not yet answered nor given up, or None. Its `created_at` is the age of the queue."""
        return await self._run(lambda connection: read.outbox_head(connection, charge_point, central_system))

    async def outbox_sending(
        self, charge_point: str, seq: int, *, number: int, message_id: str, sent_at: str, transaction_id: str | None
    ) -> None:
        """Keeps that a row goes out now, for the `number`-th time, and what its frame says beside the row."""
        await self._write(
            lambda connection: outbox.note_sending(
                connection,
                charge_point,
                seq,
                number=number,
                message_id=message_id,
                sent_at=sent_at,
                transaction_id=transaction_id,
            )
        )

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
        """Keeps how the `number`-th transmission ended, and the message id of the next one; without one: the same."""
        await self._write(
            lambda connection: outbox.note_failure(
                connection,
                charge_point,
                seq,
                number=number,
                outcome=outcome,
                problem=problem,
                next_message_id=next_message_id,
            )
        )

    async def outbox_depth(self, charge_point: str, central_system: str = MAIN) -> int:
        """How many messages wait for that central system."""
        return await self._run(lambda connection: read.outbox_depth(connection, charge_point, central_system))

    async def outbox_thinned(self, charge_point: str) -> int:
        """How many meter values were ever taken out of that charge point's full queues, undelivered."""
        return await self._run(lambda connection: read.outbox_thinned(connection, charge_point))

    async def backlog(self, charge_point: str, central_system: str = MAIN) -> Backlog:
        """How much waits for that central system, since when, and what was lost of it."""
        return await self._run(lambda connection: read.backlog(connection, charge_point, central_system))

    async def backlogs(self, central_system: str = MAIN) -> dict[str, Backlog]:
        """`backlog` of every charge point of the store."""
        return await self._run(lambda connection: read.backlogs(connection, central_system))

    async def transactions(self, charge_point: str, limit: int) -> tuple[TransactionRecord, ...]:
        """The transactions that began last, open or not, newest first."""
        return await self._run(lambda connection: read.latest_transactions(connection, charge_point, limit))

    async def ledger(self, question: Callable[[Connection], Result]) -> Result:
        """The answer to a question of `ledger.py`."""
        return await self._run(question)

    async def resend(self, charge_point: str, seq: int) -> Resent:
        """Queues a dead letter again at its own place, with a dead start all that followed it (`outbox.resend`)."""
        return await self._write(lambda connection: outbox.resend(connection, charge_point, seq))

    async def resend_transaction(self, charge_point: str, local_id: str) -> Resent:
        """Queues every dead letter of a transaction again, in order."""
        return await self._write(lambda connection: outbox.resend_transaction(connection, charge_point, local_id))

    async def keep_history(self, waiting: Mapping[str, Waiting]) -> None:
        """Keeps stretches of the power history, of all charge points in one transaction, if there is room to spare."""
        if self.short_of_room:
            raise StoreUnavailable(f"the store {self._path} has room for transactions only")

        def work(connection: Connection) -> None:
            for charge_point, (rows, zero_s) in waiting.items():
                power_history.keep(connection, charge_point, rows, zero_s)

        await self._write(work)

    async def history(self, charge_point: str, since_s: float, until_s: float) -> dict[int, list[Stretch]]:
        """The power history between two moments since 1970, by connector."""
        return await self._run(lambda connection: power_history.read(connection, charge_point, since_s, until_s))

    async def web_access(self) -> WebAccess:
        """The passwords and tokens of the web, as hashes."""
        return await self._run(web_access.load)

    async def keep_web_password(self, role: str, password_hash: str) -> None:
        """Keeps the password of a role, in place of the one before."""
        await self._write(lambda connection: web_access.keep_password(connection, role, password_hash))

    async def keep_web_token(self, name: str, role: str, token_hash: str) -> None:
        """Keeps a token, in place of one of the same name."""
        await self._write(lambda connection: web_access.keep_token(connection, name, role, token_hash))

    async def remove_web_token(self, name: str) -> None:
        """Forgets a token."""
        await self._write(lambda connection: web_access.remove_token(connection, name))

    async def keep_audit(self, who: str, action: str, detail: str) -> None:
        """Appends to the audit log, stamped with the system's clock."""
        at = format_utc(self._now())
        await self._write(lambda connection: web_access.keep_audit(connection, at, who, action, detail))

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        """The newest entries of the audit log, newest first; of those older than the number `before`."""
        return await self._run(lambda connection: web_access.audit(connection, limit, before))

    def _tidy_daily(self) -> None:
        """Begins to delete what the ledger need not keep, once a day."""
        today = self._now().date()
        if self._retention is None or today == self._tidied_on:
            return
        now = self._retention.now()
        if now is not None:
            self._tidied_on = today
            self._tidy_later(now - self._retention.keep, Position())

    def _tidy_later(self, before: datetime, position: Position) -> None:
        tidying = self._thread.submit(self._tidy, before, position)
        tidying.add_done_callback(Future.result)  # raises what only a bug can raise where it is logged

    def _tidy(self, before: datetime, position: Position) -> None:
        """Deletes one batch; the next one queues up behind the commits that wait by then."""
        if self._closed:
            return
        try:
            rest = self._in_transaction(lambda it: delete_expired(it, before, position))
        except StoreError as exc:  # nothing is lost by it, and tomorrow is a day
            logger(__name__).warning("ledger_not_tidied", problem=str(exc))
            return
        if rest is not None:
            self._tidy_later(before, rest)

    async def _write(
        self, work: Callable[[Connection], Result], *, after: Callable[[Result], None] = lambda result: None
    ) -> Result:
        """The result of `work`; `after` gets it on the thread, before anybody else, once that is committed."""
        result = await self._run(work, after=after)
        if self._transactor.failed:
            self._transactor.failed = False
            logger(__name__).info("store_writes_again", store=str(self._path))
        return result

    async def _run(
        self, work: Callable[[Connection], Result], *, after: Callable[[Result], None] = lambda result: None
    ) -> Result:
        if self._closed:
            raise StoreError(f"the store {self._path} is closed")
        return await _on(self._thread, lambda: self._in_transaction(work, after))

    def _in_transaction(
        self, work: Callable[[Connection], Result], after: Callable[[Result], None] = lambda result: None
    ) -> Result:
        try:
            result = self._transactor.run(work)
        except StoreError:
            self._bound.forget()
            raise
        after(result)
        return result

    def _write_records(self, connection: Connection, charge_point: str, records: Sequence[Record]) -> None:
        """Writes them, but for what a disk that is almost full has no room for."""
        room = self._transactor.reserve.room
        if room is Room.AMPLE:
            for record in records:
                write.write(connection, charge_point, record)
            return
        dropped = []
        for record in records:
            if is_worth_writing(connection, charge_point, record, room):
                write.write(connection, charge_point, record)
            else:
                dropped.append(record)
        count_dropped(connection, charge_point, dropped)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _open(path: Path, held: ExitStack, now: datetime) -> Transactor:
    sqlite_file.check_directory(path)

    def connect() -> Connection:
        lock = StoreLock(path)
        held.callback(lock.release)
        connection = database.open_or_salvage(path, now)
        try:
            lock.follow()
        except OSError as exc:
            database.close_database(connection)
            raise StoreError(f"cannot lock the store {path}: {exc.strerror}") from exc
        return connection

    transactor = open_transactor(path, connect)
    held.callback(transactor.close)
    return transactor


async def _on(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """The result of `work`, done on that thread; on cancellation, waits for it all the same."""
    future = asyncio.get_running_loop().run_in_executor(thread, work)
    try:
        await asyncio.wait([future])
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
    return future.result()
