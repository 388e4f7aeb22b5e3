"""FirmwareManagement in its honest part: GetDiagnostics. UpdateFirmware is not here, so it is answered NotSupported.

Source: OCPP 1.6 §5.9; conformance R-45 to R-50.
"""

from __future__ import annotations

from ocpp_gateway.charger.events import CallReceived, StartTransfer
from ocpp_gateway.charger.requests.answering import Handler
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn

DEFAULT_RETRIES, DEFAULT_RETRY_INTERVAL_S = 0, 60
MOST_RETRIES = 10


def _get_diagnostics(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """The redacted support bundle is uploaded; without a fileName there is nothing that could be (R-45)."""
    location = call.payload["location"]
    scheme = location.partition("://")[0].lower()
    if scheme not in point.settings.upload_schemes or point.diagnostics_status is not None:
        turn.reply(call.call_id, {})
        return
    utc = turn.now.utc
    stamp = f"{turn.now_s:.0f}" if utc is None else f"{utc:%Y%m%dT%H%M%S}"
    file_name = f"ocpp-gateway-diagnostics-{stamp}.zip"
    turn.reply(call.call_id, {"fileName": file_name})
    point.diagnostics_status = "Uploading"
    turn.start_upload(
        StartTransfer(
            location=location,
            file_name=file_name,
            retries=max(0, min(call.payload.get("retries", DEFAULT_RETRIES), MOST_RETRIES)),
            retry_interval_s=max(0, call.payload.get("retryInterval", DEFAULT_RETRY_INTERVAL_S)),
            start_time=call.payload.get("startTime"),
            stop_time=call.payload.get("stopTime"),
        )
    )


ACTIONS: dict[str, Handler] = {"GetDiagnostics": _get_diagnostics}
