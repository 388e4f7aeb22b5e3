"""A charger's tasks as figures for `/metrics`: read where they are kept anyway, when they are asked for."""

from __future__ import annotations

from contextlib import suppress

from ocpp_gateway.charger import reporting
from ocpp_gateway.charger.limits import decide
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.instant import Instant, age_s
from ocpp_gateway.place import Place
from ocpp_gateway.settings.tls import certificate_ends_s
from ocpp_gateway.store import Backlog
from ocpp_gateway.web.figures import ChargerFigures, ConnectorFigures, QueueFigures


def charger_figures(place: Place, backlog: Backlog | None, *, restarts: int) -> ChargerFigures:
    """One charger; `backlog` None: the store could not tell."""
    point, polling, image = place.runtime.core.point, place.poller.statistics, place.poller.image
    times, session, seen_at = place.poller.round_times, place.session, point.last_snapshot_at
    now = place.clock.now()
    decision = decide(point, now)
    return ChargerFigures(
        charge_point=place.runtime.identity,
        answers=polling.connected,
        last_poll_age_s=None if seen_at is None else now.monotonic_s - seen_at.monotonic_s,
        round_times=times.cumulative(),
        round_times_sum_s=times.sum_s,
        missed_rounds=polling.missed_rounds,
        lost_links=polling.lost_links,
        refused_writes=polling.refused_writes,
        implausible_values=0 if image is None else image.implausible_count,
        restarts=restarts,
        connected=session.connected,
        accepted=point.accepted,
        connections=session.connections,
        certificate_ends_s=_certificates(place),
        calls=session.tally,
        queue=None if backlog is None else _queue(backlog, now),
        transactions_started=place.runtime.transactions_started,
        transactions_ended=place.runtime.transactions_ended,
        power_w=point.station_power_w,
        limit_w=point.station_commanded_w,
        limited_by=decision.decided_by(0),
        connectors=[
            _connector(point, connector, decision.decided_by(connector.connector_id), now)
            for connector in point.connectors.values()
        ],
    )


def _connector(point: ChargePoint, connector: Connector, limited_by: str, now: Instant) -> ConnectorFigures:
    registers = connector.registers
    return ConnectorFigures(
        connector_id=connector.connector_id,
        status=reporting.current_status(point, connector, now.monotonic_s).status.value,
        power_w=None if registers is None else registers.power_w,
        limit_w=connector.commanded_w,
        limited_by=limited_by,
        energy_wh=connector.meter.total_wh,
        in_transaction=connector.transaction is not None,
        in_safe_state=connector.safe_state is not None,
    )


def _queue(backlog: Backlog, now: Instant) -> QueueFigures:
    oldest_age_s = None if backlog.oldest_at is None else age_s(backlog.oldest_at, now)
    return QueueFigures(backlog.depth, oldest_age_s, backlog.dead, backlog.thinned)


def _certificates(place: Place) -> dict[str, float]:
    """Until when the central system's certificate and ours are valid, as far as that is known."""
    ends_s = {} if place.session.certificate_ends_s is None else {"central_system": place.session.certificate_ends_s}
    file = place.settings.central_system_of(place.charger).client_certificate_file
    if file is not None:
        with suppress(OSError, ValueError):  # whoever connects with it tells what is wrong
            ends_s["client"] = certificate_ends_s(file)
    return ends_s
