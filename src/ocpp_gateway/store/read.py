"""The rows back as records, and the head of a queue with all that its delivery needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, exists, func, select

from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    CachedTag,
    GateRecord,
    LimitRecord,
    LocalListRecord,
    MeterRecord,
    ProfileRecord,
    ReservationRecord,
    StoredCharger,
    TagRecord,
    TransactionRecord,
)
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import from_json, instant_of, instant_or_none
from ocpp_gateway.store.schema import OutboxState


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """The oldest message that one central system still has to answer.

    `seq` grows in the order in which messages were made and is never reused. `message_id` is the id to send under,
    `transmissions` how often it went out as far as anyone noted. `transaction_id` is what that central system calls
    the transaction of `local_id`, None while it has not said; `start_dead` tells that it never will, because the
    StartTransaction became a dead letter. `created_at` is an `Instant.stamp`.
    """

    seq: int
    message_id: str
    action: str
    payload: dict[str, Any]
    local_id: str | None
    transaction_id: str | None
    start_dead: bool
    transmissions: int
    last_error: str | None
    created_at: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one central system: how many messages, and when the oldest was made, an `Instant.stamp`.

    `thinned` counts the meter values that were ever taken out of the charge point's full queues, undelivered;
    `dead` the messages that were given up, and wait for an operator to send them again.
    """

    depth: int
    oldest_at: str | None
    thinned: int
    dead: int = 0


def _head_query() -> Select[Any]:
    row, start, name = schema.outbox, schema.outbox.alias("start"), schema.transaction_id
    start_dead = exists().where(
        start.c.local_id == row.c.local_id,
        start.c.action == "StartTransaction",
        start.c.central_system == row.c.central_system,
        start.c.state == OutboxState.DEAD,
    )
    of_transaction = and_(name.c.local_id == row.c.local_id, name.c.central_system == row.c.central_system)
    return (
        select(row, name.c.transaction_id, start_dead.label("start_dead"))
        .select_from(row.outerjoin(name, of_transaction))
        .where(*_queue(row.c))
        .order_by(row.c.seq)
        .limit(1)
    )


def _queue(columns: Any) -> Sequence[Any]:
    return (
        columns.charge_point == bindparam("charge_point"),
        columns.central_system == bindparam("central_system"),
        columns.state == OutboxState.QUEUED,
    )


HEAD_QUERY = _head_query()
_thinned = select(schema.charge_point.c.outbox_thinned).where(schema.charge_point.c.identity == bindparam("identity"))
_depth = select(func.count()).select_from(schema.outbox).where(*_queue(schema.outbox.c))
_dead = (
    select(func.count())
    .select_from(schema.outbox)
    .where(
        schema.outbox.c.charge_point == bindparam("charge_point"),
        schema.outbox.c.central_system == bindparam("central_system"),
        schema.outbox.c.state == OutboxState.DEAD,
    )
)
_oldest = select(schema.outbox.c.created_at).where(*_queue(schema.outbox.c)).order_by(schema.outbox.c.seq).limit(1)


def _backlogs_query() -> Select[Any]:
    """One row a charge point; each number is a short walk along the index of the queues, however much is done."""
    point, row = schema.charge_point, schema.outbox

    def of_point(state: OutboxState) -> Sequence[Any]:
        return (
            row.c.charge_point == point.c.identity,
            row.c.central_system == bindparam("central_system"),
            row.c.state == state,
        )

    return select(
        point.c.identity,
        point.c.outbox_thinned.label("thinned"),
        select(func.count()).select_from(row).where(*of_point(OutboxState.QUEUED)).scalar_subquery().label("depth"),
        select(func.count()).select_from(row).where(*of_point(OutboxState.DEAD)).scalar_subquery().label("dead"),
        select(row.c.created_at)
        .where(*of_point(OutboxState.QUEUED))
        .order_by(row.c.seq)
        .limit(1)
        .scalar_subquery()
        .label("oldest_at"),
    )


_backlogs = _backlogs_query()


