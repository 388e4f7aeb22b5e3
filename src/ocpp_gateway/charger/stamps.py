"""Moments from before the time was known, completed as soon as it is.

It may become known by the central system, by the system clock, or by the session of another charger of this gateway:
an event that brings a UTC time is how the core learns of it. Source: conformance B-13; decisions.md, Messages, Time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ocpp_gateway.charger import meter_values
from ocpp_gateway.charger.records import StampsResolved
from ocpp_gateway.charger.state import ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant, format_utc, resolve_stamp


def complete(point: ChargePoint, turn: Turn) -> None:
    """Fill in the UTC time of every moment of this boot that lacks one, in the store and here."""
    utc, boot_id = turn.now.utc, turn.now.boot_id
    if utc is None:
        return
    zero = utc - timedelta(seconds=turn.now_s)

    def known(moment: Instant) -> Instant:
        return moment.resolved(boot_id=boot_id, utc_at_zero=zero)

    turn.persist(StampsResolved(boot_id, format_utc(zero)))
    if point.last_snapshot_at is not None:
        point.last_snapshot_at = known(point.last_snapshot_at)
    point.profiles[:] = [
        InstalledProfile(replace(it.record, installed_at=known(it.record.installed_at)), it.profile)
        for it in point.profiles
    ]
    point.limits = {key: replace(limit, set_at=known(limit.set_at)) for key, limit in point.limits.items()}
    for connector in point.connectors.values():
        _complete(connector, known)
        connector.samples = [
            value | {"timestamp": resolve_stamp(value["timestamp"], boot_id=boot_id, utc_at_zero=zero)}
            for value in connector.samples
        ]
    meter_values.reschedule_aligned(point, turn.now)


def _complete(connector: Connector, known: Callable[[Instant], Instant]) -> None:
    if connector.seen_at is not None:
        connector.seen_at = known(connector.seen_at)
    for name in ("evidence", "ending", "absent"):
        noticed = getattr(connector, name)
        if noticed is not None:
            setattr(connector, name, replace(noticed, since=known(noticed.since)))
    transaction = connector.transaction
    if transaction is not None:
        connector.transaction = replace(
            transaction, started_at=known(transaction.started_at), last_sample_at=known(transaction.last_sample_at)
        )
