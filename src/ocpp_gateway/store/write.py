"""Each record into its rows. All functions run inside the caller's transaction."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import Column, Connection, Table, bindparam, delete, insert, select, update

from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    CacheCleared,
    CachedTag,
    CachedTagForgotten,
    ConfigurationRecord,
    GateRecord,
    IdentityRecord,
    LimitForgotten,
    LimitRecord,
    LocalListRecord,
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    ProfileRecord,
    ProfileRemoved,
    Record,
    ReservationRecord,
    ReservationRemoved,
    StampsResolved,
    TagRecord,
    TransactionIdRecord,
    TransactionReading,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.store import outbox, schema
from ocpp_gateway.store.columns import instant_columns, to_json
from ocpp_gateway.store.resolve import resolve_stamps


class _Upsert:
    """UPDATE, then INSERT if there was nothing. No other writer exists, so nothing can come between the two.

    The statements are made once: SQLAlchemy compiles them once, and finds them again by their identity.
    """

    def __init__(self, table: Table, *key: str) -> None:
        self._names = {name: f"key_{name}" for name in key}  # the plain names are those of the columns to set
        self._insert = insert(table)
        self._update = update(table).where(*(table.c[name] == bindparam(bound) for name, bound in self._names.items()))

    def __call__(self, connection: Connection, key: dict[str, Any], values: dict[str, Any]) -> bool:
        """Whether the row was there before."""
        bound = {self._names[name]: value for name, value in key.items()}
        if connection.execute(self._update, bound | values).rowcount:
            return True
        connection.execute(self._insert, key | values)
        return False


def _is(column: Column[Any]) -> Any:
    return column == bindparam(f"key_{column.name}")


_connector = _Upsert(schema.connector, "charge_point", "connector_id")
_configuration = _Upsert(schema.configuration, "charge_point", "key")
_profile = _Upsert(schema.charging_profile, "charge_point", "connector_id", "charging_profile_id")
_transaction = _Upsert(schema.charging_transaction, "charge_point", "local_id")
_transaction_id = _Upsert(schema.transaction_id, "local_id", "central_system")
_cached_tag = _Upsert(schema.authorization_cache, "charge_point", "folded_id_tag")
_local_list = _Upsert(schema.local_list, "charge_point")
_reservation = _Upsert(schema.reservation, "charge_point", "reservation_id")
_limit = _Upsert(schema.limit_source, "charge_point", "source", "connector_id")

_charge_point_exists = select(schema.charge_point.c.identity).where(_is(schema.charge_point.c.identity))
_add_charge_point = insert(schema.charge_point)
_set_identity = update(schema.charge_point).where(_is(schema.charge_point.c.identity))
_remove_profile = delete(schema.charging_profile).where(
    _is(schema.charging_profile.c.charge_point),
    _is(schema.charging_profile.c.connector_id),
    _is(schema.charging_profile.c.charging_profile_id),
)
_known_transaction_ids = select(schema.transaction_id.c.central_system, schema.transaction_id.c.transaction_id).where(
    _is(schema.transaction_id.c.local_id)
)
_add_sample = insert(schema.transaction_sample)
_drop_samples = delete(schema.transaction_sample).where(
    _is(schema.transaction_sample.c.charge_point), _is(schema.transaction_sample.c.local_id)
)
_clear_cache = delete(schema.authorization_cache).where(_is(schema.authorization_cache.c.charge_point))
_forget_tag = _clear_cache.where(_is(schema.authorization_cache.c.folded_id_tag))
_remove_reservation = delete(schema.reservation).where(
    _is(schema.reservation.c.charge_point), _is(schema.reservation.c.reservation_id)
)
_forget_limit = delete(schema.limit_source).where(
    _is(schema.limit_source.c.charge_point),
    _is(schema.limit_source.c.source),
    _is(schema.limit_source.c.connector_id),
)
_add_reading = insert(schema.transaction_reading)


def write(connection: Connection, charge_point: str, record: Record) -> None:
    """Makes the rows say what the record says. Raises StoreError for an outbox row that does not exist."""
    match record:
        case MeterRecord():
            values = {
                "total_wh": record.total_wh,
                "register_wh": record.register_wh,
                "charging_s": record.charging_s,
            }
            _connector(connection, {"charge_point": charge_point, "connector_id": record.connector_id}, values)
        case AvailabilityRecord():
            key = {"charge_point": charge_point, "connector_id": record.connector_id}
            _connector(connection, key, {"operative": record.operative})
        case GateRecord():
            key = {"charge_point": charge_point, "connector_id": record.connector_id}
            _connector(connection, key, {"gate_closed": record.closed})
        case TagRecord():
            key = {"charge_point": charge_point, "connector_id": record.connector_id}
            stands: dict[str, Any] = {"standing_tag": record.standing, "tag_unusable": record.unusable}
            _connector(connection, key, stands | {"presented_tag": record.presented})
        case ConfigurationRecord():
            _configuration(connection, {"charge_point": charge_point, "key": record.key}, {"value": record.value})
        case IdentityRecord():
            _write_identity(connection, charge_point, record)
        case ProfileRecord():
            _write_profile(connection, charge_point, record)
        case ProfileRemoved():
            removed = {
                "key_charge_point": charge_point,
                "key_connector_id": record.connector_id,
                "key_charging_profile_id": record.charging_profile_id,
            }
            connection.execute(_remove_profile, removed)
        case TransactionRecord():
            _write_transaction(connection, charge_point, record)
        case TransactionIdRecord():
            key = {"local_id": record.local_id, "central_system": record.central_system}
            _transaction_id(connection, key, {"transaction_id": record.transaction_id})
        case TransactionSample():
            sample = {
                "charge_point": charge_point,
                "local_id": record.local_id,
                "meter_value": to_json(record.meter_value),
            }
            connection.execute(_add_sample, sample)
        case TransactionReading():
            connection.execute(_add_reading, _reading_row(charge_point, record))
        case CachedTag():
            _write_cached_tag(connection, charge_point, record)
        case CachedTagForgotten():
            forgotten = {"key_charge_point": charge_point, "key_folded_id_tag": record.id_tag.casefold()}
            connection.execute(_forget_tag, forgotten)
        case CacheCleared():
            connection.execute(_clear_cache, {"key_charge_point": charge_point})
        case LocalListRecord():
            whole = {"version": record.version, "entries": to_json(record.entries)}
            _local_list(connection, {"charge_point": charge_point}, whole)
        case ReservationRecord():
            _write_reservation(connection, charge_point, record)
        case ReservationRemoved():
            gone = {"key_charge_point": charge_point, "key_reservation_id": record.reservation_id}
            connection.execute(_remove_reservation, gone)
        case LimitRecord():
            _write_limit(connection, charge_point, record)
        case LimitForgotten():
            silenced = {
                "key_charge_point": charge_point,
                "key_source": record.source,
                "key_connector_id": record.connector_id,
            }
            connection.execute(_forget_limit, silenced)
        case OutboxRecord():
            outbox.append(connection, charge_point, record)
        case OutboxDone():
            outbox.take_from_queue(connection, charge_point, record)
        case StampsResolved():
            resolve_stamps(connection, charge_point, record)
        case _:
            assert_never(record)


def ensure_charge_point(connection: Connection, charge_point: str) -> None:
    """Makes the row that all others of this charge point refer to, if it is not there."""
    if connection.execute(_charge_point_exists, {"key_identity": charge_point}).first() is None:
        connection.execute(_add_charge_point, {"identity": charge_point})


def _write_identity(connection: Connection, charge_point: str, record: IdentityRecord) -> None:
    values = {
        "number_of_connectors": record.identity.number_of_connectors,
        "vendor": record.identity.vendor,
        "model": record.identity.model,
        "serial_number": record.identity.serial_number,
        "firmware_version": record.identity.firmware_version,
    }
    connection.execute(_set_identity, {"key_identity": charge_point} | values)


def _write_profile(connection: Connection, charge_point: str, record: ProfileRecord) -> None:
    key = {
        "charge_point": charge_point,
        "connector_id": record.connector_id,
        "charging_profile_id": record.charging_profile_id,
    }
    values = {
        "payload": to_json(record.payload),
        "local_id": record.local_id,
        **instant_columns("installed", record.installed_at),
    }
    _profile(connection, key, values)


def _reading_row(charge_point: str, record: TransactionReading) -> dict[str, Any]:
    return {
        "charge_point": charge_point,
        "local_id": record.local_id,
        "kind": record.kind,
        "read_at": record.read_at.stamp(),
        "status_raw": record.status_raw,
        "session_energy_wh": record.session_energy_wh,
        "charging_s": record.charging_s,
        "id_tag": record.id_tag,
        "power_w": record.power_w,
        "meter_wh": record.meter.total_wh,
        "meter_register_wh": record.meter.register_wh,
        "meter_charging_s": record.meter.charging_s,
    }


def _write_cached_tag(connection: Connection, charge_point: str, record: CachedTag) -> None:
    key = {"charge_point": charge_point, "folded_id_tag": record.id_tag.casefold()}
    values = {
        "id_tag": record.id_tag,
        "status": record.status,
        "number": record.number,
        "expiry_date": record.expiry_date,
        "parent_id_tag": record.parent_id_tag,
    }
    _cached_tag(connection, key, values)


def _write_reservation(connection: Connection, charge_point: str, record: ReservationRecord) -> None:
    key = {"charge_point": charge_point, "reservation_id": record.reservation_id}
    values = {
        "connector_id": record.connector_id,
        "id_tag": record.id_tag,
        "expiry_date": record.expiry_date,
        "parent_id_tag": record.parent_id_tag,
    }
    _reservation(connection, key, values)


def _write_limit(connection: Connection, charge_point: str, record: LimitRecord) -> None:
    key = {"charge_point": charge_point, "source": record.source, "connector_id": record.connector_id}
    values = {
        "power_w": record.power_w,
        "lifetime_s": record.lifetime_s,
        "failsafe_w": record.failsafe_w,
        **instant_columns("set", record.set_at),
    }
    _limit(connection, key, values)


def _write_transaction(connection: Connection, charge_point: str, record: TransactionRecord) -> None:
    """Replaces the transaction, except that a transaction id once given is never taken away, only changed.

    Its samples go with its stop: they are in the StopTransaction then.
    """
    values = {
        "connector_id": record.connector_id,
        "id_tag": record.id_tag,
        "parent_id_tag": record.parent_id_tag,
        "serial_number": record.serial_number,
        "standing_tag": record.standing_tag,
        "meter_start_wh": record.meter_start_wh,
        **instant_columns("started", record.started_at),
        "last_meter_wh": record.last_meter_wh,
        **instant_columns("last_sample", record.last_sample_at),
        "charging_seen": record.charging_seen,
        "deauthorized": record.deauthorized,
        **instant_columns("stopped", record.stopped_at),
        "meter_stop_wh": record.meter_stop_wh,
        "stop_reason": record.stop_reason,
    }
    was_there = _transaction(connection, {"charge_point": charge_point, "local_id": record.local_id}, values)
    if not record.open:
        connection.execute(_drop_samples, {"key_charge_point": charge_point, "key_local_id": record.local_id})
    if not record.transaction_ids:
        return
    known: dict[str, str] = {}
    if was_there:  # the ids change once in a transaction's life, its meter every few seconds: compare before writing
        known = dict(connection.execute(_known_transaction_ids, {"key_local_id": record.local_id}).all())
    for system, given in record.transaction_ids.items():
        if known.get(system) != given:
            key = {"local_id": record.local_id, "central_system": system}
            _transaction_id(connection, key, {"transaction_id": given})
