"""Values that stand still while a car charges: not told, not counted on, and the operator knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench

DRAWS: dict[str, Any] = {"power_w": 11_000.0, "current_a": (16.0, 16.0, 16.0), "voltage_v": (230.0, 231.0, 229.0)}


def a_car_that_draws(**configuration: str) -> Bench:
    bench = Bench(SETTINGS, **{"MeterValueSampleInterval": "10"} | configuration).linked().online().charging()
    bench.deliver()
    bench.unseen(**DRAWS)
    return bench


def goes_on(bench: Bench, times: int, **each: Any) -> None:
    """It charges and is seen to, a poll a second; so much changes at each."""
    for _ in range(times):
        bench.charge()
        bench.unseen(**each)


def told_of(bench: Bench, connector_id: int) -> list[dict[str, Any]]:
    return [values for values in bench.queued("MeterValues") if values["connectorId"] == connector_id]


def test_fault_m_15_values_that_stand_still_for_a_minute_are_told_to_the_operator_once() -> None:
    bench = a_car_that_draws()
    goes_on(bench, 5)
    bench.poll(59)
    assert "values_frozen" not in bench.alarms()
    bench.poll(300)
    assert bench.alarms() == ["values_frozen"]
    goes_on(bench, 2)
    assert bench.alarms() == ["values_frozen", "values_frozen_cleared"]


def test_fault_m_15_no_meter_values_are_made_of_frozen_ones() -> None:
    bench = a_car_that_draws(ClockAlignedDataInterval="60", StopTxnSampledData="Power.Active.Import")
    goes_on(bench, 5)
    bench.poll(60)
    told, kept = len(told_of(bench, 1)), len(bench.connector().samples)
    assert told
    bench.poll(600)
    assert (len(told_of(bench, 1)), len(bench.connector().samples)) == (told, kept)
    assert len(told_of(bench, 2)) >= 10
    goes_on(bench, 11)
    assert len(told_of(bench, 1)) > told


def test_fault_m_15_a_stop_tells_no_frozen_power() -> None:
    bench = a_car_that_draws(StopTxnSampledData="Power.Active.Import,Energy.Active.Import.Register")
    goes_on(bench, 1)
    bench.poll(70)
    bench.ask("RemoteStopTransaction", transactionId=7)
    (stop,) = bench.stops()
    assert [value["measurand"] for value in stop["transactionData"][-1]["sampledValue"]] == [
        "Energy.Active.Import.Register"
    ]


def test_fault_m_15_the_time_of_the_last_sample_stays() -> None:
    """A stop after a power loss bears it."""
    bench = a_car_that_draws()
    goes_on(bench, 10)
    bench.poll(60)
    seen_at = bench.shelf.stored.open_transactions[0].last_sample_at
    bench.poll(120)
    assert bench.shelf.stored.open_transactions[0].last_sample_at == seen_at


def test_fault_m_15_a_car_with_frozen_values_counts_as_one_that_draws_all_it_may() -> None:
    """What it seemed to leave had gone to the other one; it is taken back."""
    bench = Bench(replace(SETTINGS, max_power_w=22_000))
    bench.obeys = True
    bench.linked().online().charging(1).charging(2)
    bench.unseen(1, power_w=4_140.0, current_a=(6.0, 6.0, 6.0)).unseen(2, **DRAWS)
    for _ in range(58):
        bench.unseen(2, charging_s=(bench.registers[2].charging_s or 0) + 1).poll(1)
    assert (bench.commanded_w(1) or 0) < 11_000 < (bench.commanded_w(2) or 0)
    for _ in range(60):
        bench.unseen(2, charging_s=(bench.registers[2].charging_s or 0) + 1).poll(1)
    assert (bench.commanded_w(1), bench.commanded_w(2)) == (11_000, 11_000)
    assert bench.connector(1).frozen
    assert not bench.connector(2).frozen


@pytest.mark.parametrize("status", [Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.PREPARING])
def test_fault_m_15_only_while_a_car_charges_must_values_move(status: Status) -> None:
    bench = a_car_that_draws()
    bench.see(status=status)
    bench.poll(600)
    assert bench.alarms() == []


def test_fault_m_15_a_car_that_draws_nothing_moves_nothing() -> None:
    bench = a_car_that_draws()
    bench.unseen(power_w=0.0, current_a=(0.2, 0.0, 0.0))
    bench.poll(600)
    assert bench.alarms() == []


def test_fault_m_15_seconds_that_are_not_counted_do_not_stand_still() -> None:
    bench = a_car_that_draws()
    bench.unseen(charging_s=None)
    bench.poll(600)
    assert bench.alarms() == []


def test_fault_m_15_a_charger_that_counts_by_the_minute_is_not_frozen_while_its_meter_moves() -> None:
    bench = a_car_that_draws()
    for second in range(600):
        bench.unseen(charging_s=second // 90 * 90, voltage_v=(230.0 + second // 30 % 2, 231.0, 229.0)).poll(1)
    assert bench.alarms() == []


def test_fault_m_15_a_charger_that_is_polled_by_the_minute_may_show_the_same_twice() -> None:
    bench = a_car_that_draws()
    for number in range(20):
        bench.unseen(charging_s=number // 2 * 60).poll(1, seconds=65)
    assert bench.alarms() == []
