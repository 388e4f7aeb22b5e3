"""How limits act in the simulated charger: mirrors, sharing, the pause under 6 A, and the fallback."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ModbusException, SimulatedCharger, share
from ocpp_gateway.simulator.ev import ElectricVehicle
from unit.simulator.chargers import CHARGING, SUSPENDED_EVSE, holding, new_charger, pass_time, status, word

STATION, RELATIVE, FALLBACK, RELATIVE_FALLBACK, INTERVAL, RIGHT, LEFT = 0, 1, 3, 4, 5, 256, 272


# ---------------------------------------------------------------- mirrors


@pytest.mark.parametrize(
    ("connectors", "written", "value", "mirror", "shown"),
    [
        pytest.param(2, STATION, 220, RELATIVE, 50, id="220 at 44 kW is 50 %"),
        pytest.param(1, STATION, 110, RELATIVE, 50, id="110 at 22 kW is 50 %"),
        pytest.param(2, RELATIVE, 25, STATION, 110, id="25 % of 44 kW"),
        pytest.param(2, FALLBACK, 42, RELATIVE_FALLBACK, 10, id="4.2 kW is 9.5 %, shown as 10"),
        pytest.param(2, RELATIVE_FALLBACK, 10, FALLBACK, 44, id="10 % of 44 kW"),
        pytest.param(2, STATION, 0, RELATIVE, 0, id="nothing"),
        pytest.param(2, STATION, 65_535, RELATIVE, 14_894, id="more than the rating"),
        pytest.param(2, RELATIVE, 65_535, STATION, 65_535, id="more than a word can hold"),
    ],
)
def test_writing_a_power_or_its_percentage_recomputes_the_other(
    connectors: int, written: int, value: int, mirror: int, shown: int
) -> None:
    charger = new_charger(connectors)

    charger.write(written, value)

    assert (holding(charger, written), holding(charger, mirror)) == (value, shown)


def test_a_connector_limit_has_no_mirror() -> None:
    charger = new_charger()
    before = charger.read(Table.HOLDING, 0, 6)

    charger.write(RIGHT, 100)

    assert charger.read(Table.HOLDING, 0, 6) == before
    assert holding(charger, LEFT) == 220


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("steps", "current", "expected"),
    [
        pytest.param(0, 0, SUSPENDED_EVSE, id="0 pauses"),
        pytest.param(41, 0, SUSPENDED_EVSE, id="4,100 W / 3 / 230 V = 5.94 A: under 6 A"),
        pytest.param(42, 60, CHARGING, id="4,200 W / 3 / 230 V = 6.08 A"),
        pytest.param(110, 159, CHARGING, id="11,000 W / 3 / 230 V = 15.94 A"),
        pytest.param(220, 318, CHARGING, id="22,000 W: 31.88 A"),
        pytest.param(300, 318, CHARGING, id="30,000 W: the rating of the connector holds"),
    ],
)
def test_a_limit_is_divided_by_three_and_pauses_under_6_a(steps: int, current: int, expected: int) -> None:
    charger = new_charger()
    charger.plug(1)

    charger.write(RIGHT, steps)

    assert (word(charger, 259), status(charger)) == (current, expected)


def test_a_car_on_one_phase_gets_a_third_of_the_limit() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(number_of_phases=1))

    charger.write(RIGHT, 72)  # 7,200 W / 3 / 230 V = 10.43 A; × 230 V = 2,400 W

    assert charger.read(Table.INPUT, 258, 4) == (24, 104, 0, 0)


def test_a_paused_car_goes_on_when_the_limit_returns() -> None:
    charger = new_charger()
    charger.plug(1, "TAG")
    charger.write(RIGHT, 0)
    pass_time(charger, 60)

    charger.write(RIGHT, 110)

    assert status(charger) == CHARGING
    assert word(charger, 4096) == 0x5441  # "TA": the session and its tag stay


@pytest.mark.parametrize(
    ("station", "right", "left", "currents"),
    [
        pytest.param(440, 220, 220, (318, 318), id="enough for both"),
        pytest.param(220, 220, 220, (159, 159), id="half each"),
        pytest.param(220, 60, 220, (86, 231), id="who may take less leaves the rest: 60 + 160"),
        pytest.param(220, 0, 220, (0, 318), id="a paused one leaves everything"),
        pytest.param(60, 220, 220, (0, 0), id="3,000 W each is under 6 A"),
        pytest.param(0, 220, 220, (0, 0), id="nothing for the station"),
    ],
)
def test_both_connectors_stay_within_the_station(
    station: int, right: int, left: int, currents: tuple[int, int]
) -> None:
    charger = new_charger()
    charger.plug(1)
    charger.plug(2)

    for address, steps in ((STATION, station), (RIGHT, right), (LEFT, left)):
        charger.write(address, steps)

    assert (word(charger, 259), word(charger, 275)) == currents
    assert word(charger, 9) <= station


def test_a_connector_without_a_car_takes_no_part_of_the_station() -> None:
    charger = new_charger()
    charger.write(STATION, 220)

    charger.plug(1)
    assert word(charger, 259) == 318

    charger.plug(2)
    assert (word(charger, 259), word(charger, 275)) == (159, 159)

    charger.unplug(2)
    assert word(charger, 259) == 318


def test_a_faulted_connector_leaves_its_part_to_the_other() -> None:
    charger = new_charger()
    charger.plug(1)
    charger.plug(2)
    charger.write(STATION, 220)

    charger.fault(1, 9)

    assert (word(charger, 259), word(charger, 275)) == (0, 318)


def test_the_installers_limit_holds_whatever_the_register_says() -> None:
    charger = new_charger(installer_limit_w=11_000)
    charger.plug(1)

    charger.write(STATION, 440)

    assert (word(charger, 258), holding(charger, STATION)) == (110, 440)


def test_a_slow_charger_shows_a_limit_at_once_and_obeys_it_later() -> None:
    charger = new_charger(limit_delay_s=30)
    pass_time(charger, 30)
    charger.plug(1)

    charger.write(RIGHT, 110)
    pass_time(charger, 29)
    assert (holding(charger, RIGHT), word(charger, 258)) == (110, 220)

    charger.write(RIGHT, 60)
    pass_time(charger, 2)
    assert (holding(charger, RIGHT), word(charger, 258)) == (60, 110)

    pass_time(charger, 30)
    assert word(charger, 258) == 60


def test_a_late_limit_counts_from_its_moment_even_when_time_passes_in_one_go() -> None:
    charger = new_charger(limit_delay_s=30)
    pass_time(charger, 30)
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=100_000))
    charger.write(RIGHT, 0)

    pass_time(charger, 3600)

    assert charger.connector(1).session_energy_wh == pytest.approx(22_000 * 30 / 3600)


@given(st.floats(0, 100_000), st.lists(st.floats(0, 50_000), min_size=1, max_size=4))
def test_shares_are_within_the_total_and_within_what_is_wanted(total_w: float, wanted_w: list[float]) -> None:
    parts = share(total_w, wanted_w)

    assert sum(parts) <= total_w * (1 + 1e-9)
    assert all(0 <= part <= wanted for part, wanted in zip(parts, wanted_w, strict=True))
    assert sum(parts) == pytest.approx(min(total_w, sum(wanted_w)))  # nothing is left over that somebody wants
    full = [part for part, wanted in zip(parts, wanted_w, strict=True) if part < wanted]
    assert all(part == pytest.approx(max(parts)) for part in full)  # who is cut gets as much as anyone


# ---------------------------------------------------------------- fallback


def armed(**options: bool) -> SimulatedCharger:
    """A car charges at 22 kW; the fallback is 4,200 W at an interval of 30 s."""
    charger = new_charger(**options)
    charger.write(FALLBACK, 42)
    charger.write(INTERVAL, 30)
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000_000))
    return charger


def limits(charger: SimulatedCharger) -> tuple[int, ...]:
    return tuple(holding(charger, address) for address in (STATION, RELATIVE, RIGHT, LEFT))


def test_the_fallback_acts_after_twice_the_interval_without_any_access() -> None:
    charger = armed()

    pass_time(charger, 59.9)
    assert charger.connector(1).granted_w == 22_000

    pass_time(charger, 0.1)
    assert charger.fallback_active
    assert charger.connector(1).granted_w == 4_200


def test_the_fallback_shows_in_the_registers_and_stays_until_somebody_writes() -> None:
    charger = armed()
    pass_time(charger, 60)

    assert limits(charger) == (42, 10, 42, 42)
    assert not charger.fallback_active  # that read fed it
    pass_time(charger, 10)
    assert limits(charger) == (42, 10, 42, 42)

    charger.write(STATION, 440)
    charger.write(RIGHT, 220)
    assert word(charger, 258) == 220


def test_the_fallback_opens_a_connector_that_was_held_at_0() -> None:
    charger = armed()
    charger.write(RIGHT, 0)
    assert status(charger) == SUSPENDED_EVSE

    pass_time(charger, 60)

    assert status(charger) == CHARGING


def test_a_fallback_of_0_pauses() -> None:
    charger = armed()
    charger.write(FALLBACK, 0)

    pass_time(charger, 60)

    assert status(charger) == SUSPENDED_EVSE


@pytest.mark.parametrize("access", ["read", "write", "refused read", "refused write", "busy"])
def test_any_access_feeds_the_fallback(access: str) -> None:
    charger = armed()

    for _ in range(5):
        pass_time(charger, 59)
        if access == "busy":
            charger.refuse(1)
        try:
            if "write" in access:
                charger.write(268 if "refused" in access else LEFT, 100)
            else:
                charger.read(Table.INPUT, 265 if "refused" in access else 268, 1)
        except ModbusException:
            assert access != "read"
    assert limits(charger)[0] == 440

    pass_time(charger, 60)
    assert limits(charger)[0] == 42


def test_an_interval_of_0_is_no_fallback() -> None:
    charger = armed()
    charger.write(INTERVAL, 0)

    pass_time(charger, 100_000)

    assert limits(charger) == (440, 100, 220, 220)


def test_the_fallback_may_be_fed_by_writes_only() -> None:
    charger = armed(only_writes_feed_fallback=True)

    for _ in range(3):
        pass_time(charger, 20)
        charger.read(Table.INPUT, 268, 1)

    assert limits(charger)[0] == 42


def test_the_fallback_may_act_after_one_interval() -> None:
    charger = armed(fallback_after_one_interval=True)

    pass_time(charger, 29.9)
    assert not charger.fallback_active
    pass_time(charger, 0.1)
    assert charger.fallback_active


def test_the_fallback_acts_at_its_moment_even_when_time_passes_in_one_go() -> None:
    charger = armed()
    charger.write(INTERVAL, 31)

    pass_time(charger, 3600)

    # 62 s at 22 kW, then 3,538 s at 4.2 kW
    assert charger.connector(1).session_energy_wh == pytest.approx(22_000 * 62 / 3600 + 4_200 * 3538 / 3600)


def test_the_fallback_interval_is_not_shortened_by_fast_charging() -> None:
    charger = armed()
    charger.charging_speed = 60

    pass_time(charger, 59)

    assert limits(charger)[0] == 440
