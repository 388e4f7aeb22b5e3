"""Keeps a queue within its bound: the meter values of a long time offline thin out, and the bills stay whole.

A queue that has reached its bound loses first the oldest MeterValues that belong to no transaction, since nothing is
billed by them. Then those of transactions, the oldest transaction first, down to the first, the last and one per
quarter of an hour; then nothing more, and it may grow. StartTransaction and StopTransaction always stay, and so does
all that was ever transmitted. Source: faults 4.4, O-26.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy import Connection, Integer, bindparam, delete, func, select, update

from ocpp_gateway.charger.records import OutboxRecord, Record
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.log import logger
from ocpp_gateway.store import schema
from ocpp_gateway.store.read import outbox_depth
from ocpp_gateway.store.schema import OutboxState

QUEUE_BOUND = 100_000
"""Messages that wait for one central system of one charge point; about 64 MB."""
WINDOW_S = 900


class QueuedSample(Protocol):
    """A queued MeterValues of a transaction. `created_at` is an `Instant.stamp`."""

    @property
    def seq(self) -> int: ...
    @property
    def created_at(self) -> str: ...
    @property
    def transmissions(self) -> int: ...


def superfluous(samples: Sequence[QueuedSample]) -> list[int]:
    """The numbers of the rows that may go, of all that are queued for one transaction, oldest first.

    The first of all stays, so the head of a queue, which its delivery may have in hand, is never taken from it.
    """
    kept = {next(window).seq for _, window in groupby(samples, lambda sample: window_of(sample.created_at))}
    return [sample.seq for sample in samples[:-1] if sample.seq not in kept and sample.transmissions == 0]


def window_of(stamp: str) -> tuple[str, int]:
    """Which quarter of an hour, of UTC or of the boot whose UTC time is not known."""
    if stamp.startswith("@"):
        boot, _, monotonic_s = stamp.rpartition("@")
        return boot, int(float(monotonic_s) // WINDOW_S)
    return "", int(parse_utc(stamp).timestamp() // WINDOW_S)


class QueueBound:
    """The bound of every queue in a store. For the thread that writes only.

    Counting a long queue takes longer than adding to it. So `_room` remembers how many messages each queue takes in
    before it has to be counted again; deliveries since then only make more room. After a thinning that is a tenth
    of the bound at least, however little there was to thin: a queue of bills alone is not searched at each commit.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._step = max(1, bound // 10)
        self._room: dict[tuple[str, str], int] = {}

    def hold(self, connection: Connection, charge_point: str, records: Iterable[Record]) -> None:
        """Thins the queues that these records, already written, have filled up, in the same transaction."""
        appended = Counter(record.central_system for record in records if isinstance(record, OutboxRecord))
        for central_system, messages in appended.items():
            room = self._room.pop((charge_point, central_system), 0) - messages
            if room <= 0:
                room = self._make_room(connection, charge_point, central_system)
            self._room[charge_point, central_system] = room

    def forget(self) -> None:
        """Count anew: a transaction that `hold` was part of has not come to its end."""
        self._room.clear()

    def _make_room(self, connection: Connection, charge_point: str, central_system: str) -> int:
        depth = outbox_depth(connection, charge_point, central_system)
        if depth < self._bound:
            return self._bound - depth
        depth -= _thin(connection, charge_point, central_system, wanted=depth - self._bound + self._step)
        return max(self._bound - depth, self._step)


_row = schema.outbox.c
_queue = (
    _row.charge_point == bindparam("charge_point"),
    _row.central_system == bindparam("central_system"),
    _row.state == OutboxState.QUEUED,
)
_head = select(func.min(_row.seq)).where(*_queue).scalar_subquery()
UNBILLED_QUERY = (  # without the head, which its delivery may have in hand
    select(_row.seq)
    .where(*_queue, _row.action == "MeterValues", _row.local_id.is_(None), _row.transmissions == 0, _row.seq > _head)
    .order_by(_row.seq)
    .limit(bindparam("wanted", type_=Integer))
)
_transactions = (
    select(_row.local_id)
    .where(*_queue, _row.action == "MeterValues", _row.local_id.is_not(None))
    .group_by(_row.local_id)
    .order_by(func.min(_row.seq))
)
SAMPLES_QUERY = (  # without the charge point: it is the transaction's, and would lure SQLite to the index of the queue
    select(_row.seq, _row.created_at, _row.transmissions)
    .where(*_queue[1:], _row.action == "MeterValues", _row.local_id == bindparam("local_id"))
    .order_by(_row.seq)
)
_count = (
    update(schema.charge_point)
    .where(schema.charge_point.c.identity == bindparam("charge_point"))
    .values(outbox_thinned=schema.charge_point.c.outbox_thinned + bindparam("thinned"))
)
_drop_transmissions = delete(schema.transmission).where(schema.transmission.c.seq == bindparam("row"))
_drop_row = delete(schema.outbox).where(_row.seq == bindparam("row"))


def delete_messages(connection: Connection, seqs: Iterable[int]) -> None:
    """Takes rows out of the outbox for good, with their transmissions."""
    rows: list[dict[str, Any]] = [{"row": seq} for seq in seqs]
    if rows:
        connection.execute(_drop_transmissions, rows)
        connection.execute(_drop_row, rows)


def count_thinned(connection: Connection, charge_point: str, messages: int) -> None:
    """Adds to how many meter values that charge point has lost undelivered."""
    connection.execute(_count, {"charge_point": charge_point, "thinned": messages})


def _thin(connection: Connection, charge_point: str, central_system: str, *, wanted: int) -> int:
    """How many messages it has taken out of the queue: as many as wanted, or all that the rule allows."""
    queue = {"charge_point": charge_point, "central_system": central_system}
    unbilled = connection.execute(UNBILLED_QUERY, queue | {"wanted": wanted}).scalars().all()
    delete_messages(connection, unbilled)
    thinned = len(unbilled)
    transactions = connection.execute(_transactions, queue).scalars().all() if thinned < wanted else ()
    for local_id in transactions:
        samples = {"central_system": central_system, "local_id": local_id}
        dropped = superfluous(connection.execute(SAMPLES_QUERY, samples).all())
        delete_messages(connection, dropped)
        thinned += len(dropped)
        if thinned >= wanted:
            break
    if thinned:
        count_thinned(connection, charge_point, thinned)
        logger(__name__).warning("meter_values_thinned", charge_point=charge_point, messages=thinned)
    return thinned
