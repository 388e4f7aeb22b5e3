"""A charging session in the simulated charger, status by status: car, tag, counters, reboot."""

from __future__ import annotations

import pytest

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.connector import TAG_WAIT_S, NotPossible
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.options import EnergyReset
from unit.simulator.chargers import (
    AVAILABLE,
    CHARGING,
    FINISHING,
    PREPARING,
    SUSPENDED_EV,
    SUSPENDED_EVSE,
    holding,
    new_charger,
    pass_time,
    status,
    word,
)

RIGHT = 256


def tag(charger: SimulatedCharger, connector_id: int = 1) -> str:
    words = charger.read(Table.INPUT, 4096 + 16 * (connector_id - 1), 10)
    return b"".join(w.to_bytes(2, "big") for w in words).rstrip(b"\0").decode()


def counters(charger: SimulatedCharger) -> tuple[int, int]:
    """Energy in steps of 100 Wh, and seconds, of connector 1."""
    low, high, energy = charger.read(Table.INPUT, 262, 3)
    return energy, high << 16 | low


# ---------------------------------------------------------------- status by status


def test_a_session_runs_through_its_statuses() -> None:
    charger = new_charger(start_delay_s=2)
    seen = [status(charger)]

    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000))
    seen.append(status(charger))
    pass_time(charger, 2)
    seen.append(status(charger))
    charger.write(RIGHT, 0)
    seen.append(status(charger))
    charger.write(RIGHT, 220)
    seen.append(status(charger))
    pass_time(charger, 3600)
    seen.append(status(charger))
    charger.unplug(1)
    seen.append(status(charger))

    assert seen == [AVAILABLE, PREPARING, CHARGING, SUSPENDED_EVSE, CHARGING, SUSPENDED_EV, AVAILABLE]
    assert status(charger, 2) == AVAILABLE


def test_a_car_behind_a_limit_of_0_waits_in_suspended_evse() -> None:
    charger = new_charger(start_delay_s=2)
    charger.write(RIGHT, 0)
    charger.plug(1)
    assert status(charger) == PREPARING

    pass_time(charger, 2)

    assert status(charger) == SUSPENDED_EVSE
    assert counters(charger) == (0, 0)


def test_a_car_takes_what_it_needs_and_no_more() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=10_000, max_current_a=16))

    pass_time(charger, 24 * 3600)

    assert charger.connector(1).session_energy_wh == pytest.approx(10_000, abs=1)
    assert (status(charger), word(charger, 258), counters(charger)[0]) == (SUSPENDED_EV, 0, 100)
    # 8,000 Wh at 11,040 W take 2,609 s; the taper from 16 A to 6 A takes longer than at full power, and ends
    assert 2_609 + 652 < counters(charger)[1] < 2_609 + 3 * 652


def test_the_next_car_has_its_own_need() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000))
    pass_time(charger, 3600)
    charger.unplug(1)

    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000))

    assert status(charger) == CHARGING


def test_a_car_may_pause_by_itself_and_go_on() -> None:
    charger = new_charger()
    charger.plug(1)

    charger.pause_vehicle(1, paused=True)
    assert (status(charger), word(charger, 259)) == (SUSPENDED_EV, 0)

    charger.pause_vehicle(1, paused=False)
    assert status(charger) == CHARGING


def test_both_connectors_charge_at_once() -> None:
    charger = new_charger()
    charger.plug(1, "A")
    charger.plug(2, "B")
    pass_time(charger, 600)

    assert (status(charger, 1), status(charger, 2)) == (CHARGING, CHARGING)
    assert (tag(charger, 1), tag(charger, 2)) == ("A", "B")
    assert word(charger, 9) == 440
    assert word(charger, 264) == word(charger, 280) == 36  # 22 kW × 600 s = 3,667 Wh


def test_charging_can_run_faster_than_the_clock() -> None:
    charger = new_charger(start_delay_s=2)
    charger.charging_speed = 60
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000_000))

    pass_time(charger, 1)
    assert status(charger) == PREPARING  # the start delay is not faster
    pass_time(charger, 61)

    assert counters(charger) == (220, 3600)


