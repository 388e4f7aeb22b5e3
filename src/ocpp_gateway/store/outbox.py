"""The rows of the outbox: appended, sent, answered or given up, and sent again when an operator says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Connection, bindparam, insert, select, update

from ocpp_gateway.charger.records import OutboxDone, OutboxRecord, Outcome
from ocpp_gateway.errors import NoDeadLetter, StoreError
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import to_json
from ocpp_gateway.store.schema import OutboxState

START_TRANSACTION = "StartTransaction"


@dataclass(frozen=True, slots=True)
class Resent:
    """The rows that are in the queue again, as (seq, action), oldest first."""

    messages: tuple[tuple[int, str], ...]


def _is(column: Column[Any]) -> Any:
    return column == bindparam(f"key_{column.name}")


_row, _sent = schema.outbox.c, schema.transmission.c
_this_row = (_is(_row.charge_point), _is(_row.seq))
_append = insert(schema.outbox)
_row_state = select(_row.state).where(*_this_row)
_set_row = update(schema.outbox).where(*_this_row)
# It may be there, of a commit whose end nobody saw as the disk failed.
_add_transmission = insert(schema.transmission).prefix_with("OR REPLACE", dialect="sqlite")
_set_transmission = update(schema.transmission).where(_is(_sent.seq), _is(_sent.number))


def append(connection: Connection, charge_point: str, record: OutboxRecord) -> None:
    """Puts a message at the end of its queue."""
    row = {
        "charge_point": charge_point,
        "central_system": record.central_system,
        "state": OutboxState.QUEUED,
        "message_id": record.message_id,
        "action": record.action,
        "payload": to_json(record.payload),
        "local_id": record.local_id,
        "created_at": record.created_at.stamp(),
        "transmissions": 0,
    }
    connection.execute(_append, row)


_there = select(_row.seq).where(
    _is(_row.charge_point), _row.state == OutboxState.QUEUED, _row.message_id.in_(bindparam("ids", expanding=True))
)


def is_there(connection: Connection, charge_point: str, message_ids: Sequence[str]) -> bool:
    """Whether a message with one of these ids is queued: then the whole commit that made it is on the disk."""
    if not message_ids:
        return False
    return connection.execute(_there, {"key_charge_point": charge_point, "ids": list(message_ids)}).first() is not None


def note_sending(
    connection: Connection,
    charge_point: str,
    seq: int,
    *,
    number: int,
    message_id: str,
    sent_at: str,
    transaction_id: str | None,
) -> None:
    """Keeps that a row goes out now, for the `number`-th time. Raises StoreError without such a row."""
    key = {"key_charge_point": charge_point, "key_seq": seq}
    if not connection.execute(_set_row, key | {"transmissions": number}).rowcount:
        raise _no_row(charge_point, seq)
    sent = {"message_id": message_id, "sent_at": sent_at, "transaction_id": transaction_id}
    connection.execute(_add_transmission, {"seq": seq, "number": number} | sent)


def note_failure(
    connection: Connection,
    charge_point: str,
    seq: int,
    *,
    number: int,
    outcome: Outcome,
    problem: str,
    next_message_id: str | None,
) -> None:
    """Keeps how the `number`-th transmission ended, and the message id of the next one, None: the same.

    Raises StoreError without such a row.
    """
    if next_message_id is not None:
        key = {"key_charge_point": charge_point, "key_seq": seq}
        values = {"message_id": next_message_id, "last_error": problem}
        if not connection.execute(_set_row, key | values).rowcount:
            raise _no_row(charge_point, seq)
    ended = {"key_seq": seq, "key_number": number, "outcome": outcome, "problem": problem}
    connection.execute(_set_transmission, ended)


def take_from_queue(connection: Connection, charge_point: str, record: OutboxDone) -> None:
    """Ends a row once. The first answer stands; an answer that comes after the row was given up still counts."""
    key = {"key_charge_point": charge_point, "key_seq": record.seq}
    state = connection.execute(_row_state, key).scalar_one_or_none()
    if state is None:
        raise _no_row(charge_point, record.seq)
    if state == OutboxState.DONE or (state == OutboxState.DEAD and record.dead):
        return
    values = {
        "state": OutboxState.DEAD if record.dead else OutboxState.DONE,
        "answer": None if record.answer is None else to_json(record.answer),
        "answered_at": None if record.answered_at is None else record.answered_at.stamp(),
    }
    connection.execute(_set_row, key | values)


# ---------------------------------------------------------------- sending again

_dead_of_transaction = (
    select(_row.seq)
    .where(_is(_row.charge_point), _is(_row.local_id), _row.state == OutboxState.DEAD)
    .order_by(_row.seq)
)
_letter = select(_row.action, _row.local_id, _row.central_system, _row.state).where(*_this_row)
_told_without_id = (  # what followed a dead start went with transactionId -1, and means nothing to the central system
    select(_row.seq, _row.action)
    .where(
        _is(_row.charge_point),
        _is(_row.central_system),
        _is(_row.local_id),
        _row.seq > bindparam("start_seq"),
        _row.state != OutboxState.QUEUED,
    )
    .order_by(_row.seq)
)


_answer = select(_row.answer).where(_is(_row.seq)).scalar_subquery()
_keep_answer = (
    update(schema.transmission)
    .where(_is(_sent.seq), _sent.number == select(_row.transmissions).where(_is(_row.seq)).scalar_subquery())
    .where(_answer.is_not(None))
    .values(outcome=bindparam("outcome_answered"), answer=_answer)
)


def resend_transaction(connection: Connection, charge_point: str, local_id: str) -> Resent:
    """Queues every dead letter of a transaction again, each at its place; see `resend`."""
    asked = {"key_charge_point": charge_point, "key_local_id": local_id}
    messages: dict[int, str] = {}
    for seq in connection.execute(_dead_of_transaction, asked).scalars().all():
        if seq not in messages:  # a start takes the rest along
            messages |= dict(resend(connection, charge_point, seq).messages)
    return Resent(tuple(sorted(messages.items())))


def resend(connection: Connection, charge_point: str, seq: int) -> Resent:
    """Queues a dead letter again, at its own place: before all that is younger.

    With a StartTransaction goes all that followed it in its transaction, in order: it went out with transactionId -1,
    if at all, and only a repeat under the transaction's own id ends what this start begins. Each row gets a new message
    id, as its content may be new, and all its attempts. Raises NoDeadLetter for any other row.
    """
    key = {"key_charge_point": charge_point, "key_seq": seq}
    letter = connection.execute(_letter, key).mappings().first()
    if letter is None or letter["state"] != OutboxState.DEAD:
        raise NoDeadLetter(f"charge point {charge_point} has no dead letter {seq}")
    rows: Sequence[tuple[int, str]] = [(seq, letter["action"])]
    if letter["action"] == START_TRANSACTION and letter["local_id"] is not None:
        asked = {
            "key_charge_point": charge_point,
            "key_central_system": letter["central_system"],
            "key_local_id": letter["local_id"],
            "start_seq": seq,
        }
        rows = [*rows, *((row.seq, row.action) for row in connection.execute(_told_without_id, asked))]
    for row_seq, _ in rows:
        answered = {"key_seq": row_seq, "outcome_answered": Outcome.ANSWERED}
        connection.execute(_keep_answer, answered)
        values = {
            "state": OutboxState.QUEUED,
            "message_id": str(uuid4()),
            "last_error": None,
            "answer": None,
            "answered_at": None,
        }
        connection.execute(_set_row, {"key_charge_point": charge_point, "key_seq": row_seq} | values)
    return Resent(tuple(rows))


def _no_row(charge_point: str, seq: int) -> StoreError:
    return StoreError(f"charge point {charge_point} has no outbox row {seq}")
