"""MeterValues: what is sampled, when, and in which words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocpp_gateway.charger.measurands import SUPPORTED_MEASURANDS, Reading, format_number, sampled_values
from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import NINE, Bench, seconds_after

CONNECTOR = ConnectorSnapshot(1, power_w=11_040.0, current_a=(16.0, 15.9, 0.0), voltage_v=(230.1, 229.0, 231.25))
READING = Reading(CONNECTOR, meter_wh=12_300, offered_w=11_000)
ALL = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Power.Offered"


def test_m_15_every_measurand_has_its_unit_place_and_phase() -> None:
    def row(value: dict[str, str]) -> tuple[str | None, ...]:
        return tuple(value.get(name) for name in ("measurand", "phase", "value", "unit", "location", "context"))

    assert [row(v) for v in sampled_values(ALL, READING, "Sample.Periodic")] == [
        ("Energy.Active.Import.Register", None, "12300", "Wh", "Outlet", "Sample.Periodic"),
        ("Power.Active.Import", None, "11040", "W", "Outlet", "Sample.Periodic"),
        ("Current.Import", "L1", "16", "A", "Outlet", "Sample.Periodic"),
        ("Current.Import", "L2", "15.9", "A", "Outlet", "Sample.Periodic"),
        ("Current.Import", "L3", "0", "A", "Outlet", "Sample.Periodic"),
        ("Voltage", "L1-N", "230.1", "V", "Outlet", "Sample.Periodic"),
        ("Voltage", "L2-N", "229", "V", "Outlet", "Sample.Periodic"),
        ("Voltage", "L3-N", "231.25", "V", "Outlet", "Sample.Periodic"),
        ("Power.Offered", None, "11000", "W", "Outlet", "Sample.Periodic"),
    ]


@pytest.mark.parametrize(
    ("configured", "phases"),
    [
        ("Voltage.L2", ["L2-N"]),
        ("Current.Import.L3,Current.Import.L1", ["L3", "L1"]),
        ("Current.Import", ["L1", "L2", "L3"]),
    ],
)
def test_m_10_a_phase_may_be_named(configured: str, phases: list[str]) -> None:
    assert [value["phase"] for value in sampled_values(configured, READING, "Trigger")] == phases


def test_m_12_an_empty_list_means_the_energy_register() -> None:
    (value,) = sampled_values("", READING, "Sample.Clock")
    assert (value["measurand"], value["context"]) == ("Energy.Active.Import.Register", "Sample.Clock")


def test_m_25_what_nobody_read_is_left_out() -> None:
    nothing = Reading(ConnectorSnapshot(1), meter_wh=0, offered_w=None)
    assert sampled_values("Power.Active.Import,Current.Import,Voltage,Power.Offered", nothing, "Trigger") == []
    one_phase = Reading(ConnectorSnapshot(1, current_a=(None, 6.0, None)), meter_wh=0, offered_w=None)
    assert [v["phase"] for v in sampled_values("Current.Import", one_phase, "Trigger")] == ["L2"]


@pytest.mark.parametrize("measurand", sorted(SUPPORTED_MEASURANDS))
def test_m_09_every_supported_measurand_can_be_sampled(measurand: str) -> None:
    assert sampled_values(measurand, READING, "Sample.Periodic")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0, "0"), (-0.0, "0"), (100, "100"), (100.0, "100"), (0.1, "0.1"), (1e6, "1000000"), (1e-7, "0"),
     (-1e-7, "0"), (-1.5, "-1.5"), (230.12345, "230.123"), (65_535 * 100, "6553500")],
)  # fmt: skip
def test_m_06_a_number_has_a_point_no_exponent_and_no_needless_zero(value: float, text: str) -> None:
    assert format_number(value) == text
    assert re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", text)


# ---------------------------------------------------------------- when


def charging(**configuration: str) -> Bench:
    return Bench(**configuration).linked().online().charging()


def stamps(bench: Bench, context: str) -> list[float]:
    return [
        seconds_after(value["timestamp"])
        for payload in bench.queued("MeterValues")
        for value in payload["meterValue"]
        if value["sampledValue"][0]["context"] == context
    ]


def test_m_01_a_sample_every_interval_since_the_start() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.poll(200)
    assert stamps(bench, "Sample.Periodic") == [19 + 60, 19 + 120, 19 + 180]


def test_m_01_slow_polls_do_not_shift_the_samples_after_them() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.poll(24, seconds=7)
    assert stamps(bench, "Sample.Periodic") == [19 + 63, 19 + 126]


def test_m_01_an_interval_of_0_samples_nothing() -> None:
    bench = charging(MeterValueSampleInterval="0")
    bench.poll(300)
    assert bench.queued("MeterValues") == []


def test_m_01_no_sample_without_a_transaction() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.leave()
    bench.poll(300)
    assert bench.queued("MeterValues") == []


def test_m_21_samples_keep_coming_while_the_car_pauses() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.see(status=Status.SUSPENDED_EV)
    bench.poll(130)
    assert len(stamps(bench, "Sample.Periodic")) == 2


def test_m_24_samples_are_queued_while_the_central_system_is_away() -> None:
    bench = charging(MeterValueSampleInterval="60").offline()
    bench.poll(130)
    assert len(stamps(bench, "Sample.Periodic")) == 2


def test_m_23_no_sample_of_a_silent_charger() -> None:
    bench = charging(MeterValueSampleInterval="60", ClockAlignedDataInterval="60").cut()
    bench.wait(600)
    assert len(stamps(bench, "Sample.Periodic")) == 0
    assert stamps(bench, "Sample.Clock") == [60, 60]  # one a connector, read 41 s before; nothing later


def test_m_03_a_sample_belongs_to_the_transaction_of_its_moment() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.poll(61)
    rows = [row for row in bench.shelf.outbox if row.action == "MeterValues"]
    transaction = bench.connector().transaction
    assert transaction is not None
    assert [row.local_id for row in rows] == [transaction.local_id]


def test_m_04_all_values_of_a_sample_have_one_stamp() -> None:
    bench = charging(MeterValueSampleInterval="60")
    bench.unseen(power_w=11_000.0, current_a=(16.0, 16.0, 16.0))
    bench.poll(61)
    (sample,) = bench.queued("MeterValues")
    assert sample["connectorId"] == 1
    assert len(sample["meterValue"]) == 1
    assert len(sample["meterValue"][0]["sampledValue"]) == 6


# ---------------------------------------------------------------- clock-aligned


def test_m_02_aligned_values_come_at_multiples_since_midnight_with_and_without_a_transaction() -> None:
    bench = Bench(ClockAlignedDataInterval="900", MeterValueSampleInterval="0").linked().online()
    bench.poll(61, seconds=60)
    of_one = [p for p in bench.queued("MeterValues") if p["connectorId"] == 1]
    assert [seconds_after(p["meterValue"][0]["timestamp"]) for p in of_one] == [900, 1800, 2700, 3600]
    assert {p["connectorId"] for p in bench.queued("MeterValues")} >= {1, 2}


def test_m_02_an_interval_that_does_not_divide_the_day_starts_anew_at_midnight() -> None:
    bench = Bench(ClockAlignedDataInterval="50000").linked()
    bench.now = replace(bench.now, utc=datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC))
    bench.online()
    bench.poll(20)
    assert bench.queued("MeterValues")[0]["meterValue"][0]["timestamp"] == "2026-11-23T00:00:00.000Z"


def test_m_08_no_aligned_values_without_a_clock() -> None:
    bench = Bench(ClockAlignedDataInterval="60").forget_the_time().linked().online()
    bench.poll(600)
    assert bench.queued("MeterValues") == []
    bench.learn_the_time(NINE)
    bench.online(booted=False)
    bench.poll(61)
    assert stamps(bench, "Sample.Clock") != []


def test_m_02_a_changed_interval_holds_at_once() -> None:
    bench = Bench(ClockAlignedDataInterval="0").linked().online()
    bench.ask("ChangeConfiguration", key="ClockAlignedDataInterval", value="60")
    bench.poll(50)
    assert set(stamps(bench, "Sample.Clock")) == {60}


def test_m_07_clocks_that_differ_by_a_millisecond_make_no_second_value() -> None:
    bench = Bench(ClockAlignedDataInterval="60").linked().online()
    assert bench.now.utc is not None
    bench.now = replace(bench.now, utc=bench.now.utc - timedelta(milliseconds=1))  # stamps lag behind the timers
    bench.poll(300)
    told = [p["meterValue"][0]["timestamp"] for p in bench.queued("MeterValues") if p["connectorId"] == 1]
    assert [seconds_after(stamp) for stamp in told] == [60, 120, 180, 240, 300]
