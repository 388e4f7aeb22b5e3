"""LocalAuthListManagement: SendLocalList, GetLocalListVersion. Source: OCPP 1.6 §5.10, §5.15; conformance R-61 on."""

from __future__ import annotations

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.id_tags import UpdateStatus, shown_version, updated_list
from ocpp_gateway.charger.records import CachedTagForgotten
from ocpp_gateway.charger.requests.answering import Handler, answer
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn


def _send_local_list(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    status, updated = updated_list(point.local_list, call.payload)
    if status is UpdateStatus.ACCEPTED:
        point.local_list = updated
        turn.persist(updated)  # whole, and before the answer
        for id_tag in updated.entries:  # what the list holds, the cache does not
            if point.cache.forget(id_tag):
                turn.persist(CachedTagForgotten(id_tag))
    answer(turn, call, status.value)


def _get_local_list_version(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    turn.reply(call.call_id, {"listVersion": shown_version(point.local_list)})


ACTIONS: dict[str, Handler] = {
    "GetLocalListVersion": _get_local_list_version,
    "SendLocalList": _send_local_list,
}
