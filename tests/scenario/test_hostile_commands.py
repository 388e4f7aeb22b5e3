"""Commands that pass their schema, and would break a gateway that calculates with them carelessly (O-18, O-20)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.central.frames import CallError
from ocpp_gateway.central.policy import Answer, Policy
from scenario.world import IDENTITY, World, a_world

PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]},
}


async def ask(world: World, action: str, **payload: Any) -> Any:
    """The answer of the gateway, or the code with which it refuses."""
    try:
        return await world.central.call(IDENTITY, action, payload)
    except CallError as refused:
        return refused.code


async def test_fault_o_18_numbers_beyond_32_bits_are_refused_before_anybody_calculates_with_them(
    tmp_path: Path,
) -> None:
    far = PROFILE["chargingSchedule"] | {
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 10**25, "limit": 6.0}]
    }
    async with a_world(tmp_path, authorization={"mode": "central_system"}) as world:
        await world.seconds(20)
        for action, payload in (
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE | {"chargingSchedule": far}}),
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE | {"chargingProfileId": 2**63}}),
            ("SendLocalList", {"listVersion": 2**63, "updateType": "Full", "localAuthorizationList": []}),
            (
                "ReserveNow",
                {"connectorId": 1, "expiryDate": "2027-01-01T00:00:00Z", "idTag": "A", "reservationId": 2**63},
            ),
            ("GetCompositeSchedule", {"connectorId": 1, "duration": 10**39}),
        ):
            assert await ask(world, action, **payload) == "PropertyConstraintViolation", action
        assert await ask(world, "RemoteStopTransaction", transactionId=2**70) == {"status": "Rejected"}
        assert await ask(world, "ClearCache") == {"status": "Accepted"}


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_fault_o_20_a_schedule_at_either_end_of_the_calendar_is_no_matter(tmp_path: Path, start: str) -> None:
    schedule = PROFILE["chargingSchedule"] | {"startSchedule": start, "duration": 2**31 - 1}
    recurring = {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly", "chargingSchedule": schedule}
    async with a_world(tmp_path) as world:
        await world.seconds(20)
        for changes in (recurring, {"chargingSchedule": schedule}, {"validFrom": start}, {"validTo": start}):
            answer = await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=PROFILE | changes)
            assert answer == {"status": "Accepted"}
            schedule_now = await ask(world, "GetCompositeSchedule", connectorId=1, duration=31_536_000)
            assert schedule_now["status"] == "Accepted"


async def test_fault_o_20_a_negative_number_of_retries_is_none(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(20)
        for number in (1, 2):
            await ask(world, "GetDiagnostics", location="ftp://files.example.com/", retries=-1, retryInterval=-5)
            await world.seconds(5)
            assert len(world.uploaded) == number


@pytest.mark.parametrize("expiry", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "soon", 7, None])
async def test_fault_o_11_an_expiry_date_of_no_use_does_not_count(tmp_path: Path, expiry: object) -> None:
    policy = Policy()
    policy.answer_next("Authorize", Answer(payload={"idTagInfo": {"status": "Accepted", "expiryDate": expiry}}))
    async with a_world(tmp_path, policy=policy, authorization={"mode": "central_system"}) as world:
        await world.seconds(20)
        world.plug_in(1, "A11CE0")
        await world.seconds(20)
        assert [transaction.id_tag for transaction in world.central.transactions] == ["A11CE0"]
