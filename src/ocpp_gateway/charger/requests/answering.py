"""What the answers to CALLs have in common."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn

Handler = Callable[[ChargePoint, CallReceived, Turn], None]

ACCEPTED, REJECTED = "Accepted", "Rejected"


def answer(turn: Turn, call: CallReceived, status: str) -> None:
    """A .conf that is nothing but a status."""
    turn.reply(call.call_id, {"status": status})
