"""When clock-aligned values are due: at the boundary that the clock shows now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from unit.charger.bench import Bench


def _stamps(bench: Bench) -> set[str]:
    return {payload["meterValue"][0]["timestamp"][11:] for payload in bench.queued("MeterValues")}


BOTH = {"09:05:00.000Z", "09:10:00.000Z"}


@pytest.mark.parametrize(("step_s", "stamps"), [(-40.0, BOTH), (-2.0, BOTH), (0.0, BOTH), (7.0, {"09:10:00.000Z"})])
def test_m_07_a_clock_that_is_set_meanwhile_moves_no_value_off_the_boundary(step_s: float, stamps: set[str]) -> None:
    """A boundary that the step jumps over is left out."""
    bench = Bench(ClockAlignedDataInterval="300").linked().online()
    assert bench.now.utc is not None
    bench.now = replace(bench.now, utc=bench.now.utc + timedelta(seconds=step_s))
    bench.poll(66, seconds=10)
    assert _stamps(bench) == stamps


def test_m_02_an_interval_that_does_not_divide_the_day_begins_anew_at_midnight() -> None:
    bench = Bench(ClockAlignedDataInterval="25200").linked().online()  # seven hours
    bench.poll(18 * 60, seconds=60)
    assert _stamps(bench) == {"14:00:00.000Z", "21:00:00.000Z", "00:00:00.000Z"}


def test_m_24_values_are_due_before_the_first_session() -> None:
    bench = Bench(ClockAlignedDataInterval="300").linked()
    bench.poll(30, seconds=10)
    assert _stamps(bench) == {"09:05:00.000Z"}
