"""Area M: what a meter value says, and which measurands may be asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.stories import a_station, ask, charging, configure, frames, pause, told
from scenario.world import World

pytestmark = pytest.mark.looptime

ENERGY, POWER, OFFERED = "Energy.Active.Import.Register", "Power.Active.Import", "Power.Offered"
EVERY = f"{ENERGY},{POWER},Current.Import,Voltage,{OFFERED}"
LISTS = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")


async def _sample(world: World, measurands: str) -> list[dict[str, str]]:
    """What one sample of a charging connector holds when the list is that."""
    await configure(world, MeterValuesSampledData=measurands, MeterValueSampleInterval=40)
    await charging(world)
    await world.seconds(20)
    samples: list[dict[str, str]] = told(world, "MeterValues", connectorId=1)[0]["meterValue"][0]["sampledValue"]
    return samples


async def _change(world: World, key: str, value: str) -> str:
    answer = await ask(world, "ChangeConfiguration", key=key, value=value)
    return str(answer["status"])


async def _value(world: World, key: str) -> str:
    (found,) = (await ask(world, "GetConfiguration", key=[key]))["configurationKey"]
    return str(found["value"])


@pytest.mark.conformance("M-05", "M-06", "M-13", "M-15", "M-16", "M-17", "W-15")
async def test_m_11_m_14_every_measurand_has_its_phases_units_and_place(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        samples = await _sample(world, EVERY)
        assert [(s["measurand"], s.get("phase"), s["unit"]) for s in samples] == [
            (ENERGY, None, "Wh"),
            (POWER, None, "W"),
            *[("Current.Import", phase, "A") for phase in ("L1", "L2", "L3")],
            *[("Voltage", phase, "V") for phase in ("L1-N", "L2-N", "L3-N")],
            (OFFERED, None, "W"),
        ]
        assert {(s["context"], s["location"], s.get("format", "Raw")) for s in samples} == {
            ("Sample.Periodic", "Outlet", "Raw")
        }
        assert all(re.fullmatch(r"\d+(\.\d+)?", s["value"]) for s in samples)
        values = {(s["measurand"], s.get("phase")): float(s["value"]) for s in samples}
        assert (values["Voltage", "L1-N"], values[OFFERED, None]) == (230, 22_000)


@pytest.mark.conformance("M-14")
async def test_m_10_a_phase_in_the_list_is_that_phase_only(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        samples = await _sample(world, f"Voltage.L1,Current.Import.L3,{ENERGY}")
        assert [(s["measurand"], s.get("phase")) for s in samples] == [
            ("Voltage", "L1-N"),
            ("Current.Import", "L3"),
            (ENERGY, None),
        ]


async def test_m_12_an_empty_list_means_the_default_measurand(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        samples = await _sample(world, "")
        assert [(s["measurand"], s["unit"]) for s in samples] == [(ENERGY, "Wh")]


async def test_m_04_the_values_of_a_sample_were_true_together(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValuesSampledData=f"{POWER},Current.Import,Voltage", MeterValueSampleInterval=7)
        await charging(world)
        for second in range(60):
            pause(world, paused=second % 3 == 0)
            await world.seconds(1)
        powers = set()
        for payload in told(world, "MeterValues"):
            (value,) = payload["meterValue"]
            numbers = [float(sample["value"]) for sample in value["sampledValue"]]
            power_w, current_a, voltage_v = numbers[0], numbers[1:4], numbers[4:7]
            assert abs(power_w - sum(a * v for a, v in zip(current_a, voltage_v, strict=True))) <= 150
            powers.add(power_w > 0)
        assert powers == {True, False}


@pytest.mark.parametrize("key", LISTS)
async def test_m_09_a_list_with_one_unknown_measurand_is_refused_as_a_whole(tmp_path: Path, key: str) -> None:
    async with a_station(tmp_path) as world:
        assert await _change(world, key, f"{ENERGY},{POWER}") == "Accepted"
        for bad in (
            "SoC",
            "Temperature",
            "Energy.Active.Import.Register.L1",
            "energy.active.import.register",
            "Voltage.N",
        ):
            assert await _change(world, key, f"{ENERGY},{bad}") == "Rejected"
        assert await _value(world, key) == f"{ENERGY},{POWER}"


@pytest.mark.conformance("M-13")
async def test_m_38_interval_measurands_and_what_no_register_gives_are_not_offered(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        asked = (
            "Energy.Active.Import.Interval",
            "Energy.Active.Export.Register",
            "Frequency",
            "Power.Factor",
            "Power.Reactive.Import",
            "SoC",
            "Temperature",
        )
        answers = {one: await _change(world, "MeterValuesSampledData", one) for one in asked}
        assert set(answers.values()) == {"Rejected"}
        offered = {one: await _change(world, "MeterValuesSampledData", one) for one in EVERY.split(",")}
        assert set(offered.values()) == {"Accepted"}


@pytest.mark.parametrize("key", LISTS)
async def test_m_26_a_list_longer_than_its_key_allows_is_refused(tmp_path: Path, key: str) -> None:
    async with a_station(tmp_path) as world:
        most = int(await _value(world, f"{key}MaxLength"))
        phases = [f"{measurand}.L{n}" for measurand in ("Current.Import", "Voltage") for n in (1, 2, 3)]
        whole = [*EVERY.split(","), *phases]
        assert len(whole) == most
        assert await _change(world, key, ",".join(whole)) == "Accepted"
        assert await _change(world, key, ",".join([*whole, ENERGY])) == "Rejected"
        assert await _value(world, key) == ",".join(whole)


async def test_m_37_nothing_suggests_a_meter_for_billing(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        (boot,) = frames(world, "BootNotification")
        assert {"meterType", "meterSerialNumber"} & boot.payload.keys() == set()
        await configure(world, MeterValueSampleInterval=30)
        await charging(world)
        await world.seconds(60)
        assert "SignedData" not in "".join(frame.text for frame in frames(world, "MeterValues"))
