"""What connectors drew, minute by minute, for a week. All functions run inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select

from ocpp_gateway.charger.history import LONGEST_S, Stretch
from ocpp_gateway.store import schema
from ocpp_gateway.store.write import ensure_charge_point

RETENTION = timedelta(days=7)
"""At most 10,080 rows of a connector, a minute each."""

Waiting = tuple[Mapping[int, Sequence[Stretch]], float]
"""Stretches by connector, and the moment since 1970 from which their times count."""

_row = schema.power_history.c
_of_connector = (_row.charge_point == bindparam("charge_point"), _row.connector_id == bindparam("connector"))
_expire = delete(schema.power_history).where(*_of_connector, _row.at_s < bindparam("before_s"))
_replace = delete(schema.power_history).where(*_of_connector, _row.at_s == bindparam("same_s"))
_keep = insert(schema.power_history)
_between = (
    select(schema.power_history)
    .where(
        *_of_connector,
        _row.at_s > bindparam("since_s") - int(LONGEST_S) - 1,
        _row.until_s >= bindparam("since_s"),
        _row.at_s <= bindparam("until_s"),
    )
    .order_by(_row.at_s)
)
_connectors = select(_row.connector_id).where(_row.charge_point == bindparam("charge_point")).distinct()


def keep(connection: Connection, charge_point: str, rows: Mapping[int, Sequence[Stretch]], zero_s: float) -> None:
    """Keeps stretches by connector, each in place of one that began when it did, and forgets what is too old.

    `zero_s` is the moment since 1970 from which their times count.
    """
    ensure_charge_point(connection, charge_point)
    for connector_id, stretches in rows.items():
        whose = {"charge_point": charge_point, "connector": connector_id}
        # Of two that began in the same second the first lasted for less than one.
        kept = list({round(stretch.at_s + zero_s): _columns(stretch, zero_s) for stretch in stretches}.values())
        connection.execute(_replace, [whose | {"same_s": row["at_s"]} for row in kept])
        connection.execute(_keep, [{"charge_point": charge_point, "connector_id": connector_id} | row for row in kept])
        newest_s = round(max(stretch.until_s for stretch in stretches) + zero_s)
        connection.execute(_expire, whose | {"before_s": newest_s - int(RETENTION.total_seconds())})


def read(connection: Connection, charge_point: str, since_s: float, until_s: float) -> dict[int, list[Stretch]]:
    """The stretches between two moments since 1970, by connector that has any at all, oldest first."""
    found: dict[int, list[Stretch]] = {}
    for connector_id in connection.execute(_connectors, {"charge_point": charge_point}).scalars().all():
        asked = {"charge_point": charge_point, "connector": connector_id}
        rows = connection.execute(_between, asked | {"since_s": int(since_s), "until_s": int(until_s) + 1})
        found[connector_id] = [_stretch(*row[2:]) for row in rows]
    return found


def _columns(stretch: Stretch, zero_s: float) -> dict[str, int | None]:
    return {
        "at_s": round(stretch.at_s + zero_s),
        "until_s": round(stretch.until_s + zero_s),
        **{name: _whole(getattr(stretch, name)) for name in _POWERS},
        **{f"current_l{n}_ma": _whole(a and a * 1000) for n, a in enumerate(stretch.current_a, start=1)},
    }


def _stretch(at_s: int, until_s: int, *values: int | None) -> Stretch:
    power_w, power_min_w, power_max_w, limit_w, limit_min_w, *current_ma = values
    l1, l2, l3 = (None if current is None else current / 1000 for current in current_ma)
    return Stretch(at_s, until_s, power_w, power_min_w, power_max_w, limit_w, limit_min_w, (l1, l2, l3))


_POWERS = ("power_w", "power_min_w", "power_max_w", "limit_w", "limit_min_w")


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
