"""What any transaction rests on, ready for JSON: its frames, retries, answers and register values.

Nothing here writes. Moments are `Instant.stamp`s; id tags are whole, as on the bill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, or_, select, text

from ocpp_gateway.charger.records import MAIN, Outcome
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import from_json, instant_or_none
from ocpp_gateway.store.schema import OutboxState

PAGE = 50
MOST = 500
"""Rows of one answer at the most, so that no reader holds the writer up."""

DEAD = text("outbox.state = 'dead'")
"""Spelled out, as the index of dead letters is: SQLite uses that one for nothing else."""

_transaction, _row, _sent = schema.charging_transaction.c, schema.outbox.c, schema.transmission.c
_reading = schema.transaction_reading.c
_names = schema.transaction_id.c


def transactions(
    connection: Connection, charge_point: str | None = None, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """The transactions that began last, newest first; `before` is the `number` of the last one of the page before."""
    query = select(schema.charging_transaction).order_by(_transaction.number.desc()).limit(min(limit, MOST))
    if charge_point is not None:
        query = query.where(_transaction.charge_point == charge_point)
    if before is not None:
        query = query.where(_transaction.number < before)
    return _heads(connection, query)


def find(connection: Connection, name: str) -> list[str]:
    """The local ids that a name may mean: one itself, the beginning of one, or what a central system calls it."""
    exact = select(_transaction.local_id).where(_transaction.local_id == name)
    if (found := connection.execute(exact).scalars().all()) or not name:
        return list(found)
    called = _transaction.local_id.in_(select(_names.local_id).where(_names.transaction_id == name))
    begins = _transaction.local_id.startswith(name, autoescape=True)
    either = select(_transaction.local_id).where(or_(called, begins)).order_by(_transaction.number.desc())
    return list(connection.execute(either.limit(10)).scalars())


def named(connection: Connection, name: str) -> list[dict[str, Any]]:
    """All that may be meant by a name, whole."""
    return [told for local_id in find(connection, name) if (told := transaction(connection, local_id)) is not None]


def charge_point_of(connection: Connection, local_id: str) -> str | None:
    """Whose transaction that is."""
    asked = select(_transaction.charge_point).where(_transaction.local_id == local_id)
    return connection.execute(asked).scalar_one_or_none()


def charge_point_of_letter(connection: Connection, seq: int) -> str | None:
    """Whose dead letter that is; None when it is none."""
    asked = select(_row.charge_point).where(_row.seq == seq, _row.state == OutboxState.DEAD)
    return connection.execute(asked).scalar_one_or_none()


def transaction(connection: Connection, local_id: str) -> dict[str, Any] | None:
    """All that one transaction rests on; None when there is none of that local id."""
    heads = _heads(connection, select(schema.charging_transaction).where(_transaction.local_id == local_id))
    if not heads:
        return None
    (head,) = heads
    messages = select(schema.outbox).where(_row.local_id == local_id).order_by(_row.seq)
    readings = select(schema.transaction_reading).where(_reading.local_id == local_id).order_by(_reading.number)
    return head | {
        "messages": _messages(connection, messages),
        "readings": [_reading_shown(row) for row in connection.execute(readings).mappings()],
    }


def dead_letters(
    connection: Connection, charge_point: str | None = None, *, after: int = 0, limit: int = PAGE
) -> list[dict[str, Any]]:
    """The messages that were given up, oldest first; `after` is the `seq` of the last one of the page before."""
    query = select(schema.outbox).where(DEAD, _row.seq > after)
    if charge_point is not None:
        query = query.where(_row.charge_point == charge_point)
    return _messages(connection, query.order_by(_row.seq).limit(min(limit, MOST)))


def queued(connection: Connection, charge_point: str, *, after: int = 0, limit: int = PAGE) -> list[dict[str, Any]]:
    """The messages that wait for delivery, in its order; `after` is the `seq` of the last one of the page before."""
    waiting = (_row.charge_point == charge_point, _row.central_system == MAIN, _row.state == OutboxState.QUEUED)
    query = select(schema.outbox).where(*waiting, _row.seq > after)
    return _messages(connection, query.order_by(_row.seq).limit(min(limit, MOST)))


# ---------------------------------------------------------------- rows as they are shown

_undelivered = (
    select(_row.local_id, _row.state, func.count())
    .where(_row.local_id.in_(bindparam("ids", expanding=True)), _row.state != OutboxState.DONE)
    .group_by(_row.local_id, _row.state)
)
_ids = select(_names.local_id, _names.central_system, _names.transaction_id).where(
    _names.local_id.in_(bindparam("ids", expanding=True))
)


def _heads(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    rows = connection.execute(query).mappings().all()
    asked = {"ids": [row["local_id"] for row in rows]}
    names: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for local_id, central_system, transaction_id in connection.execute(_ids, asked):
        names[local_id][central_system] = transaction_id
    left: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for local_id, state, messages in connection.execute(_undelivered, asked):
        left[local_id][state] = messages
    return [_head(row, names[row["local_id"]], left[row["local_id"]]) for row in rows]


def _head(row: RowMapping, transaction_ids: dict[str, str], left: dict[str, int]) -> dict[str, Any]:
    meter_wh = row["last_meter_wh"] if row["meter_stop_wh"] is None else row["meter_stop_wh"]
    return {
        "number": row["number"],
        "charge_point": row["charge_point"],
        "local_id": row["local_id"],
        "transaction_ids": transaction_ids,
        "connector_id": row["connector_id"],
        "id_tag": row["id_tag"],
        "started_at": _stamp(row, "started"),
        "stopped_at": _stamp(row, "stopped"),
        "stop_reason": row["stop_reason"],
        "meter_start_wh": row["meter_start_wh"],
        "meter_stop_wh": row["meter_stop_wh"],
        "energy_wh": meter_wh - row["meter_start_wh"],
        "queued_messages": left.get(OutboxState.QUEUED, 0),
        "dead_letters": left.get(OutboxState.DEAD, 0),
    }


def _stamp(row: RowMapping, name: str) -> str | None:
    instant = instant_or_none(row, name)
    return None if instant is None else instant.stamp()


def _messages(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    rows = connection.execute(query).mappings().all()
    of_rows: defaultdict[int, list[RowMapping]] = defaultdict(list)
    seqs = [row["seq"] for row in rows]
    for part in range(0, len(seqs), MOST):
        sent = select(schema.transmission).where(_sent.seq.in_(seqs[part : part + MOST]))
        for transmission in connection.execute(sent.order_by(_sent.seq, _sent.number)).mappings():
            of_rows[transmission["seq"]].append(transmission)
    return [_message(row, of_rows[row["seq"]]) for row in rows]


def _message(row: RowMapping, transmissions: Sequence[RowMapping]) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "charge_point": row["charge_point"],
        "central_system": row["central_system"],
        "local_id": row["local_id"],
        "action": row["action"],
        "payload": from_json(row["payload"]),
        "state": row["state"],
        "created_at": row["created_at"],
        "answered_at": row["answered_at"] if row["answer"] is not None else None,
        "answer": None if row["answer"] is None else from_json(row["answer"]),
        "given_up_at": row["answered_at"] if row["state"] == OutboxState.DEAD else None,
        "last_error": row["last_error"],
        "transmissions": list(_transmissions(row, transmissions)),
    }


def _transmissions(row: RowMapping, transmissions: Sequence[RowMapping]) -> Iterable[dict[str, Any]]:
    """Each frame that went out. What is not known of one, as the process ended or an old version sent it, is null."""
    for sent in transmissions:
        answered = row["answer"] is not None and sent["number"] == row["transmissions"]
        answer = row["answer"] if answered else sent["answer"]
        yield {
            "number": sent["number"],
            "message_id": sent["message_id"],
            "sent_at": sent["sent_at"],
            "transaction_id": sent["transaction_id"],
            "outcome": Outcome.ANSWERED if answered else sent["outcome"],
            "problem": None if answered else sent["problem"],
            "answer": None if answer is None else from_json(answer),
        }


def _reading_shown(row: RowMapping) -> dict[str, Any]:
    hidden = {"number", "charge_point", "local_id"}
    return {name: value for name, value in row.items() if name not in hidden}
