"""Two connectors at one station: what is written never exceeds its limit, and nothing rises before there is room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import Command, CommandConfirmed, CommandKind, CommandRefused, LinkUp
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, SETTINGS, Bench, mode
from unit.charger.test_limits import CENTRAL, commanded, limited

SMALL = replace(SETTINGS, max_power_w=22_000)


def confirm(bench: Bench, connector_id: int, power_w: int) -> list[tuple[int, int]]:
    return commanded(bench.give(CommandConfirmed(CommandKind.LIMIT, connector_id, power_w)))


def two_cars(settings: Any = SMALL) -> Bench:
    """Both charge with all that they are given; every register reads as commanded."""
    bench = Bench(settings)
    bench.obeys = True
    bench.linked().online().charging(1).charging(2)
    draw(bench, 1, 16.0)
    draw(bench, 2, 16.0)
    bench.poll(5)
    return bench


def draw(bench: Bench, connector_id: int, ampere: float) -> None:
    bench.unseen(connector_id, current_a=(ampere, ampere, ampere), status=Status.CHARGING)


def powers(bench: Bench) -> tuple[int | None, int | None]:
    return bench.commanded_w(1), bench.commanded_w(2)


def test_p_50_two_cars_have_equal_shares() -> None:
    assert powers(two_cars()) == (11_000, 11_000)


def test_p_51_a_car_that_leaves_leaves_its_share_after_10_s() -> None:
    bench = two_cars()
    bench.leave(2)
    bench.unseen(2, current_a=(0.0, 0.0, 0.0))
    bench.poll(4)
    assert powers(bench) == (11_000, 11_000)
    bench.poll(10)
    assert powers(bench) == (17_800, 4_200)


def test_p_50_a_raise_waits_until_the_other_register_reads_lower() -> None:
    bench = two_cars()
    bench.leave(2)
    bench.poll(15)
    bench.obeys = False
    effects = bench.see(2, status=Status.PREPARING)
    assert commanded(effects) == [(1, 11_000)]  # the one that came waits for the one that was there
    assert commanded(bench.poll(5)) == []
    assert confirm(bench, 1, 11_000) == [(2, 11_000)]


def test_p_50_a_raise_waits_while_the_decrease_is_refused() -> None:
    bench = two_cars()
    bench.leave(2)
    bench.poll(15)
    bench.obeys = False
    bench.see(2, status=Status.PREPARING)
    bench.give(CommandRefused(CommandKind.LIMIT, 1, 11_000, "exception 6", reads_w=17_800))
    assert (2, 11_000) not in commanded(bench.poll(8))
    assert bench.commanded_w(2) == 4_200


def test_p_50_an_older_value_that_reads_back_makes_no_room() -> None:
    bench = two_cars()
    bench.leave(2)
    bench.poll(15)
    bench.obeys = False
    bench.see(2, status=Status.PREPARING)
    assert confirm(bench, 1, 17_800) == []


def test_p_50_a_raise_under_way_counts_although_an_older_value_reads_back() -> None:
    bench = two_cars()
    bench.leave(2)
    bench.poll(15)
    bench.obeys = False
    bench.see(2, status=Status.PREPARING)
    confirm(bench, 1, 11_000)
    confirm(bench, 2, 4_200)  # as it was repeated after a write to the station
    assert bench.connector(2).at_most_w == 11_000


def test_p_50_what_the_registers_hold_after_a_connect_bounds_what_is_raised() -> None:
    bench = two_cars()
    bench.cut().wait(5)
    bench.obeys = False
    held = (replace(bench.registers[1], power_limit_w=4_200), replace(bench.registers[2], power_limit_w=17_800))
    effects = bench.give(LinkUp(DUO, found=ChargerSnapshot(bench.now, held)))
    assert commanded(effects) == [(2, 11_000), (0, 22_000)]
    assert confirm(bench, 2, 11_000) == [(1, 11_000)]


def test_p_50_nothing_is_written_before_it_is_known_what_the_other_register_holds() -> None:
    bench = two_cars()
    bench.cut().wait(5)
    assert commanded(bench.give(LinkUp(DUO)))[:1] == [(0, 22_000)]
    bench.poll()
    assert powers(bench) == (11_000, 11_000)


@pytest.mark.conformance("P-51")
def test_p_51_where_one_can_run_they_take_turns_of_15_minutes() -> None:
    bench = two_cars()
    limited(bench, 0, (0, 6_000), purpose="ChargePointMaxProfile")
    ran = [bench.commanded_w(1), bench.commanded_w(2)]
    assert sorted(ran, key=lambda power_w: power_w or 0) == [0, 6_000]
    first = 1 if ran[0] else 2
    draw(bench, first, 8.7)
    bench.unseen(3 - first, current_a=(0.0, 0.0, 0.0), status=Status.SUSPENDED_EVSE)
    bench.poll(85, seconds=10)
    assert bench.commanded_w(first) == 6_000
    bench.poll(5, seconds=10)
    assert (bench.commanded_w(first), bench.commanded_w(3 - first)) == (0, 6_000)
    assert bench.stops() == []


@pytest.mark.conformance("P-51")
def test_p_51_a_charge_point_max_that_wobbles_does_not_switch_a_car_on_and_off() -> None:
    bench, starts = two_cars(), 0
    for minute in range(14):
        limited(bench, 0, (0, 8_300 if minute % 2 else 8_500), purpose="ChargePointMaxProfile")
        for _ in range(6):
            before = powers(bench)
            for connector_id, power_w in enumerate(before, start=1):
                draw(bench, connector_id, (power_w or 0) / 690)
            bench.poll(1, seconds=10)
            starts += sum(not was and bool(is_now) for was, is_now in zip(before, powers(bench), strict=True))
    assert (starts, sum(bool(power_w) for power_w in powers(bench))) == (0, 1)


def test_p_51_a_min_charging_rate_counts_as_the_minimum() -> None:
    bench = two_cars(replace(SETTINGS, max_power_w=12_000))
    profile = {
        "chargingProfileId": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
            "minChargingRate": 10,
        },
    }
    assert bench.ask("SetChargingProfile", connectorId=2, csChargingProfiles=profile) == {"status": "Accepted"}
    assert powers(bench) == (5_100, 6_900)  # 10 A x 3 x 230 V


def test_p_51_a_min_charging_rate_above_the_station_s_limit_pauses_nobody() -> None:
    bench = Bench(SMALL)
    bench.obeys = True
    bench.linked().online().charging(1)
    profile = {
        "chargingProfileId": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
            "minChargingRate": 16,
        },
    }
    assert bench.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == {"status": "Accepted"}
    bench.poll(40)
    assert bench.commanded_w(1) == 11_000
    limited(bench, 0, (0, 10_000), purpose="ChargePointMaxProfile")
    bench.poll(40)
    assert powers(bench) == (10_000, 0)


def test_a_closed_gate_needs_no_share() -> None:
    bench = Bench(mode(CENTRAL, max_power_w=22_000))
    bench.obeys = True
    bench.linked().online().charging()
    assert powers(bench) == (22_000, 0)


def test_p_50_the_sum_that_registers_may_hold_never_exceeds_the_station() -> None:
    """The charger confirms late, one command at a time, and the newest for a connector counts."""
    bench = Bench(SMALL).linked().online()
    held, pending = {1: 0, 2: 0}, {}
    for connector_id in held:
        bench.give(CommandConfirmed(CommandKind.LIMIT, connector_id, bench.commanded_w(connector_id) or 0))
        held[connector_id] = bench.commanded_w(connector_id) or 0
    story = [(1, Status.PREPARING), (2, Status.PREPARING), (1, Status.AVAILABLE), (1, Status.PREPARING)] * 5
    for connector_id, status in story:
        ampere = 16.0 if status is Status.PREPARING else 0.0
        bench.unseen(connector_id, status=status, current_a=(ampere, ampere, ampere))
        for _ in range(23):
            for effect in bench.poll():
                if isinstance(effect, Command) and effect.connector_id in held:
                    pending[effect.connector_id] = effect.value
            if pending:
                written = min(pending)
                held[written] = pending.pop(written)
                assert sum(held.values()) <= 22_000
                for effect in bench.give(CommandConfirmed(CommandKind.LIMIT, written, held[written])):
                    if isinstance(effect, Command) and effect.connector_id in held:
                        pending[effect.connector_id] = effect.value
