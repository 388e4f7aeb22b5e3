"""The current guard of a connector: watches its phase currents, lowers what is written, and tells the operator.

Source: decisions.md, Power; conformance P-45.
"""

from __future__ import annotations

from ocpp_gateway.charger.register_watch import may_act_on_another
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.smart_charging.guard import NOT_GUARDED, limit_a, looked


def watch_currents(point: ChargePoint, turn: Turn) -> None:
    """Look at the currents of a snapshot. What a guard holds back ends with its transaction.

    A car that draws what another master allowed it is not to blame: his value is overwritten, and no more is needed.
    """
    register = point.settings.power_register
    for connector in point.connectors.values():
        before, part, registers = connector.guard, point.sharing.parts.get(connector.connector_id), connector.registers
        if connector.transaction is None or part is None or registers is None:
            connector.guard = NOT_GUARDED
        elif may_act_on_another(point, connector.connector_id, turn.now_s):
            connector.guard = before.at_ease()
        else:
            connector.guard = looked(before, part.granted_w, registers.current_a, turn.now_s, register)
        if connector.guard.acts and not before.acts and part is not None and registers is not None:
            turn.alarm(
                "current_above_limit",
                connector_id=connector.connector_id,
                current_a=max(current for current in registers.current_a if current is not None),
                limit_a=round(limit_a(part.granted_w, register), 1),
                power_w=connector.guard.written_w(part.granted_w, register.step_w),
            )
        elif before.acts and not connector.guard.acts:
            turn.alarm("current_above_limit", cleared=True, connector_id=connector.connector_id)
