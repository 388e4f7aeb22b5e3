"""Area M: the energy register that OCPP sees, made of a session register in 100 Wh steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.stories import ALICE, BOB, ENERGY, SECONDS, STATUS, a_station, charging, configure, register, told
from ocpp_gateway.simulator.options import ChargerOptions, EnergyReset
from scenario.world import World

pytestmark = pytest.mark.looptime

REGISTER = "Energy.Active.Import.Register"


def _energies(world: World) -> list[int]:
    """Every value of the energy register that was told, in order."""
    samples = [value for told_one in told(world, "MeterValues", connectorId=1) for value in told_one["meterValue"]]
    values = [s["value"] for value in samples for s in value["sampledValue"] if s["measurand"] == REGISTER]
    return [int(value) for value in values]


@pytest.mark.conformance("M-31", "M-35", "W-13")
@pytest.mark.parametrize("reset", list(EnergyReset))
async def test_m_30_m_34_whenever_the_charger_resets_each_session_has_its_energy(
    tmp_path: Path, reset: EnergyReset
) -> None:
    options = ChargerOptions(energy_reset=reset)
    async with a_station(tmp_path, options=options) as world:
        await configure(world, MeterValueSampleInterval=20)
        for card in (ALICE, BOB):
            await charging(world, card, wants_wh=1_000)
            await world.seconds(210)
            world.unplug(1)
            await world.seconds(30)
        first, second = world.central.transactions
        assert (first.energy_wh, second.energy_wh) == (1_000, 1_000)
        assert second.meter_start_wh == first.meter_stop_wh
        energies = _energies(world)
        assert energies == sorted(energies)


@pytest.mark.conformance("M-30", "W-13")
async def test_m_32_a_reset_in_a_session_is_a_new_segment_of_it(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=10)
        await charging(world)
        await world.seconds(300)
        before_wh = world.connector(1).meter.total_wh
        register(world, ENERGY, 0)
        register(world, SECONDS, 0)
        await world.seconds(30)
        register(world, ENERGY, 2)
        register(world, SECONDS, 33)
        await world.seconds(30)
        world.unplug(1)
        await world.seconds(20)
        (transaction,) = world.central.transactions
        assert transaction.meter_stop_wh == before_wh + 200
        energies = _energies(world)
        assert energies == sorted(energies)


@pytest.mark.conformance("W-13")
async def test_m_32_a_leap_and_a_single_zero_are_not_believed(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=5)
        await charging(world)
        await world.seconds(120)
        for odd in (5_000, 0):
            register(world, ENERGY, odd)
            await world.seconds(1)
            register(world, ENERGY, None)
            await world.seconds(30)
        world.unplug(1)
        await world.seconds(20)
        register_wh = int(world.charger.connector(1).session_energy_wh) // 100 * 100
        assert world.central.transactions[0].energy_wh == register_wh
        assert max(_energies(world)) <= register_wh


async def test_m_33_the_first_reading_ever_is_nobodys_energy(tmp_path: Path) -> None:
    options = ChargerOptions(energy_reset=EnergyReset.NEVER)
    async with a_station(tmp_path, options=options, mode="charger", started=False) as world:
        world.charger.connector(1).session_energy_wh = 7_700.0
        world.start()
        await world.seconds(30)
        await charging(world, wants_wh=1_000)
        await world.seconds(300)
        world.unplug(1)
        await world.seconds(20)
        (transaction,) = world.central.transactions
        assert (transaction.meter_start_wh, transaction.energy_wh) == (0, 1_000)


async def test_m_33_the_same_session_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await world.seconds(100)
        for _ in range(2):
            await world.kill()
            await world.seconds(200)
            world.start()
            await world.seconds(30)
        world.unplug(1)
        await world.seconds(20)
        (transaction,) = world.central.transactions
        register_wh = int(world.charger.connector(1).session_energy_wh) // 100 * 100
        assert transaction.energy_wh == register_wh > 3_000


async def test_m_36_energy_is_what_the_register_said_and_nothing_between(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=3)
        await charging(world)
        await world.seconds(90)
        energies = _energies(world)
        assert len(energies) >= 30
        assert {energy % 100 for energy in energies} == {0}
        assert len(set(energies)) < len(energies) / 4  # 100 Wh take 16 s


async def test_m_39_a_register_that_wraps_goes_on_from_zero(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        register(world, ENERGY, 65_534)
        await charging(world)
        start_wh = told(world, "StartTransaction")[0]["meterStart"]
        for word in (65_535, 0, 1):
            register(world, ENERGY, word)
            await world.seconds(30)
        register(world, STATUS, 0)
        await world.seconds(20)
        (stop,) = told(world, "StopTransaction")
        assert stop["meterStop"] - start_wh == 200
