"""What no number of a store may fall below, kept outside of it: for when a part of the store is lost (faults D-08).

A WAL that is deleted, or an old copy put in the store's place, is sound in itself and says nothing of what is missing.
So a count of steps is in both, in the database first. A database that has counted fewer went back: its numbers go on
above all that may have been given, and its meters above all that may have been told.

A step is many messages or one kilowatt-hour, and what went back by less is not noticed; a restore counts a step of its
own (`keep_for_copy`). A WAL that is missing proves nothing: whoever opens the database of a dead gateway takes it away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from ocpp_gateway.charger.records import MeterRecord, OutboxRecord, Record
from ocpp_gateway.log import logger
from ocpp_gateway.store import schema, small_file
from ocpp_gateway.store.write import ensure_charge_point

NUMBERS = 100
"""Numbers of messages and of transactions that are given between two writes of the file."""
_NEAR = NUMBERS // 2
METER_STEP_WH = 1000
_MOST, _MOST_STEPS = 2**53, 2**30
"""More is no count of ours: nobody lives to give so many numbers, and SQLite's `user_version` has 31 bits."""
_CONNECTOR = re.compile("[0-9]{1,9}")

Meters = dict[str, dict[str, int]]
"""Totals in Wh, by charge point and by connector, as JSON has them."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What the file says: no message and no transaction has a higher number, and each meter stood here at least.

    `steps` is how often that was written. `exact`: the store was closed, and nothing stands above these.
    """

    instance_id: str
    steps: int = 0
    outbox: int = 0
    charging_transaction: int = 0
    meters: Meters = field(default_factory=dict)
    exact: bool = False


class Floor:
    """The floor of one open database. For the thread that writes only."""

    def __init__(self, database: Path, connection: Connection) -> None:
        """Raises the store to its floor, if it went back; tells so."""
        self._database = database
        self._file = _file_of(database)
        with connection.begin():
            instance_id = connection.execute(select(schema.store_meta.c.instance_id)).scalar_one()
            known = _read(self._file)
            if known is None or known.instance_id != instance_id:
                known = Levels(instance_id, steps=_steps(connection), exact=True)  # nothing was given that we know of
            self._levels = known
            went_back = _steps(connection) < known.steps
            if went_back:
                _raise(connection, known)
                self._levels = self._step(connection)
        if went_back:
            self.keep(self._levels)
            logger(__name__).error(
                "store_went_back",
                store=str(database),
                messages_from=known.outbox + 1,
                transactions_from=known.charging_transaction + 1,
                effect="meters and numbers go on above the last ones known; what is gone is not told again",
            )

    @property
    def steps(self) -> int:
        """What the database counts."""
        return self._levels.steps

    def rise(self, connection: Connection, charge_point: str, records: Iterable[Record]) -> Levels | None:
        """Counts a step in the transaction that comes near the floor; gives what to keep once that is committed."""
        return self._step(connection) if self._is_near(connection, charge_point, records) else None

    def keep(self, levels: Levels) -> None:
        """Writes the file. Without room for it the old one stays: it is a second barrier, and no reason to stop."""
        self._levels = levels
        try:
            small_file.replace(self._file, json.dumps(asdict(levels)).encode("utf-8"))
        except OSError as exc:
            logger(__name__).warning("floor_not_written", problem=exc.strerror)

    def close(self, connection: Connection) -> None:
        """What stands now, to the number: the last transaction before the database is closed. Raises DBAPIError."""
        with connection.begin():
            levels = self._step(connection, exact=True)
        self.keep(levels)

    def _is_near(self, connection: Connection, charge_point: str, records: Iterable[Record]) -> bool:
        numbered = False
        for record in records:
            if isinstance(record, MeterRecord):
                known_wh = self._levels.meters.get(charge_point, {}).get(str(record.connector_id))
                if known_wh is None or record.total_wh >= known_wh + METER_STEP_WH:
                    return True
            numbered = numbered or isinstance(record, OutboxRecord)
        return numbered and any(
            number + _NEAR > getattr(self._levels, table) for table, number in _numbers(connection).items()
        )

    def _step(self, connection: Connection, *, exact: bool = False) -> Levels:
        ahead, numbers, steps = 0 if exact else NUMBERS, _numbers(connection), self._levels.steps + 1
        _count(connection, steps)
        return Levels(
            self._levels.instance_id,
            steps,
            outbox=numbers.get("outbox", 0) + ahead,
            charging_transaction=numbers.get("charging_transaction", 0) + ahead,
            meters=_totals(connection),
            exact=exact,
        )


