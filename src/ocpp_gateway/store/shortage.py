"""What is written while the disk has no room to spare: the bills whole, and of the meter values less and less.

Of the meter values of a transaction one per quarter of an hour is written, and none once the reserve is half spent.
What belongs to no transaction is not written at all. Everything else is. Source: faults.md D-01.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from ocpp_gateway.charger.records import OutboxRecord, Record, TransactionSample
from ocpp_gateway.log import logger
from ocpp_gateway.store import schema
from ocpp_gateway.store.columns import from_json
from ocpp_gateway.store.reserve import Room
from ocpp_gateway.store.thinning import count_thinned, window_of

_last_message = (
    select(schema.outbox.c.created_at)
    .where(
        schema.outbox.c.local_id == bindparam("local_id"),
        schema.outbox.c.central_system == bindparam("central_system"),
        schema.outbox.c.action == "MeterValues",
    )
    .order_by(schema.outbox.c.seq.desc())
    .limit(1)
)
_last_sample = (
    select(schema.transaction_sample.c.meter_value)
    .where(
        schema.transaction_sample.c.charge_point == bindparam("charge_point"),
        schema.transaction_sample.c.local_id == bindparam("local_id"),
    )
    .order_by(schema.transaction_sample.c.seq.desc())
    .limit(1)
)


def is_worth_writing(connection: Connection, charge_point: str, record: Record, room: Room) -> bool:
    """Whether there is room for that record."""
    match record:
        case OutboxRecord(action="MeterValues"):
            return _of_a_new_window(connection, record, room)
        case TransactionSample():
            return _sample_of_a_new_window(connection, charge_point, record, room)
        case _:
            return True


def count_dropped(connection: Connection, charge_point: str, dropped: Sequence[Record]) -> None:
    """Counts the messages among them with those that full queues have lost, and tells."""
    messages = sum(isinstance(record, OutboxRecord) for record in dropped)
    if messages:
        count_thinned(connection, charge_point, messages)
        logger(__name__).debug("meter_values_not_written", charge_point=charge_point, messages=messages)


def _of_a_new_window(connection: Connection, record: OutboxRecord, room: Room) -> bool:
    if record.local_id is None or room is Room.LAST:
        return False
    asked = {"local_id": record.local_id, "central_system": record.central_system}
    last = connection.execute(_last_message, asked).scalar()
    return last is None or window_of(last) != window_of(record.created_at.stamp())


def _sample_of_a_new_window(connection: Connection, charge_point: str, record: TransactionSample, room: Room) -> bool:
    if room is Room.LAST:
        return False
    asked = {"charge_point": charge_point, "local_id": record.local_id}
    last = connection.execute(_last_sample, asked).scalar()
    return last is None or window_of(from_json(last)["timestamp"]) != window_of(record.meter_value["timestamp"])