@pytest.mark.parametrize("step_s", [0.3, 7, 3600])
def test_the_energy_does_not_depend_on_how_often_it_is_asked_for(step_s: float) -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=100_000))

    while charger.now_s < 3600:
        charger.advance(min(3600, charger.now_s + step_s))

    assert charger.connector(1).session_energy_wh == pytest.approx(22_000)
    assert charger.connector(1).charging_s == pytest.approx(3600)


def test_time_does_not_go_back() -> None:
    charger = new_charger()
    charger.plug(1)
    pass_time(charger, 600)
    before = counters(charger)

    charger.advance(0)

    assert (counters(charger), charger.now_s) == (before, 600)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda c: c.unplug(2), "connector 2 has no car"),
        (lambda c: c.plug(1), "connector 1 has a car already"),
        (lambda c: c.plug(3), "there is no connector 3"),
        (lambda c: c.present_tag(0, "A"), "there is no connector 0"),
        (lambda c: c.pause_vehicle(2, paused=True), "connector 2 has no car"),
    ],
    ids=["unplug nothing", "plug twice", "no such connector", "connector 0", "pause nothing"],
)
def test_what_cannot_be_says_why(act: object, why: str) -> None:
    charger = new_charger()
    charger.plug(1)

    with pytest.raises(NotPossible, match=why):
        act(charger)  # type: ignore[operator]


# ---------------------------------------------------------------- tags


def test_a_tag_shows_from_its_presentation_until_the_car_leaves() -> None:
    charger = new_charger()
    assert tag(charger) == ""

    charger.present_tag(1, "04A1B2C3")
    charger.plug(1)
    pass_time(charger, 3600)
    assert tag(charger) == "04A1B2C3"

    charger.unplug(1)
    assert tag(charger) == ""


def test_a_stale_tag_may_stay_after_the_car_left() -> None:
    charger = new_charger(keeps_tag=True)
    charger.plug(1, "04A1B2C3")
    charger.unplug(1)
    pass_time(charger, 24 * 3600)
    assert tag(charger) == "04A1B2C3"

    charger.plug(1)
    assert tag(charger) == "04A1B2C3"

    charger.present_tag(1, "NEW")
    assert tag(charger) == "NEW"


def test_a_tag_that_no_car_follows_is_forgotten() -> None:
    charger = new_charger(requires_tag=True)
    charger.present_tag(1, "04A1B2C3")

    pass_time(charger, TAG_WAIT_S)
    charger.plug(1)

    assert (tag(charger), status(charger)) == ("", PREPARING)


def test_a_tag_longer_than_the_register_is_cut() -> None:
    charger = new_charger()
    charger.present_tag(1, "123456789012345678901234")

    assert tag(charger) == "12345678901234567890"


def test_a_charger_that_requires_a_tag_lets_the_car_wait_in_preparing() -> None:
    charger = new_charger(requires_tag=True)
    charger.plug(1)
    pass_time(charger, 3600)
    assert (status(charger), word(charger, 259)) == (PREPARING, 0)

    charger.present_tag(1, "04A1B2C3")
    assert status(charger) == CHARGING


def test_where_a_tag_is_required_one_presented_before_the_plug_counts() -> None:
    charger = new_charger(requires_tag=True)
    charger.present_tag(1, "04A1B2C3")
    assert status(charger) == AVAILABLE

    charger.plug(1)

    assert status(charger) == CHARGING


def test_of_two_tags_before_the_plug_the_later_one_counts() -> None:
    charger = new_charger(requires_tag=True)
    charger.present_tag(1, "FIRST")
    charger.present_tag(1, "SECOND")
    charger.plug(1)

    charger.present_tag(1, "FIRST")
    assert status(charger) == CHARGING
    charger.present_tag(1, "SECOND")
    assert status(charger) == FINISHING