def keep_for_copy(database: Path, in_use: Connection | None, copy: Connection) -> None:
    """Writes the file so that the copy, once it is in the place of the database, is raised at its first start.

    To where the database in use stands, if it can be read and has not gone back itself; else above all that the file
    allows. Where there is neither, nothing is known of what was given. Raises OSError and DBAPIError.
    """
    instance_id = copy.execute(select(schema.store_meta.c.instance_id)).scalar_one()
    known, levels = _read(_file_of(database)), None
    if known is not None and known.instance_id == instance_id:
        levels = known
    if in_use is not None:
        stood = _steps(in_use)
        if levels is None or stood >= levels.steps:
            numbers = _numbers(in_use)
            levels = Levels(instance_id, stood, **numbers, meters=_totals(in_use), exact=True)
    if levels is not None:
        levels = replace(levels, steps=max(levels.steps, _steps(copy)) + 1)
        small_file.replace(_file_of(database), json.dumps(asdict(levels)).encode("utf-8"))


def _file_of(database: Path) -> Path:
    return database.with_name(database.name + ".floor")


def _raise(connection: Connection, floor: Levels) -> None:
    """Numbers and meters begin above everything that may have been given or told.

    What the registers grew since the meters were lost is in what they are raised by: the next reading begins anew.
    """
    for table in ("outbox", "charging_transaction"):
        number = max(getattr(floor, table), _numbers(connection).get(table, 0))
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))
    at_most_wh = 0 if floor.exact else METER_STEP_WH
    known = _totals(connection)
    for charge_point, totals in floor.meters.items():
        ensure_charge_point(connection, charge_point)
        for connector_id, floor_wh in totals.items():
            if known.get(charge_point, {}).get(connector_id, 0) < floor_wh + at_most_wh:
                connection.exec_driver_sql(
                    "INSERT INTO connector (charge_point, connector_id, total_wh) VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET total_wh = excluded.total_wh, register_wh = NULL",
                    (charge_point, int(connector_id), floor_wh + at_most_wh),
                )


def _steps(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _count(connection: Connection, steps: int) -> None:
    connection.exec_driver_sql(f"PRAGMA user_version = {steps}")


def _numbers(connection: Connection) -> dict[str, int]:
    """The highest number that each table has given to a row."""
    given = connection.exec_driver_sql(
        "SELECT name, seq FROM sqlite_sequence WHERE name IN ('outbox', 'charging_transaction')"
    )
    return {str(table): int(number) for table, number in given}


def _totals(connection: Connection) -> Meters:
    meters: Meters = {}
    column = schema.connector.c
    rows = connection.execute(
        select(column.charge_point, column.connector_id, column.total_wh).where(column.total_wh.is_not(None))
    )
    for charge_point, connector_id, total_wh in rows:
        meters.setdefault(charge_point, {})[str(connector_id)] = total_wh
    return meters


def _read(file: Path) -> Levels | None:
    """What the file says; None when there is none, or it cannot be read, whatever it holds."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    try:
        return _levels(json.loads(content.decode("utf-8")))
    except (ValueError, TypeError, RecursionError) as exc:
        logger(__name__).warning("floor_unreadable", file=str(file), problem=str(exc))
        return None


def _levels(words: Any) -> Levels:
    """The levels that JSON gives. Raises TypeError and ValueError for what no gateway has written."""
    levels = Levels(**words)
    counts = [levels.steps, levels.outbox, levels.charging_transaction]
    for charge_point, totals in levels.meters.items() if isinstance(levels.meters, dict) else [("", None)]:
        charge_point.encode("utf-8")  # half a surrogate is JSON, and no text
        if not isinstance(totals, dict) or not all(_CONNECTOR.fullmatch(connector_id) for connector_id in totals):
            raise ValueError("meters are not by charge point and connector")
        counts += totals.values()
    if not all(type(count) is int and 0 <= count <= _MOST for count in counts) or levels.steps > _MOST_STEPS:
        raise ValueError("not a count")
    if not isinstance(levels.instance_id, str) or not isinstance(levels.exact, bool):
        raise TypeError("not the name of a store, or not exact or otherwise")
    return levels
