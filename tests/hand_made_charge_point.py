"""A charge point made by hand: it says exactly what a test writes, right or wrong."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from ocpp_gateway.central.frames import Connection

IDENTITY = "SITE-1"
BOOT = {"chargePointVendor": "Compleo", "chargePointModel": "DUO"}


class HandMadeChargePoint:
    """The charge point's end of a connection; its message ids count up from 1."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._ids = count(1)

    async def send(self, *parts: object) -> None:
        """One frame of these parts."""
        await self.connection.send(json.dumps(parts))

    async def receive(self) -> list[Any]:
        """The parts of the next frame."""
        parts = json.loads(await self.connection.recv())
        assert isinstance(parts, list)
        return parts

    async def call(self, action: str, payload: object, message_id: str | None = None) -> Any:
        """The payload of the CALLRESULT, or the code of the CALLERROR."""
        message_id = message_id or str(next(self._ids))
        await self.send(2, message_id, action, payload)
        kind, answered_id, answer, *_ = await self.receive()
        assert answered_id == message_id
        assert kind in (3, 4)
        return answer

    async def boot(self) -> Any:
        return await self.call("BootNotification", BOOT)


def start(connector_id: int = 1, **changes: Any) -> dict[str, Any]:
    """A StartTransaction.req."""
    usual = {"connectorId": connector_id, "idTag": "04A1", "meterStart": 1000, "timestamp": "2026-05-04T18:05:00Z"}
    return usual | changes


def stop(transaction_id: int = 1, **changes: Any) -> dict[str, Any]:
    """A StopTransaction.req."""
    usual = {"transactionId": transaction_id, "meterStop": 6000, "timestamp": "2026-05-04T19:05:00Z"}
    return usual | changes


def status(connector_id: int, name: str, error_code: str = "NoError", **changes: Any) -> dict[str, Any]:
    """A StatusNotification.req."""
    return {"connectorId": connector_id, "status": name, "errorCode": error_code} | changes


def meter_values(connector_id: int = 1, transaction_id: int | None = 1, **sample: Any) -> dict[str, Any]:
    """A MeterValues.req with one sample; `at` is its minute after 18:00."""
    timestamp = f"2026-05-04T18:{sample.pop('at', 10):02d}:00Z"
    payload = {
        "connectorId": connector_id,
        "meterValue": [{"timestamp": timestamp, "sampledValue": [{"value": "2000"} | sample]}],
    }
    return payload if transaction_id is None else payload | {"transactionId": transaction_id}
