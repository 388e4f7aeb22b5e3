"""The CALLs of the central system: each answered by one function, the effects come after the answer.

One module per feature profile. What the charger's registers cannot do is refused in the specification's words.
Source: OCPP 1.6 §5; conformance sections 7 and 8.
"""

from __future__ import annotations

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.requests import (
    core_profile,
    firmware_management,
    local_auth_list,
    remote_trigger,
    reservation,
    smart_charging,
)
from ocpp_gateway.charger.requests.answering import Handler
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn

ACTIONS: dict[str, Handler] = {
    **core_profile.ACTIONS,
    **firmware_management.ACTIONS,
    **local_auth_list.ACTIONS,
    **remote_trigger.ACTIONS,
    **reservation.ACTIONS,
    **smart_charging.ACTIONS,
}
"""What this charge point understands; every other action of OCPP 1.6 is answered NotSupported."""


def handle(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """Answer a CALL whose payload passed its schema and whose action is one of ACTIONS."""
    ACTIONS[call.action](point, call, turn)
