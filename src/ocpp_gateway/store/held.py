"""What could not be written yet, kept in memory in its order until it can be (faults D-01, D-03, D-05).

A disk may be away for long, so it does not grow with the polls: a record that replaces an earlier one takes its
place, and of many meter values the first, the last and one per quarter of an hour of a transaction stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ocpp_gateway.charger.records import (
    ConfigurationRecord,
    GateRecord,
    MeterRecord,
    OutboxRecord,
    Record,
    TransactionRecord,
    TransactionSample,
)
from ocpp_gateway.instant import Instant
from ocpp_gateway.store.thinning import WINDOW_S

MOST_METER_VALUES = 1000
"""From so many held meter values on they are thinned."""


class HeldCommits:
    """The commits of one charge point that wait, oldest first, each to be written whole."""

    def __init__(self) -> None:
        self._commits: list[list[Record]] = []
        self._meter_values = 0
        self._thinned = 0

    def __bool__(self) -> bool:
        return bool(self._commits)

    @property
    def commits(self) -> Sequence[Sequence[Record]]:
        """All of them."""
        return self._commits

    @property
    def thinned(self) -> int:
        """How many meter values were dropped."""
        return self._thinned

    def add(self, records: Sequence[Record]) -> None:
        """Keeps the records of one event."""
        if not records:
            return
        last = self._commits[-1] if self._commits else None
        if last is not None and _replaceable(last) and _replaceable(records):
            merged = {_key(record): record for record in (*last, *records)}
            self._commits[-1] = list(merged.values())
            return
        self._commits.append(list(records))
        self._meter_values += sum(map(_is_meter_values, records))
        if self._meter_values > MOST_METER_VALUES:
            self._thin()

    def clear(self) -> None:
        """Forgets all: it is written."""
        self._commits.clear()
        self._meter_values = self._thinned = 0

    def _thin(self) -> None:
        kept = _worth_keeping(record for commit in self._commits for record in commit)
        thinned: list[list[Record]] = []
        for commit in self._commits:
            rest = [record for record in commit if not _is_meter_values(record) or id(record) in kept]
            if rest and thinned and _replaceable(thinned[-1]) and _replaceable(rest):
                thinned[-1] = list({_key(record): record for record in (*thinned[-1], *rest)}.values())
            elif rest:
                thinned.append(rest)
        before, self._meter_values = self._meter_values, len(kept)
        self._thinned += before - self._meter_values
        self._commits = thinned


def message_ids(commit: Iterable[Record]) -> list[str]:
    """The messages of a commit, by which it is known whether it was written after all."""
    return [record.message_id for record in commit if isinstance(record, OutboxRecord)]


def _key(record: Record) -> tuple[object, ...] | None:
    """What a later record must share to replace this one; None for one that nothing replaces."""
    match record:
        case MeterRecord() | GateRecord():
            return type(record), record.connector_id
        case TransactionRecord():
            return type(record), record.local_id
        case ConfigurationRecord():
            return type(record), record.key
        case _:
            return None


def _replaceable(records: Iterable[Record]) -> bool:
    return all(_key(record) is not None for record in records)


def _is_meter_values(record: Record) -> bool:
    return isinstance(record, TransactionSample) or (
        isinstance(record, OutboxRecord) and record.action == "MeterValues"
    )


def _worth_keeping(records: Iterable[Record]) -> set[int]:
    """The identities of the meter values that stay: of each transaction the first of each window, and the last."""
    by_transaction: dict[str | None, list[OutboxRecord]] = {}
    for record in records:
        if isinstance(record, OutboxRecord) and record.action == "MeterValues":
            by_transaction.setdefault(record.local_id, []).append(record)
    kept: set[int] = set()
    for values in by_transaction.values():
        kept |= {id(next(window)) for _, window in groupby(values, lambda value: _window(value.created_at))}
        kept.add(id(values[-1]))
    return kept


def _window(at: Instant) -> tuple[str, int]:
    return at.boot_id, int(at.monotonic_s // WINDOW_S)