def test_where_a_tag_is_required_the_same_tag_ends_the_session_until_the_car_leaves() -> None:
    charger = new_charger(requires_tag=True)
    charger.plug(1, "04A1B2C3")
    pass_time(charger, 600)

    charger.present_tag(1, "04A1B2C3")
    assert (status(charger), word(charger, 259), tag(charger)) == (FINISHING, 0, "04A1B2C3")
    charger.write(RIGHT, 200)
    pass_time(charger, 600)
    assert status(charger) == FINISHING

    charger.unplug(1)
    assert status(charger) == AVAILABLE
    charger.plug(1)
    assert status(charger) == PREPARING


def test_another_tag_shows_and_does_not_end_the_session() -> None:
    charger = new_charger(requires_tag=True)
    charger.plug(1, "04A1B2C3")

    charger.present_tag(1, "OTHER")

    assert (status(charger), tag(charger)) == (CHARGING, "OTHER")
    charger.present_tag(1, "04A1B2C3")
    assert status(charger) == FINISHING


def test_a_free_charger_does_not_care_for_a_second_swipe() -> None:
    charger = new_charger()
    charger.plug(1, "04A1B2C3")

    charger.present_tag(1, "04A1B2C3")

    assert status(charger) == CHARGING


# ---------------------------------------------------------------- counters


@pytest.mark.parametrize(
    ("energy_reset", "after_plug", "after_start"),
    [
        (EnergyReset.PLUG_IN, 0, 0),
        (EnergyReset.CHARGING_START, 36, 0),
        (EnergyReset.NEVER, 36, 36),
    ],
)
def test_the_counters_start_again_when_the_charger_is_made_so(
    energy_reset: EnergyReset, after_plug: int, after_start: int
) -> None:
    charger = new_charger(energy_reset=energy_reset, start_delay_s=2)
    charger.plug(1)
    pass_time(charger, 602)
    charger.unplug(1)
    assert counters(charger) == (36, 600)  # 22 kW × 600 s = 3,667 Wh; the session shows after the car left

    charger.plug(1)
    assert counters(charger)[0] == after_plug

    pass_time(charger, 2)
    assert counters(charger)[0] == after_start
    assert (counters(charger)[1] == 0) == (after_start == 0)


def test_a_pause_does_not_start_the_counters_again() -> None:
    charger = new_charger(energy_reset=EnergyReset.CHARGING_START)
    charger.plug(1)
    pass_time(charger, 600)

    charger.write(RIGHT, 0)
    pass_time(charger, 60)
    charger.write(RIGHT, 220)

    assert counters(charger) == (36, 600)


# ---------------------------------------------------------------- reboot


def test_a_reboot_forgets_limits_and_sessions_and_finds_the_car_again() -> None:
    charger = new_charger(boot_s=10, start_delay_s=2)
    charger.plug(1, "04A1B2C3")
    charger.write(0, 100)
    charger.write(3, 42)
    charger.write(5, 1000)
    charger.write(RIGHT, 60)
    pass_time(charger, 600)

    charger.reboot()
    assert (status(charger), counters(charger), tag(charger)) == (AVAILABLE, (0, 0), "")
    assert charger.read(Table.HOLDING, 0, 6) == (440, 100, 200, 440, 100, 0)
    assert holding(charger, RIGHT) == 220

    pass_time(charger, 10)
    assert status(charger) == PREPARING
    pass_time(charger, 2)
    assert status(charger) == CHARGING
    assert word(charger, 258) == 220


def test_after_a_reboot_a_required_tag_must_be_presented_again() -> None:
    charger = new_charger(requires_tag=True, boot_s=10)
    charger.plug(1, "04A1B2C3")

    charger.reboot()
    pass_time(charger, 60)
    assert status(charger) == PREPARING

    charger.present_tag(1, "04A1B2C3")
    assert status(charger) == CHARGING


def test_a_reboot_gives_the_car_no_second_helping() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=5_000))
    pass_time(charger, 3600)

    charger.reboot()
    pass_time(charger, 3600)

    assert (status(charger), counters(charger)) == (SUSPENDED_EV, (0, 0))