def outbox_head(connection: Connection, charge_point: str, central_system: str) -> OutboxRow | None:
    """The oldest message not yet answered nor given up, or None when all is delivered."""
    asked = {"charge_point": charge_point, "central_system": central_system}
    row = connection.execute(HEAD_QUERY, asked).mappings().first()
    if row is None:
        return None
    return OutboxRow(
        seq=row["seq"],
        message_id=row["message_id"],
        action=row["action"],
        payload=from_json(row["payload"]),
        local_id=row["local_id"],
        transaction_id=row["transaction_id"],
        start_dead=bool(row["start_dead"]),
        transmissions=row["transmissions"],
        last_error=row["last_error"],
        created_at=row["created_at"],
    )


def outbox_depth(connection: Connection, charge_point: str, central_system: str) -> int:
    """How many messages wait for that central system."""
    depth: int = connection.execute(
        _depth, {"charge_point": charge_point, "central_system": central_system}
    ).scalar_one()
    return depth


def outbox_thinned(connection: Connection, charge_point: str) -> int:
    """How many messages of that charge point were ever taken out of a full queue."""
    thinned: int | None = connection.execute(_thinned, {"identity": charge_point}).scalar_one_or_none()
    return thinned or 0


def backlog(connection: Connection, charge_point: str, central_system: str) -> Backlog:
    """What waits for that central system."""
    asked = {"charge_point": charge_point, "central_system": central_system}
    return Backlog(
        depth=outbox_depth(connection, charge_point, central_system),
        oldest_at=connection.execute(_oldest, asked).scalar_one_or_none(),
        thinned=outbox_thinned(connection, charge_point),
        dead=connection.execute(_dead, asked).scalar_one(),
    )


def backlogs(connection: Connection, central_system: str) -> dict[str, Backlog]:
    """What waits for that central system, of every charge point of the store: one look for all of them."""
    return {
        row.identity: Backlog(row.depth, row.oldest_at, row.thinned, row.dead)
        for row in connection.execute(_backlogs, {"central_system": central_system})
    }


def load(connection: Connection, charge_point: str) -> StoredCharger:
    """All that is known of a charge point; an empty `StoredCharger` for one that was never seen."""
    identity = schema.charge_point
    station = connection.execute(select(identity).where(identity.c.identity == charge_point)).mappings().one_or_none()
    configuration = schema.configuration
    connectors = _rows(connection, schema.connector, charge_point, "connector_id")
    profiles = _rows(connection, schema.charging_profile, charge_point, "connector_id", "charging_profile_id")
    transactions = schema.charging_transaction
    still_open = (
        select(transactions)
        .where(transactions.c.charge_point == charge_point, transactions.c.stopped_boot_id.is_(None))
        .order_by(transactions.c.number)
    )
    return StoredCharger(
        identity=None if station is None else _identity(station),
        configuration={row["key"]: row["value"] for row in _rows(connection, configuration, charge_point, "key")},
        meters=tuple(
            MeterRecord(row["connector_id"], row["total_wh"], row["register_wh"], row["charging_s"])
            for row in connectors
            if row["total_wh"] is not None
        ),
        availability=tuple(
            AvailabilityRecord(row["connector_id"], row["operative"])
            for row in connectors
            if row["operative"] is not None
        ),
        gates=tuple(
            GateRecord(row["connector_id"], row["gate_closed"]) for row in connectors if row["gate_closed"] is not None
        ),
        tags=tuple(
            TagRecord(row["connector_id"], row["standing_tag"], row["tag_unusable"], row["presented_tag"])
            for row in connectors
            if row["tag_unusable"] is not None
        ),
        profiles=tuple(_profile(row) for row in profiles),
        open_transactions=_transactions(connection, still_open),
        samples=_samples(connection, charge_point),
        cached_tags=tuple(
            CachedTag(row["id_tag"], row["status"], row["number"], row["expiry_date"], row["parent_id_tag"])
            for row in _rows(connection, schema.authorization_cache, charge_point, "number", "folded_id_tag")
        ),
        local_list=_local_list(connection, charge_point),
        reservations=tuple(
            ReservationRecord(
                row["reservation_id"], row["connector_id"], row["id_tag"], row["expiry_date"], row["parent_id_tag"]
            )
            for row in _rows(connection, schema.reservation, charge_point, "reservation_id")
        ),
        limits=tuple(
            LimitRecord(
                row["source"],
                row["connector_id"],
                row["power_w"],
                row["lifetime_s"],
                row["failsafe_w"],
                instant_of(row, "set"),
            )
            for row in _rows(connection, schema.limit_source, charge_point, "source", "connector_id")
        ),
    )


