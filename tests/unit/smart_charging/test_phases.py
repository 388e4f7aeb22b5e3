"""Amperes, watts and the phases a car uses, at a charger that divides its power limit by three."""

from __future__ import annotations

import pytest

from ocpp_gateway.smart_charging.composite_schedule import Limit
from ocpp_gateway.smart_charging.power import PowerRegister, limit_power_w
from ocpp_gateway.smart_charging.profiles import RateUnit

REGISTER = PowerRegister(step_w=100, minimum_w=4_200, nominal_voltage_v=230.0, tolerance_w=60)


@pytest.mark.parametrize("in_use", [None, 1, 2, 3])
def test_p_42_three_phases_asked_for_are_not_reckoned_anew_for_a_car_that_uses_fewer(in_use: int | None) -> None:
    assert limit_power_w(Limit(16.0, RateUnit.AMPERE, 3), REGISTER, in_use) == 11_040  # 16 A on each phase it uses


@pytest.mark.parametrize("in_use", [None, 1, 2, 3])
@pytest.mark.parametrize("number_phases", [1, 2, 3])
def test_p_46_watts_are_watts_whatever_phases_are_used(number_phases: int, in_use: int | None) -> None:
    assert limit_power_w(Limit(7_000.0, RateUnit.WATT, number_phases), REGISTER, in_use) == 7_000


@pytest.mark.parametrize(
    ("in_use", "power_w", "of_each_a"),
    [
        pytest.param(1, 11_040, 16.0, id="one phase is used: the charger's third is 16 A"),
        pytest.param(2, 5_520, 8.0, id="two: 16 A shared"),
        pytest.param(3, 3_680, 16 / 3, id="three: 3,680 W, what one phase would take"),
    ],
)
def test_p_47_one_phase_asked_for_is_its_power_however_many_are_used(
    in_use: int, power_w: float, of_each_a: float
) -> None:
    """Decided: the power of the phases asked for, where the policy would allow that of those used."""
    written_w = limit_power_w(Limit(16.0, RateUnit.AMPERE, 1), REGISTER, in_use)
    assert written_w == pytest.approx(power_w)
    assert written_w / 3 / 230 == pytest.approx(of_each_a)  # what the charger makes of it
    assert in_use * of_each_a * 230 == pytest.approx(3_680)  # what the car takes in all
