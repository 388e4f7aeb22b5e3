"""What is written never exceeds what is allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.smart_charging.power import PowerRegister, written_power_w

registers = st.builds(
    lambda step_w, minimum_steps, tolerance_w: PowerRegister(step_w, step_w * minimum_steps, 230.0, tolerance_w),
    st.sampled_from([1, 10, 100, 1000]),
    st.integers(0, 60),
    st.integers(0, 200),
)
watts = st.integers(0, 100_000) | st.floats(0, 100_000)


@given(watts, watts, registers)
def test_p_43_what_is_written_exceeds_the_limit_only_for_the_minimum_and_never_the_cap(
    limit_w: float, cap_w: float, register: PowerRegister
) -> None:
    written_w = written_power_w(limit_w, cap_w, register)
    assert 0 <= written_w <= cap_w
    assert written_w % register.step_w == 0
    if written_w > limit_w:
        assert written_w == register.minimum_w
        assert written_w - limit_w <= register.tolerance_w
    else:
        assert min(limit_w, cap_w) - written_w < register.step_w  # nothing is given away


@given(st.floats(0, 1, exclude_max=True), registers)
def test_p_35_nothing_is_written_for_less_than_a_step(of_a_step: float, register: PowerRegister) -> None:
    assert written_power_w(of_a_step * register.step_w, 100_000, register) == 0


@given(watts, watts, watts, registers)
def test_a_higher_limit_is_never_written_lower(
    limit_w: float, other_w: float, cap_w: float, register: PowerRegister
) -> None:
    lower_w, higher_w = sorted((limit_w, other_w))
    assert written_power_w(lower_w, cap_w, register) <= written_power_w(higher_w, cap_w, register)
