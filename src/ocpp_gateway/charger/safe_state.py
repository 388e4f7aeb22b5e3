"""What becomes of a limit that the charger did not take: the connector is held at 0 W and shown as Faulted.

Nobody knows then whether the charger still obeys. So it is told 0 W at once, and again every 10 s until that reads
back. Only a charger that took 0 W is trusted with another try of what the limiter says: after 10 s, then after twice
as long each time, up to 10 minutes, for a try may close a contactor. What reads back as written ends it. Nothing of
this ends a transaction: the car may go on when the charger obeys again.

While 0 W is not confirmed the connector may draw what its register holds, and the others share what is left.
A register that holds less than was written, but not nothing, breaks no limit: it is what this charger can do.
Source: decisions.md, Power; faults.md 4.6, S-13; conformance P-54.
"""

from __future__ import annotations

from dataclasses import replace

from ocpp_gateway.charger.events import CommandConfirmed, CommandRefused
from ocpp_gateway.charger.state import ChargePoint, Connector, Rating, SafeState
from ocpp_gateway.charger.status import ReportedStatus
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus

REFUSED_COMMAND_WAITS_S = 10.0
LONGEST_WAIT_S = 600.0


def refused(point: ChargePoint, event: CommandRefused, turn: Turn) -> None:
    """A limit did not arrive; what is no longer wanted does not matter."""
    connector = point.connectors.get(event.connector_id)
    if connector is None:
        _station_refused(point, event, turn)
    elif connector.commanded_w == event.value:
        connector.commanded_w = connector.confirmed_w = None
        if _took_less(event):
            _learn_rating(point, event, turn)
        else:
            connector.refused_w, connector.refused_until_s = event.value, turn.now_s + REFUSED_COMMAND_WAITS_S
            _hold(connector, event, turn)


def _station_refused(point: ChargePoint, event: CommandRefused, turn: Turn) -> None:
    """The connectors' own registers keep the station's limit; its register is a second barrier (P-52)."""
    if event.connector_id != 0 or point.station_commanded_w != event.value:
        return
    point.station_commanded_w = point.station_confirmed_w = None
    if _took_less(event):
        _learn_rating(point, event, turn)
        return
    if point.station_refused_w != event.value:
        turn.alarm("limit_not_taken", connector_id=0, power_w=event.value, reads_w=event.reads_w, reason=event.reason)
    point.station_refused_w, point.station_refused_until_s = event.value, turn.now_s + REFUSED_COMMAND_WAITS_S


def _took_less(event: CommandRefused) -> bool:
    return event.reads_w is not None and 0 < event.reads_w < event.value


def _learn_rating(point: ChargePoint, event: CommandRefused, turn: Turn) -> None:
    """The register holds less than was written: what the charger, or whoever installed it, allows."""
    reads_w, before = event.reads_w, point.ratings.get(event.connector_id)
    if reads_w is None:
        return
    if before is None or before.power_w != reads_w:
        turn.alarm("limit_capped_by_charger", connector_id=event.connector_id, power_w=event.value, reads_w=reads_w)
    point.ratings[event.connector_id] = Rating(reads_w, turn.now)


def _hold(connector: Connector, event: CommandRefused, turn: Turn) -> None:
    before = connector.safe_state
    if before is not None and event.value == 0:  # the charger does not even take 0 W: that is what is tried next
        connector.safe_state = replace(before, holds_w=event.reads_w, lowered=False)
        return
    tries = 0 if before is None else before.tries + 1
    if before is None:
        turn.alarm(
            "limit_not_taken",
            connector_id=connector.connector_id,
            power_w=event.value,
            reads_w=event.reads_w,
            reason=event.reason,
        )
    connector.safe_state = SafeState(
        since=turn.now if before is None else before.since,
        written_w=event.value,
        reads_w=event.reads_w,
        reason=event.reason,
        holds_w=event.reads_w,
        tries=tries,
        try_at_s=turn.now_s + min(REFUSED_COMMAND_WAITS_S * 2.0**tries, LONGEST_WAIT_S),
    )


def confirmed(point: ChargePoint, event: CommandConfirmed, turn: Turn) -> bool:
    """The register reads as written: from now on a difference is somebody else's doing.

    Gives whether that may move something in a safe state.
    """
    connector = point.connectors.get(event.connector_id)
    if connector is None:
        if event.connector_id == 0:
            point.station_confirmed_w = event.value
            if point.station_refused_w is not None:
                point.station_refused_w = None
                turn.alarm("limit_not_taken", cleared=True, connector_id=0)
        return False
    connector.confirmed_w = event.value
    safe_state = connector.safe_state
    if safe_state is not None and event.value == 0:
        connector.safe_state = replace(safe_state, lowered=True, holds_w=0)
    return safe_state is not None


def end_when_obeyed(connector: Connector, granted_w: int, turn: Turn) -> None:
    """What the limiter says, and not only 0 W for safety, reads back: the charger obeys again."""
    safe_state = connector.safe_state
    if safe_state is not None and safe_state.is_tried(turn.now_s) and connector.confirmed_w == granted_w:
        connector.safe_state, connector.refused_w = None, None
        turn.alarm("limit_not_taken", cleared=True, connector_id=connector.connector_id)


def begin_anew(point: ChargePoint, now_s: float) -> None:
    """The charger is connected again: what it holds is unknown, and whether it obeys is tried at once."""
    point.ratings.clear()
    for connector in point.connectors.values():
        if connector.safe_state is not None:
            connector.safe_state = replace(connector.safe_state, holds_w=None, lowered=False, tries=0, try_at_s=now_s)


def claimed_w(point: ChargePoint, connector: Connector) -> int:
    """What a connector may draw of the station's power although it is told not to; 0 when it obeys.

    What its register was last seen to hold; where nobody read it, all that its connector may ever have.
    """
    safe_state = connector.safe_state
    if safe_state is None:
        return 0
    if safe_state.holds_w is not None:
        return safe_state.holds_w
    held_w = None if connector.registers is None else connector.registers.power_limit_w
    return point.settings.connector_cap_w if held_w is None else held_w


def status(safe_state: SafeState) -> ReportedStatus:
    """How a connector in safe state is told (S-13)."""
    if safe_state.reads_w is None:
        info = f"{safe_state.written_w} W not taken: {safe_state.reason}"
    else:
        info = f"{safe_state.written_w} W written, register reads {safe_state.reads_w} W"
    return ReportedStatus(ChargePointStatus.FAULTED, ChargePointErrorCode.INTERNAL_ERROR, "LimitNotTaken", info)
