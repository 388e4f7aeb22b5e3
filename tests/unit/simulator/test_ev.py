"""What a car draws of what it is offered."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.simulator.ev import ElectricVehicle


@pytest.mark.parametrize(
    ("offered_a", "taken_wh", "drawn_a"),
    [
        pytest.param(10, 0, 10, id="less than it can take: all of it"),
        pytest.param(63, 0, 16, id="more than it can take: its own maximum"),
        pytest.param(6, 0, 6, id="the minimum"),
        pytest.param(5.94, 0, 0, id="under 6 A nothing"),
        pytest.param(0, 0, 0, id="nothing offered"),
        pytest.param(16, 8_000, 16, id="80 % of its need: still all"),
        pytest.param(16, 9_000, 8, id="90 %: half of its maximum, the taper is linear"),
        pytest.param(7, 9_000, 7, id="90 %: still within the offer"),
        pytest.param(16, 9_900, 6, id="99 %: not under 6 A"),
        pytest.param(16, 10_000, 0, id="full"),
        pytest.param(16, 10_001, 0, id="more than full"),
    ],
)
def test_the_current_a_car_draws(offered_a: float, taken_wh: float, drawn_a: float) -> None:
    car = ElectricVehicle(energy_wanted_wh=10_000, max_current_a=16)

    assert car.current_a(offered_a, taken_wh) == pytest.approx(drawn_a)


def test_a_paused_car_draws_nothing_although_it_is_offered_current() -> None:
    assert ElectricVehicle(paused=True).current_a(16, 0) == 0


def test_a_car_that_wants_nothing_is_full() -> None:
    assert ElectricVehicle(energy_wanted_wh=0).current_a(16, 0) == 0


@pytest.mark.parametrize(
    "wrong", [{"number_of_phases": 0}, {"number_of_phases": 4}, {"max_current_a": 5}, {"energy_wanted_wh": -1}]
)
def test_a_car_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a car"):
        ElectricVehicle(**wrong)
