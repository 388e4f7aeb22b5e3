"""Takes from the ledger what nobody will ask for again, so that a store does not grow with the years.

A transaction leaves it whole, with its messages, their transmissions and its register readings, once it stopped, all
its messages are answered, and both are longer ago than its `Retention`. A stop whose time was never known counts from
the answers, which came after it. A message of no transaction leaves that long after its answer.

What waits for delivery or was given up stays, and all of its transaction with it; so does what runs. No number is
given again: SQLite counts them apart from the rows (`AUTOINCREMENT`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, or_, select

from ocpp_gateway.instant import format_utc
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import utc_text
from ocpp_gateway.store.schema import OutboxState
from ocpp_gateway.store.thinning import delete_messages

BATCH = 200
"""Rows that one commit looks at, and messages that it deletes, so that one behind it waits some milliseconds only."""

_UNKNOWN = "@"
"""What the stamp of an unknown time begins with (`Instant.stamp`); every known one sorts before it."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the ledger keeps what is delivered. `now` is None while nobody vouches for the time: nothing leaves."""

    keep: timedelta
    now: Callable[[], datetime | None]


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: the number of a transaction, None when they are through; and of a message that has none."""

    transaction: int | None = 0
    message: int = 0


_transaction, _message = schema.charging_transaction.c, schema.outbox.c
_of_it = _message.local_id == bindparam("local_id")
_known = and_(_message.answered_at.is_not(None), _message.answered_at < _UNKNOWN)

TRANSACTIONS_QUERY = (
    select(_transaction.number, _transaction.local_id, _transaction.stopped_boot_id, _transaction.stopped_utc)
    .where(_transaction.number >= bindparam("first"))
    .order_by(_transaction.number)
    .limit(BATCH)
)
STAYS_QUERY = select(
    exists().where(
        _of_it,
        or_(_message.state != OutboxState.DONE, and_(_known, _message.answered_at >= bindparam("answered_before"))),
    )
)
ANSWERED_QUERY = select(exists().where(_of_it, _message.answered_at < bindparam("answered_before")))
MESSAGES_QUERY = (  # as their index has them: meter values first
    select(_message.seq).where(_of_it).order_by(_message.action, _message.seq).limit(BATCH + 1)
)
LOOSE_QUERY = (
    select(_message.seq, _message.state, _message.created_at, _message.answered_at)
    .where(_message.local_id.is_(None), _message.action == "MeterValues", _message.seq >= bindparam("first"))
    .order_by(_message.seq)
    .limit(BATCH)
)
_drop_transaction = [
    delete(table).where(table.c.local_id == bindparam("gone"))
    for table in (schema.transaction_reading, schema.transaction_sample, schema.transaction_id)
] + [delete(schema.charging_transaction).where(_transaction.local_id == bindparam("gone"))]


def delete_expired(connection: Connection, before: datetime, position: Position) -> Position | None:
    """Deletes a batch of what was over before that moment; gives where to go on, None when all is done."""
    if position.transaction is None:
        return _delete_loose(connection, before, position.message)
    rows = connection.execute(TRANSACTIONS_QUERY, {"first": position.transaction}).all()
    budget = BATCH
    for row in rows:
        if not _is_expired(connection, row, before):
            continue
        messages = connection.execute(MESSAGES_QUERY, {"local_id": row.local_id}).scalars().all()
        delete_messages(connection, messages[:budget])
        if len(messages) > budget:
            return Position(row.number)
        budget -= len(messages)
        for statement in _drop_transaction:
            connection.execute(statement, {"gone": row.local_id})
    return Position(rows[-1].number + 1 if len(rows) == BATCH else None)


def _is_expired(connection: Connection, row: Row[int, str, str | None, str | None], before: datetime) -> bool:
    if row.stopped_boot_id is None or (row.stopped_utc is not None and row.stopped_utc >= utc_text(before)):
        return False
    asked = {"local_id": row.local_id, "answered_before": format_utc(before)}
    if connection.execute(STAYS_QUERY, asked).scalar_one():
        return False
    return row.stopped_utc is not None or bool(connection.execute(ANSWERED_QUERY, asked).scalar_one())


def _delete_loose(connection: Connection, before: datetime, first: int) -> Position | None:
    rows = connection.execute(LOOSE_QUERY, {"first": first}).all()
    expired = [row.seq for row in rows if row.state == OutboxState.DONE and _told_at(row) < format_utc(before)]
    delete_messages(connection, expired)
    return Position(None, rows[-1].seq + 1) if len(rows) == BATCH else None


def _told_at(row: Row[int, str, str, str | None]) -> str:
    """When a message was answered; when it was made if that is not known."""
    known = row.answered_at is not None and row.answered_at < _UNKNOWN
    stamp: str = row.answered_at if known else row.created_at
    return stamp
