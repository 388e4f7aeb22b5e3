"""What a local operator asks for: start, stop, availability. The same rules as for the central system's requests.

An objection is a sentence for people, or None. Whoever asks looks for one first; the rule looks again, as something
may have happened in between, and then tells of it in the log.
"""

from __future__ import annotations

from ocpp_gateway.charger import authorization, transactions
from ocpp_gateway.charger.authorization import lookup, parent_of
from ocpp_gateway.charger.availability import set_operative
from ocpp_gateway.charger.events import AvailabilityAsked, StartAsked, StopAsked
from ocpp_gateway.charger.reporting import current_status
from ocpp_gateway.charger.reservations import is_for, reservation_at
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.vocabulary import ChargePointStatus

READ_ONLY = "this gateway runs with --read-only and holds no car back"
_STARTS_NOTHING = {
    ChargePointStatus.FAULTED: "the connector is faulted",
    ChargePointStatus.UNAVAILABLE: "the connector is out of service",
}


def start_objection(point: ChargePoint, connector: Connector, id_tag: str, now_s: float) -> str | None:
    """Why nobody can be let charge here now, with that id tag (as R-12, R-13 for RemoteStartTransaction)."""
    if point.settings.read_only:
        return READ_ONLY
    if point.restart_by_s is not None:
        return "the charge point restarts just now"
    if connector.transaction is not None:
        return "a transaction runs here"
    if connector.authorization is not None:
        return "somebody is authorised here already, and the plug is awaited"
    if any(asked.connector_id == connector.connector_id for asked in point.pending_authorize.values()):
        return "the central system is being asked about an id tag for this connector"
    if not connector.operative:
        return "the connector is out of service"
    if connector.registers is None:
        return "the charger has not been reached yet"
    if point.unreachable:
        return "the charger does not answer"
    if (problem := _STARTS_NOTHING.get(current_status(point, connector, now_s).status)) is not None:
        return problem
    reservation = reservation_at(point.reservations, connector.connector_id)
    if reservation is not None and not is_for(reservation, id_tag, parent_of(point, id_tag)):
        return "the connector is reserved for somebody else"
    return _held_by_somebody_else(point, connector, id_tag)


def _held_by_somebody_else(point: ChargePoint, connector: Connector, id_tag: str) -> str | None:
    """Where the charger decides, a start is ours to give only if our limit alone holds a car."""
    mode = point.settings.mode
    if mode is AuthorizationMode.CENTRAL_SYSTEM:
        return None
    if not (connector.closed and connector.plugged):
        return (
            f"in mode {mode.value} the charger itself starts, and it has no register for that; "
            "a start from here only lifts what we hold at 0 W"
        )
    if mode is AuthorizationMode.CHARGER and not point.accepted and lookup(point, id_tag) is None:
        return "the central system is away, and nobody here knows this id tag"
    return None


def start_asked(point: ChargePoint, event: StartAsked, turn: Turn) -> None:
    """Like a card at the reader: list, cache or central system say whether this id tag may charge."""
    connector = point.connectors.get(event.connector_id)
    if connector is None:
        return
    if (objection := start_objection(point, connector, event.id_tag, turn.now_s)) is not None:
        turn.alarm("local_start_refused", connector_id=event.connector_id, reason=objection)
    elif point.settings.mode is AuthorizationMode.FREE:
        authorization.admit(point, connector, turn, event.id_tag)
    else:
        authorization.ask(point, connector, turn, event.id_tag)


def stop_objection(point: ChargePoint, connector: Connector) -> str | None:
    """Why nothing can be stopped here now."""
    if point.settings.read_only:
        return READ_ONLY
    return "no transaction runs here" if connector.transaction is None else None


def stop_asked(point: ChargePoint, event: StopAsked, turn: Turn) -> None:
    """End the transaction, and hold 0 W until the car leaves or somebody is authorised.

    Nobody at the charge point asked for it, so the reason is Other, not Local (OCPP 1.6 §7.36).
    """
    connector = point.connectors.get(event.connector_id)
    if connector is not None and stop_objection(point, connector) is None:
        transactions.stop(point, connector, turn, reason="Other", at=turn.now, close=True)


def availability_objection(point: ChargePoint, *, operative: bool) -> str | None:
    """Why a connector cannot be taken out of service: only our limit keeps a car from charging there."""
    return READ_ONLY if point.settings.read_only and not operative else None


def availability_asked(point: ChargePoint, event: AvailabilityAsked, turn: Turn) -> None:
    """As ChangeAvailability (R-25 to R-30)."""
    known = event.connector_id == 0 or event.connector_id in point.connectors
    if known and availability_objection(point, operative=event.operative) is None:
        set_operative(point, event.connector_id, turn, operative=event.operative)
