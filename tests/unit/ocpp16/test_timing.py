from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.ocpp16.timing import (
    FIRST_RECONNECT_WITHIN_S,
    RECONNECT_LONGEST_S,
    boot_repeat_s,
    reconnect_wait_s,
    start_wait_s,
)


@pytest.mark.parametrize(
    ("failures", "least_s", "most_s"),
    [
        pytest.param(0, 1, 5, id="Z5 after a good connection"),
        pytest.param(1, 3, 13, id="3 s"),
        pytest.param(2, 6, 16, id="6 s"),
        pytest.param(4, 24, 34, id="24 s"),
        pytest.param(10_000, 24, 34, id="and so on"),
    ],
)
def test_t_40_the_wait_doubles_and_is_spread(failures: int, least_s: float, most_s: float) -> None:
    assert (reconnect_wait_s(failures, 0.0), reconnect_wait_s(failures, 1.0)) == (least_s, most_s)


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_t_40_the_wait_is_never_nothing_and_never_for_ever(failures: int, jitter: float) -> None:
    assert 1.0 <= reconnect_wait_s(failures, jitter) <= RECONNECT_LONGEST_S
    assert reconnect_wait_s(0, jitter) <= FIRST_RECONNECT_WITHIN_S


@pytest.mark.parametrize(("interval_s", "wait_s"), [(10, 10.0), (86_400, 86_400.0), (0, 60.0), (None, 60.0)])
def test_b_08_the_next_boot_waits_for_the_interval_of_the_answer(interval_s: int | None, wait_s: float) -> None:
    assert boot_repeat_s(interval_s) == wait_s


@pytest.mark.parametrize(
    ("starts", "wait_s"),
    [(0, 0), (1, 0), (2, 0), (3, 5), (4, 10), (5, 20), (6, 40), (7, 80), (8, 160), (9, 300), (10, 300), (10**9, 300)],
)
def test_fault_k_14_from_the_third_start_in_a_row_on_the_first_connection_waits(starts: int, wait_s: float) -> None:
    assert start_wait_s(starts) == wait_s