def latest_transactions(connection: Connection, charge_point: str, limit: int) -> tuple[TransactionRecord, ...]:
    """The transactions that began last, open or not, newest first."""
    transactions = schema.charging_transaction
    latest = (
        select(transactions)
        .where(transactions.c.charge_point == charge_point)
        .order_by(transactions.c.number.desc())
        .limit(limit)
    )
    return _transactions(connection, latest)


def _rows(connection: Connection, table: Any, charge_point: str, *order: str) -> Sequence[RowMapping]:
    query = select(table).where(table.c.charge_point == charge_point).order_by(*(table.c[name] for name in order))
    return connection.execute(query).mappings().all()


def _identity(row: RowMapping) -> ChargerIdentity | None:
    if row["number_of_connectors"] is None:
        return None
    return ChargerIdentity(
        number_of_connectors=row["number_of_connectors"],
        vendor=row["vendor"],
        model=row["model"],
        serial_number=row["serial_number"],
        firmware_version=row["firmware_version"],
    )


def _profile(row: RowMapping) -> ProfileRecord:
    return ProfileRecord(
        connector_id=row["connector_id"],
        charging_profile_id=row["charging_profile_id"],
        payload=from_json(row["payload"]),
        local_id=row["local_id"],
        installed_at=instant_of(row, "installed"),
    )


def _samples(connection: Connection, charge_point: str) -> dict[str, tuple[dict[str, Any], ...]]:
    sample, transaction = schema.transaction_sample.c, schema.charging_transaction.c
    of_open = (
        select(sample.local_id, sample.meter_value)
        .join(schema.charging_transaction, transaction.local_id == sample.local_id)
        .where(sample.charge_point == charge_point, transaction.stopped_boot_id.is_(None))
        .order_by(sample.seq)
    )
    samples: dict[str, list[dict[str, Any]]] = {}
    for local_id, meter_value in connection.execute(of_open):
        samples.setdefault(local_id, []).append(from_json(meter_value))
    return {local_id: tuple(values) for local_id, values in samples.items()}


def _local_list(connection: Connection, charge_point: str) -> LocalListRecord | None:
    for row in _rows(connection, schema.local_list, charge_point):
        return LocalListRecord(row["version"], from_json(row["entries"]))
    return None


def _transactions(connection: Connection, query: Select[Any]) -> tuple[TransactionRecord, ...]:
    rows = connection.execute(query).mappings().all()
    given = schema.transaction_id
    ids: dict[str, dict[str, str]] = {row["local_id"]: {} for row in rows}
    for local_id, system, name in connection.execute(select(given).where(given.c.local_id.in_(list(ids)))):
        ids[local_id][system] = name
    return tuple(_transaction(row, ids[row["local_id"]]) for row in rows)


def _transaction(row: RowMapping, transaction_ids: dict[str, str]) -> TransactionRecord:
    return TransactionRecord(
        local_id=row["local_id"],
        connector_id=row["connector_id"],
        id_tag=row["id_tag"],
        meter_start_wh=row["meter_start_wh"],
        started_at=instant_of(row, "started"),
        last_meter_wh=row["last_meter_wh"],
        last_sample_at=instant_of(row, "last_sample"),
        serial_number=row["serial_number"],
        parent_id_tag=row["parent_id_tag"],
        standing_tag=row["standing_tag"],
        transaction_ids=transaction_ids,
        charging_seen=row["charging_seen"],
        deauthorized=row["deauthorized"],
        stopped_at=instant_or_none(row, "stopped"),
        meter_stop_wh=row["meter_stop_wh"],
        stop_reason=row["stop_reason"],
    )
