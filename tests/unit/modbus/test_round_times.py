from __future__ import annotations

from itertools import pairwise
from math import inf

from ocpp_gateway.modbus.round_times import BOUNDS_S, RoundTimes


def test_rounds_are_counted_by_the_least_bound_that_they_keep() -> None:
    times = RoundTimes()
    for round_s in (0.004, 0.01, 0.011, 0.3, 7.0):
        times.add(round_s)
    counts = dict(times.cumulative())
    assert (counts[0.005], counts[0.01], counts[0.025], counts[0.25], counts[0.5], counts[5.0]) == (1, 2, 3, 3, 4, 4)
    assert counts[inf] == 5
    assert times.sum_s == 0.004 + 0.01 + 0.011 + 0.3 + 7.0


def test_before_any_round_every_bound_counts_0() -> None:
    assert [count for _, count in RoundTimes().cumulative()] == [0] * (len(BOUNDS_S) + 1)


def test_the_bounds_rise() -> None:
    assert all(lower < higher for lower, higher in pairwise(BOUNDS_S))
