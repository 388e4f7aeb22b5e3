"""What a limit costs, of a stack of three levels with 24 periods each, and a composite schedule of 24 hours over the
three purposes with 24 periods each.

CPU time of this process, medians of rounds. The yardstick is the tests' slow reference in the same run, which paints
every second of that day. `--check` ends with 1 above the goals of 50 µs and 2 ms, or above a tenth of the yardstick and
twelve of it on a slow machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from ocpp_gateway.smart_charging.composite_schedule import limit_at
from ocpp_gateway.smart_charging.profiles import DAY_S, ChargingProfile, Kind, Period, Purpose, RateUnit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # they are in no package

from property.profile_sets import START, ProfileSet, composite
from property.reference import Timeline

LIMIT_GOAL_US, LIMIT_GOAL_YARDSTICKS = 50.0, 0.1
SCHEDULE_GOAL_US, SCHEDULE_GOAL_YARDSTICKS = 2000.0, 12.0
ROUNDS = 51


def profile(number: int, purpose: Purpose) -> ChargingProfile:
    """A new limit every hour, ten minutes after the one of the number below; the higher two have gaps."""
    return ChargingProfile(
        number,
        number,
        purpose,
        Kind.RECURRING,
        RateUnit.AMPERE,
        tuple(Period(hour * 3600, 6.0 + (hour * 7 + number) % 16) for hour in range(24)),
        recurrence_s=DAY_S,
        start_schedule=START - timedelta(days=1) + timedelta(minutes=10 * number),
        duration_s=DAY_S - number * 4 * 3600,
    )


def cost_us(work: Callable[[], object], repeats: int) -> float:
    """CPU time for each repeat, in µs."""
    began_s = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - began_s) / repeats * 1e6


def main() -> int:
    """Measure, print, and judge when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="end with 1 when a goal is missed")
    check = parser.parse_args().check
    stack = [(profile(level, Purpose.TX_DEFAULT), None) for level in range(3)]
    purposes = [(0 if p is Purpose.CHARGE_POINT_MAX else 1, profile(n, p)) for n, p in enumerate(Purpose)]
    asked = ProfileSet(purposes, 0, 0, asked_s=0, connector_id=1, duration_s=DAY_S, unit=RateUnit.AMPERE)
    moments = [START + timedelta(minutes=minute) for minute in range(0, 1440, 7)]
    works: tuple[tuple[Callable[[], object], int], ...] = (
        (lambda: [limit_at(stack, moment) for moment in moments], 1),
        (lambda: composite(asked), 5),
        (lambda: Timeline(stack, START, DAY_S), 5),
    )
    rounds = [[cost_us(work, repeats) for work, repeats in works] for _ in range(ROUNDS)]
    limits, schedule, yardstick = (statistics.median(column) for column in zip(*rounds, strict=True))
    limit = limits / len(moments)
    print(f"limit_at, 3 levels x 24: {limit:.1f} µs (goal {LIMIT_GOAL_US:.0f}), {limit / yardstick:.3f} yardsticks")
    print(
        f"composite schedule, 24 h, 3 purposes x 24, {len(composite(asked)['chargingSchedulePeriod'])} in the answer: "
        f"{schedule / 1000:.2f} ms (goal {SCHEDULE_GOAL_US / 1000:.0f}), {schedule / yardstick:.1f} yardsticks"
    )
    missed = (limit > LIMIT_GOAL_US and limit > LIMIT_GOAL_YARDSTICKS * yardstick) or (
        schedule > SCHEDULE_GOAL_US and schedule > SCHEDULE_GOAL_YARDSTICKS * yardstick
    )
    return 1 if check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
