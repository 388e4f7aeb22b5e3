"""From a limit to the number in a register."""

from __future__ import annotations

import pytest

from ocpp_gateway.smart_charging.composite_schedule import Limit
from ocpp_gateway.smart_charging.power import PowerRegister, limit_power_w, phases_in_use, written_power_w
from ocpp_gateway.smart_charging.profiles import RateUnit

REGISTER = PowerRegister(step_w=100, minimum_w=4_200, nominal_voltage_v=230.0, tolerance_w=60)


def amperes(value: float, number_phases: int = 3) -> Limit:
    return Limit(value, RateUnit.AMPERE, number_phases)


@pytest.mark.parametrize(
    ("limit", "in_use", "power_w"),
    [
        pytest.param(amperes(16), None, 11_040, id="v-8 3 x 16 A x 230 V"),
        pytest.param(amperes(16), 3, 11_040, id="three phases"),
        pytest.param(amperes(16), 1, 11_040, id="one phase of a charger that divides by three still gets 16 A"),
        pytest.param(amperes(16, 1), None, 11_040, id="one phase asked for, before current flows"),
        pytest.param(amperes(16, 1), 1, 11_040, id="one phase asked for and used"),
        pytest.param(amperes(16, 1), 2, 5_520, id="one asked for, two used: 16 A shared"),
        pytest.param(amperes(15, 1), 3, 3_450, id="one asked for, three used"),
        pytest.param(amperes(16, 3), 2, 11_040, id="p-42 more asked for than used is taken as given"),
        pytest.param(amperes(0), 3, 0, id="nothing"),
        pytest.param(Limit(11_040.5, RateUnit.WATT, 3), 1, 11_040.5, id="p-46 watts are total power"),
    ],
)
def test_p_40_amperes_are_per_phase_and_watts_are_all(limit: Limit, in_use: int | None, power_w: float) -> None:
    assert limit_power_w(limit, REGISTER, in_use) == pytest.approx(power_w)


@pytest.mark.parametrize(
    ("limit_w", "cap_w", "written_w"),
    [
        pytest.param(11_040, 22_000, 11_000, id="v-8 rounded down"),
        pytest.param(11_000, 22_000, 11_000, id="exact"),
        pytest.param(4_140, 22_000, 4_200, id="p-44 6 A: the minimum is 60 W away"),
        pytest.param(4_139, 22_000, 4_100, id="p-44 it is 61 W away"),
        pytest.param(4_199, 22_000, 4_200, id="p-44 it is 1 W away"),
        pytest.param(4_140, 4_150, 4_100, id="p-44 never above the cap"),
        pytest.param(4_140, 4_200, 4_200, id="p-44 a cap that is the minimum"),
        pytest.param(99, 22_000, 0, id="less than a step"),
        pytest.param(0, 22_000, 0, id="p-35 a pause"),
        pytest.param(-500, 22_000, 0, id="nothing below nothing"),
        pytest.param(99_999, 22_050, 22_000, id="p-48 capped, and a step"),
    ],
)
def test_p_43_what_is_written_never_exceeds_the_limit_but_for_the_minimum(
    limit_w: float, cap_w: float, written_w: int
) -> None:
    assert written_power_w(limit_w, cap_w, REGISTER) == written_w


def test_p_44_a_tolerance_of_0_turns_the_exception_off() -> None:
    strict = PowerRegister(step_w=100, minimum_w=4_200, nominal_voltage_v=230.0, tolerance_w=0)
    assert written_power_w(4_199, 22_000, strict) == 4_100


@pytest.mark.parametrize(
    ("current_a", "in_use"),
    [
        ((16.0, 16.0, 16.0), 3),
        ((16.0, 0.0, 0.0), 1),
        ((1.0, 0.9, 0.0), 1),
        ((0.0, 0.0, 0.0), None),
        ((None, None, None), None),
        ((None, 6.0, 6.0), 2),
    ],
)
def test_p_45_a_phase_is_in_use_from_1_a(
    current_a: tuple[float | None, float | None, float | None], in_use: int | None
) -> None:
    assert phases_in_use(current_a) == in_use
