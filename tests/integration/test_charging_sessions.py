"""Whole charging sessions over real Modbus TCP and a real websocket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from integration.site import a_site
from ocpp_gateway.instant import format_utc
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.ev import ElectricVehicle

CAR = ElectricVehicle(energy_wanted_wh=1_500, max_current_a=32)


@pytest.mark.conformance("A-05", "S-01", "X-15", "M-35")
async def test_a_session_from_plug_to_unplug_is_one_transaction(tmp_path: Path) -> None:
    async with a_site(tmp_path, authorization={"mode": "central_system"}) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        site.charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: "SuspendedEV" in site.statuses(1))
        register_wh = site.charger.read(Table.INPUT, 264, 1)[0] * 100
        await site.until(lambda: site.told("MeterValues", connectorId=1))
        site.charger.unplug(1)
        await site.until(lambda: site.told("StopTransaction") and site.statuses(1)[-1] == "Available")

        assert [frame.payload["idTag"] for frame in site.told("Authorize")] == ["04A1B2C3"]
        assert site.statuses(1) == ["Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
        (transaction,) = site.central.transactions
        assert transaction.reason == "EVDisconnected"
        assert transaction.meter_stop_wh is not None
        assert abs(transaction.meter_stop_wh - transaction.meter_start_wh - register_wh) <= 100
        assert site.central.violations == []


@pytest.mark.conformance("X-03")
async def test_m_31_a_second_session_goes_on_from_the_meter_of_the_first(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        for session in (1, 2):
            site.charger.plug(1, f"CARD-{session}", CAR)
            await site.until(lambda session=session: site.statuses(1).count("SuspendedEV") == session)  # type: ignore[misc]
            site.charger.unplug(1)
            await site.until(lambda session=session: len(site.told("StopTransaction")) == session)  # type: ignore[misc]
        first, second = site.central.transactions
        assert (first.id_tag, second.id_tag) == ("CARD-1", "CARD-2")
        assert first.meter_stop_wh is not None
        assert second.meter_start_wh >= first.meter_stop_wh
        assert second.meter_stop_wh is not None
        assert abs(second.meter_stop_wh - second.meter_start_wh - CAR.energy_wanted_wh) <= 100
        assert site.central.violations == []


async def test_both_connectors_charge_at_once(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        site.charger.plug(1, "LEFT-CARD", CAR)
        site.charger.plug(2, "RIGHT-CARD", CAR)
        await site.until(lambda: all("SuspendedEV" in site.statuses(connector) for connector in (1, 2)))
        for connector in (1, 2):
            site.charger.unplug(connector)
        await site.until(lambda: len(site.told("StopTransaction")) == 2)
        assert {(t.connector_id, t.id_tag, t.reason) for t in site.central.transactions} == {
            (1, "LEFT-CARD", "EVDisconnected"),
            (2, "RIGHT-CARD", "EVDisconnected"),
        }
        assert site.central.violations == []


async def test_only_mapped_addresses_are_read_and_none_refused_after_the_start(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        started = len(site.charger.requests)
        site.charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: "SuspendedEV" in site.statuses(1))
        site.charger.unplug(1)
        await site.until(lambda: site.told("StopTransaction"))
        later = list(site.charger.requests)[started:]
        assert later
        assert [request for request in later if request.exception_code is not None] == []


async def test_a_solo_s_left_registers_are_never_asked_for(tmp_path: Path) -> None:
    async with a_site(tmp_path, connectors=1) as site, site.gateway():
        await site.until(lambda: site.statuses(1) == ["Available"])
        site.charger.plug(1, "04A1B2C3", CAR)
        await site.until(lambda: "Charging" in site.statuses(1))
        left = range(272, 288), range(4112, 4123)
        assert site.statuses(2) == []
        for request in site.charger.requests:
            touched = range(request.address, request.address + request.count)
            assert not any(address in block for block in left for address in touched), request


async def test_swapped_connectors_are_read_and_limited_in_each_other_s_place(tmp_path: Path) -> None:
    async with a_site(tmp_path, swap_connectors=True, authorization={"mode": "central_system"}) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        site.charger.plug(2, "04A1B2C3", CAR)  # the left one, 272 and up
        await site.until(lambda: "Charging" in site.statuses(1))
        assert site.statuses(2) == ["Available"]
        assert [write.value for write in site.charger.writes if write.address == 272][-1] == 220
        assert {write.value for write in site.charger.writes if write.address == 256} == {0}


@pytest.mark.conformance("X-31")
async def test_the_api_shows_what_waits_while_the_central_system_is_away(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site, site.gateway() as gateway:

        async def outbox() -> dict[str, Any]:
            view = await gateway.charger("SITE-1")
            assert view is not None
            return dict(view["central_system"]["outbox"])

        await site.until(lambda: site.statuses(2) == ["Available"])
        nothing = {"messages": 0, "oldest_at": None, "oldest_age_s": None, "thinned": 0, "dead_letters": 0}
        assert await outbox() == nothing

        await site.central.go_offline()
        site.charger.plug(1, "04A1B2C3", CAR)
        async with asyncio.timeout(20):
            while (shown := await outbox())["messages"] < 2:  # noqa: ASYNC110 - nothing tells of a commit
                await asyncio.sleep(0.05)
        assert 0 <= shown["oldest_age_s"] <= 20

        site.central.go_online()
        await site.until(lambda: site.told("MeterValues", connectorId=1))
        (start,) = site.told("StartTransaction")
        assert start.payload["timestamp"] <= shown["oldest_at"] < format_utc(start.at)
        assert site.central.violations == []
