"""Area R, 8b: transactions that the central system stops, and those that it only pauses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, after_the_answer, profile, remote_stop
from conformance.stories import (
    ALICE,
    FULL_W,
    a_station,
    ask,
    charging,
    limit_w,
    pause,
    statuses,
    told,
)
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.simulator.options import ChargerOptions

pytestmark = pytest.mark.looptime


@pytest.mark.conformance("X-11")
async def test_r_22_a_remote_stop_ends_the_transaction_with_its_reason(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        assert await remote_stop(world, transaction_id) == ACCEPTED
        await world.seconds(20)
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"], "idTag" in stop) == (transaction_id, "Remote", False)
        assert after_the_answer(world, "RemoteStopTransaction")[0] in {
            "StopTransaction",
            "StatusNotification Finishing",
        }
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "Finishing"
        taken_wh = world.charger.connector(1).session_energy_wh
        await world.seconds(600)
        assert world.charger.connector(1).session_energy_wh == taken_wh
        assert statuses(world)[-1] == "Finishing"
        world.unplug(1)
        await world.seconds(20)
        assert statuses(world)[-1] == "Available"


@pytest.mark.conformance("W-17")
async def test_r_23_an_unknown_transaction_cannot_be_stopped(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        for unknown in (0, -1, transaction_id + 1):
            assert await remote_stop(world, unknown) == REJECTED
        assert await remote_stop(world, transaction_id) == ACCEPTED
        assert await remote_stop(world, transaction_id) == REJECTED  # it is over
        await world.seconds(20)
        assert len(told(world, "StopTransaction")) == 1


@pytest.mark.conformance("X-34")
async def test_w_20_transaction_0_is_a_transaction(tmp_path: Path) -> None:
    policy = Policy(next_transaction_id=lambda: 0)
    async with a_station(tmp_path, policy=policy) as world:
        assert await charging(world) == 0
        await world.seconds(120)
        assert {values["transactionId"] for values in told(world, "MeterValues")} == {0}
        assert await remote_stop(world, 0) == ACCEPTED
        await world.seconds(20)
        assert [(stop["transactionId"], stop["reason"]) for stop in told(world, "StopTransaction")] == [(0, "Remote")]


async def test_r_24_a_charger_that_goes_on_delivering_is_reported_and_the_stop_stands(tmp_path: Path) -> None:
    async with a_station(tmp_path, options=ChargerOptions(limit_delay_s=300)) as world:
        world.charger.plug(1, ALICE)
        await world.seconds(400)
        transaction = world.central.transactions[0]
        assert statuses(world)[-1] == "Charging"
        assert await remote_stop(world, transaction.transaction_id or 0) == ACCEPTED
        await world.seconds(60)
        (stop,) = told(world, "StopTransaction")
        assert statuses(world)[-1] == "Faulted"
        (report,) = told(world, "StatusNotification", status="Faulted")
        assert (report["errorCode"], report["vendorErrorCode"]) == ("OtherError", "UnauthorizedCharging")
        await world.seconds(400)
        assert told(world, "StopTransaction") == [stop]
        assert len(told(world, "StartTransaction")) == 1
        assert statuses(world)[-1] == "Finishing"


async def test_w_10_a_car_that_pauses_or_is_paused_is_not_stopped(tmp_path: Path) -> None:
    """A limit of 0 pauses; lifted, what is in force then counts, not the limit from before."""
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)

        async def set_profile(limit_a: float) -> dict[str, Any]:
            tx = profile(limit_a, transactionId=transaction_id)
            return await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=tx)

        assert await set_profile(16) == ACCEPTED
        await world.seconds(10)
        assert limit_w(world) == 11_000
        assert await set_profile(0) == ACCEPTED
        await world.seconds(30)
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "SuspendedEVSE"
        pause(world, paused=True)
        await world.seconds(600)
        pause(world, paused=False)
        await world.seconds(30)
        assert statuses(world)[-1] == "SuspendedEVSE"
        assert await ask(world, "ClearChargingProfile", id=9) == ACCEPTED
        await world.seconds(30)
        assert limit_w(world) == FULL_W
        assert statuses(world)[-1] == "Charging"
        assert told(world, "StopTransaction") == []
