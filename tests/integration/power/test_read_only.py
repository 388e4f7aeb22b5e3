"""A gateway that was told to write nothing, over real sockets: whatever happens, the charger sees not one write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integration.site import IDENTITY, a_site
from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger

FALLBACK = {"power_w": 4200, "after_s": 60}


def profile(purpose: str, limit_w: int) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
        },
    }


def meetings(charger: SimulatedCharger) -> int:
    """How often the serial number was asked for: once a connection."""
    return sum(request.address == 32 for request in charger.requests)


async def test_fault_c_14_read_only_writes_nothing_whatever_asks_for_it(tmp_path: Path) -> None:
    async with a_site(tmp_path, fallback=FALLBACK) as site, site.gateway(read_only=True) as gateway:
        charger, central = site.charger, site.central
        await site.until(lambda: site.statuses(2))
        for connector_id, purpose in ((0, "ChargePointMaxProfile"), (0, "TxDefaultProfile"), (1, "TxDefaultProfile")):
            asked_for = {"connectorId": connector_id, "csChargingProfiles": profile(purpose, 6000)}
            answer = await central.call(IDENTITY, "SetChargingProfile", asked_for)
            assert answer == {"status": "Rejected"}
        charger.plug(1, "04A1B2C3")
        await site.until(lambda: site.told("StartTransaction"))
        asked: list[tuple[str, dict[str, Any]]] = [
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile("TxProfile", 0)}),
            ("RemoteStartTransaction", {"connectorId": 2, "idTag": "04A1B2C3"}),
            ("RemoteStopTransaction", {"transactionId": central.transactions[-1].transaction_id}),
            ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
            ("UnlockConnector", {"connectorId": 1}),
            ("ClearChargingProfile", {}),
        ]
        for action, payload in asked:
            await central.call(IDENTITY, action, payload)
        runtime = gateway._places[IDENTITY].runtime
        await runtime.deliver(LimitSet("operator", 0, 0, None, None))  # S-15
        for address, word in ((0, 500), (3, 500), (5, 0), (256, 300), (272, 0)):  # M-19: another master
            charger.write(address, word)
        others = len(charger.writes)
        asked_before = len(charger.requests)
        await site.until(lambda: len(charger.requests) > asked_before + 60)
        met = meetings(charger)
        await site.simulator.drop_connections()  # M-21: and everything anew
        await site.until(lambda: meetings(charger) > met)
        again = len(charger.requests)
        await site.until(lambda: len(charger.requests) > again + 30)
        assert len(charger.writes) == others
        assert charger.read(Table.HOLDING, 256, 1) == (300,)
