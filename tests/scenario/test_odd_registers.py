"""Register values that no charger should show: they never end the process or a transaction (faults M-15 to M-21)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import World, a_world

STATUS, ERROR, ENERGY, SECONDS, TAG = 268, 267, 264, 262, 4096
POWER, CURRENT_L1 = 258, 259


async def _charging(world: World) -> None:
    """A car charges at connector 1 since ten past midnight, three phases, 22 kW."""
    await world.until("00:10")
    world.plug_in(1, "04A1B2C3", wants_wh=60_000)
    await world.until("00:15")
    assert world.story(connector_id=1)[-1].endswith("Start 04A1B2C3 0 Wh")


def _told_after(world: World, at: str) -> list[str]:
    return [line for line in world.story(connector_id=1) if line >= at]


@pytest.mark.conformance("S-09")
async def test_fault_m_16_an_unknown_status_is_kept_out_a_while_then_reported_and_ends_nothing(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        world.charger.set_raw(Table.INPUT, STATUS, 99)
        await world.seconds(25)
        assert _told_after(world, "00:15") == []
        await world.seconds(10)
        world.charger.set_raw(Table.INPUT, STATUS, None)
        await world.seconds(10)
        assert [line[9:] for line in _told_after(world, "00:15")] == ["1 Faulted OtherError", "1 Charging"]
        faulted = next(f for f in world.central.calls("StatusNotification") if f.payload["status"] == "Faulted")
        assert faulted.payload["vendorErrorCode"] == "status 99"
        assert world.central.violations == []


@pytest.mark.conformance("M-30", "M-32", "W-13")
async def test_fault_m_17_the_meter_never_falls_and_a_reset_in_a_session_is_a_new_segment_of_it(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        meter_wh = world.connector(1).meter.total_wh
        assert meter_wh > 1_000
        world.charger.set_raw(Table.INPUT, ENERGY, 0)
        world.charger.set_raw(Table.INPUT, SECONDS, 0)
        await world.seconds(30)
        assert world.connector(1).meter.total_wh == meter_wh
        world.charger.set_raw(Table.INPUT, ENERGY, 3)
        world.charger.set_raw(Table.INPUT, SECONDS, 50)
        await world.seconds(30)
        assert world.connector(1).meter.total_wh == meter_wh + 300
        assert _told_after(world, "00:15:01") == []
        assert world.central.violations == []


@pytest.mark.conformance("M-32", "W-13")
async def test_fault_m_17_a_leap_of_500_kwh_is_not_believed(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        before_wh = world.connector(1).meter.total_wh
        world.charger.set_raw(Table.INPUT, ENERGY, 5_000)
        await world.seconds(1)
        world.charger.set_raw(Table.INPUT, ENERGY, None)
        await world.seconds(60)
        grown_wh = world.connector(1).meter.total_wh - before_wh
        assert 200 <= grown_wh <= 500  # 22 kW for a minute = 367 Wh
        assert world.central.violations == []


async def test_fault_m_18_power_and_current_that_cannot_be_are_told_to_nobody(tmp_path: Path) -> None:
    sampled = "Energy.Active.Import.Register,Power.Active.Import,Current.Import"
    configuration = {"MeterValueSampleInterval": "30", "MeterValuesSampledData": sampled}
    async with a_world(tmp_path, configuration=configuration) as world:
        await _charging(world)
        before = len(world.central.calls("MeterValues"))
        for word in (65_000, 65_535):  # negative to whoever takes them for that, and 6,553 A
            world.charger.set_raw(Table.INPUT, POWER, word)
            world.charger.set_raw(Table.INPUT, CURRENT_L1, word)
            await world.seconds(60)
        told = [
            value
            for frame in world.central.calls("MeterValues")[before:]
            for sample in frame.payload["meterValue"]
            for value in sample["sampledValue"]
        ]
        assert {value["measurand"] for value in told} == {"Energy.Active.Import.Register", "Current.Import"}
        assert {value.get("phase") for value in told if value["measurand"] == "Current.Import"} == {"L2", "L3"}
        assert [transaction.running for transaction in world.central.transactions] == [True]
        assert world.central.violations == []


@pytest.mark.conformance("A-02", "A-31")
async def test_fault_m_20_a_tag_with_bytes_that_no_id_tag_may_hold_is_billed_to_nobody(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.until("00:10")
        world.charger.set_raw(Table.INPUT, TAG, 0x41FF)
        world.charger.set_raw(Table.INPUT, TAG + 1, 0x0042)
        await world.seconds(10)
        world.plug_in(1, None, wants_wh=1_000)
        await world.until("00:15")
        assert world.central.calls("Authorize") == []
        assert [t.id_tag for t in world.central.transactions] == ["UNKNOWN"]


@pytest.mark.conformance("A-03")
async def test_a_card_left_in_the_register_by_the_last_customer_is_not_billed_again(tmp_path: Path) -> None:
    async with a_world(
        tmp_path, options=ChargerOptions(keeps_tag=True), poll_interval_s=5.0, idle_poll_interval_s=60.0
    ) as world:
        for hour, card in ((1, "04A1B2C3"), (3, None), (5, "04FFEEDD")):
            await world.until(f"{hour}:00")
            world.plug_in(1, card, wants_wh=1_000)
            await world.until(f"{hour + 1}:00")
            world.unplug(1)
        await world.until("07:00")
        assert [t.id_tag for t in world.central.transactions] == ["04A1B2C3", "UNKNOWN", "04FFEEDD"]
        assert world.central.violations == []


@pytest.mark.conformance("S-09", "W-31")
async def test_g_10_a_pulled_cable_in_a_session_ends_nothing_and_limits_are_written_on_return(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        world.link.cut = True
        await world.seconds(300)
        assert [line[9:] for line in _told_after(world, "00:15:01")] == ["1 Faulted OtherError"]
        written = len(world.charger.writes)
        world.link.cut = False
        await world.seconds(120)
        assert [line[9:] for line in _told_after(world, "00:15:01")] == ["1 Faulted OtherError", "1 Charging"]
        assert {write.address for write in list(world.charger.writes)[written:]} == {0, 256, 272}
        assert world.central.violations == []


async def test_fault_m_21_a_charger_that_restarts_in_a_session_resumes_it(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        world.charger.reboot()
        await world.seconds(120)
        world.unplug(1)
        await world.seconds(60)
        assert len(world.central.transactions) == len(world.central.calls("StopTransaction"))
        assert world.central.violations == []


async def test_an_old_firmware_without_status_register_is_served_by_its_status_word(tmp_path: Path) -> None:
    async with a_world(tmp_path, options=ChargerOptions(old_firmware=True)) as world:
        await world.until("00:10")
        world.plug_in(1, "04A1B2C3", wants_wh=1_000)
        await world.until("00:30")
        world.unplug(1)
        await world.seconds(60)
        (transaction,) = world.central.transactions
        assert (transaction.id_tag, transaction.energy_wh) == ("04A1B2C3", 1_000)
        assert not any("Faulted" in line for line in world.story())


async def test_fault_m_16_an_unknown_status_after_a_kill_ends_no_transaction(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _charging(world)
        world.charger.set_raw(Table.INPUT, STATUS, 99)
        await world.kill()
        world.start()
        await world.seconds(60)
        assert world.central.calls("StopTransaction") == []
        faulted = world.central.calls("StatusNotification")[-2].payload
        assert (faulted["connectorId"], faulted["vendorErrorCode"]) == (1, "status 99")
        world.charger.set_raw(Table.INPUT, STATUS, None)
        await world.seconds(60)
        assert world.connector(1).transaction is not None
        assert world.story(connector_id=1)[-1].endswith("1 Charging")


async def test_m_30_a_connector_that_goes_and_comes_keeps_its_meter_and_ends_its_transaction(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.until("00:10")
        world.plug_in(2, "04A1B2C3", wants_wh=60_000)
        await world.until("00:20")
        before_wh = world.connector(2).meter.total_wh
        assert before_wh > 2_000
        world.charger.set_raw(Table.INPUT, 8, 1)  # the charger comes back as a SOLO
        world.link.cut = True
        await world.seconds(5)
        world.link.cut = False
        await world.seconds(60)
        (stopped,) = world.central.transactions
        assert (stopped.reason, stopped.meter_stop_wh) == ("Other", before_wh)
        world.unplug(2)
        world.charger.set_raw(Table.INPUT, 8, None)
        world.link.cut = True
        await world.seconds(5)
        world.link.cut = False
        await world.seconds(60)
        assert world.connector(2).meter.total_wh >= before_wh


async def test_fault_m_19_what_another_master_raised_is_overwritten_and_what_it_lowered_too(tmp_path: Path) -> None:
    async with a_world(tmp_path, authorization={"mode": "central_system"}) as world:
        await world.until("00:05")
        world.plug_in(1, None)
        await world.seconds(30)
        world.charger.write(256, 220)
        await world.seconds(20)
        assert [write.value for write in world.charger.writes if write.address == 256][-2:] == [220, 0]
        world.charger.write(0, 100)
        await world.seconds(40)
        assert [write.value for write in world.charger.writes if write.address == 0][-1] == 440


async def test_one_bad_or_empty_read_of_a_standing_card_does_not_bill_its_owner_again(tmp_path: Path) -> None:
    options = ChargerOptions(keeps_tag=True)
    async with a_world(tmp_path, options=options, authorization={"mode": "central_system"}) as world:
        await world.until("00:05")
        world.plug_in(1, "OLDCARD", wants_wh=500)
        await world.until("00:20")
        world.unplug(1)
        await world.seconds(60)
        world.plug_in(1, None, wants_wh=500)
        await world.seconds(5)
        for word in (0xFFFF, 0x0000):
            for place in range(10):
                world.charger.set_raw(Table.INPUT, TAG + place, word)
            await world.seconds(1)
            for place in range(10):
                world.charger.set_raw(Table.INPUT, TAG + place, None)
            await world.seconds(30)
        assert len(world.central.calls("StartTransaction")) == 1


async def test_fault_m_22_a_charger_that_was_replaced_in_a_session_is_limited_at_once_and_told_by_its_own_name(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, max_power_w=20_000, connector_max_power_w=11_000) as world:
        await _charging(world)
        meter_wh = world.connector(1).meter.total_wh
        world.link.cut = True
        await world.seconds(20)
        other = world.replace_charger(ChargerOptions(serial_number="SIM0000002"))
        world.plug_in(1, "04FFEEDD", wants_wh=60_000)
        world.link.cut = False
        await world.seconds(60)
        limits = [(write.address, write.value) for write in other.writes if write.address in (0, 256, 272)]
        assert max(value for _, value in limits) <= 200
        assert {address for address, _ in limits} == {0, 256, 272}
        (stop,) = world.central.calls("StopTransaction")
        assert (stop.payload["reason"], stop.payload["meterStop"]) == ("Other", meter_wh)
        assert [boot.payload["chargePointSerialNumber"] for boot in world.central.calls("BootNotification")] == [
            "SIM0000001",
            "SIM0000002",
        ]
        assert world.central.violations == []
