"""Fills in stamps from before the clock was known (conformance B-13: never invented, never dropped)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, or_, select, update

from ocpp_gateway.charger.records import StampsResolved
from ocpp_gateway.instant import parse_utc, resolve_stamp
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import from_json, instant_columns, instant_or_none, stamps_resolved, to_json
from ocpp_gateway.store.schema import OutboxState


def resolve_stamps(connection: Connection, charge_point: str, record: StampsResolved) -> None:
    """Every moment of that boot that lacks its UTC time gets it.

    That is in transactions, their samples and readings, in profiles and limits, in messages not yet answered and in
    all transmissions.
    """
    utc_at_zero = parse_utc(record.utc_at_zero)
    boot_id = record.boot_id
    of_transaction = ("started", "last_sample", "stopped")
    for table, names in (
        (schema.charging_transaction, of_transaction),
        (schema.charging_profile, ("installed",)),
        (schema.limit_source, ("set",)),
    ):
        _resolve_instants(connection, table, names, charge_point=charge_point, boot_id=boot_id, utc_at_zero=utc_at_zero)
    _resolve_samples(connection, charge_point=charge_point, boot_id=boot_id, utc_at_zero=utc_at_zero)
    _resolve_messages(connection, charge_point=charge_point, boot_id=boot_id, utc_at_zero=utc_at_zero)
    of_charge_point = select(schema.outbox.c.seq).where(schema.outbox.c.charge_point == charge_point)
    sent, read = schema.transmission.c, schema.transaction_reading.c
    for stamp, whose in (
        (sent.sent_at, sent.seq.in_(of_charge_point)),
        (read.read_at, read.charge_point == charge_point),
    ):
        _resolve_stamps(connection, stamp, whose, boot_id=boot_id, utc_at_zero=utc_at_zero)


def _resolve_instants(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    *,
    charge_point: str,
    boot_id: str,
    utc_at_zero: datetime,
) -> None:
    lacking = or_(*(and_(table.c[f"{name}_utc"].is_(None), table.c[f"{name}_boot_id"] == boot_id) for name in names))
    rows = connection.execute(select(table).where(table.c.charge_point == charge_point, lacking)).mappings().all()
    for row in rows:
        values: dict[str, Any] = {}
        for name in names:
            instant = instant_or_none(row, name)
            if instant is not None:
                values |= instant_columns(name, instant.resolved(boot_id=boot_id, utc_at_zero=utc_at_zero))
        this = and_(*(column == row[column.name] for column in table.primary_key))
        connection.execute(update(table).where(this).values(values))


def _resolve_stamps(
    connection: Connection, stamp: Column[Any], whose: ColumnElement[bool], *, boot_id: str, utc_at_zero: datetime
) -> None:
    """Fills in the stamps of one column, in those rows."""
    lacking = select(stamp).where(stamp.startswith(f"@{boot_id}@", autoescape=True), whose).distinct()
    for marker in connection.execute(lacking).scalars().all():
        resolved = resolve_stamp(marker, boot_id=boot_id, utc_at_zero=utc_at_zero)
        connection.execute(update(stamp.table).where(stamp == marker, whose).values({stamp: resolved}))


def _resolve_samples(connection: Connection, *, charge_point: str, boot_id: str, utc_at_zero: datetime) -> None:
    sample = schema.transaction_sample
    of_charge_point = select(sample.c.seq, sample.c.meter_value).where(sample.c.charge_point == charge_point)
    for seq, meter_value in connection.execute(of_charge_point).all():
        resolved = to_json(stamps_resolved(from_json(meter_value), boot_id=boot_id, utc_at_zero=utc_at_zero))
        if resolved != meter_value:
            connection.execute(update(sample).where(sample.c.seq == seq).values(meter_value=resolved))


def _resolve_messages(connection: Connection, *, charge_point: str, boot_id: str, utc_at_zero: datetime) -> None:
    outbox = schema.outbox
    unanswered = outbox.c.state.in_([OutboxState.QUEUED, OutboxState.DEAD])  # a dead letter can be sent again
    rows = connection.execute(
        select(outbox.c.seq, outbox.c.payload, outbox.c.created_at).where(
            outbox.c.charge_point == charge_point, unanswered
        )
    ).all()
    for seq, payload, created_at in rows:
        values = {
            "payload": to_json(stamps_resolved(from_json(payload), boot_id=boot_id, utc_at_zero=utc_at_zero)),
            "created_at": resolve_stamp(created_at, boot_id=boot_id, utc_at_zero=utc_at_zero),
        }
        if values != {"payload": payload, "created_at": created_at}:
            connection.execute(update(outbox).where(outbox.c.seq == seq).values(values))
