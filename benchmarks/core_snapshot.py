"""What the core costs for a changed snapshot of a DUO with a transaction running, every value of both connectors new.

CPU time of this process, median of rounds; the yardstick is ten attribute-for-attribute copies of such a snapshot
in the same run. `--check` ends with 1 above the goal of 30 µs, or above six times the yardstick on a slow machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import LinkUp, RegistrationStatus, SessionUp, SnapshotTaken
from ocpp_gateway.charger.records import StoredCharger
from ocpp_gateway.charger.state import ChargePointSettings
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerIdentity, ChargerSnapshot, ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.power import PowerRegister

GOAL_US = 30.0
GOAL_YARDSTICKS = 6.0
SNAPSHOTS, ROUNDS = 2_000, 15


def snapshots(start: Instant) -> list[ChargerSnapshot]:
    """A car that charges, read once a second."""
    idle = ConnectorSnapshot(2, ChargePointStatus.AVAILABLE, 0, charging_s=0, session_energy_wh=0)
    charging = ConnectorSnapshot(1, ChargePointStatus.CHARGING, 2, charging_s=0, session_energy_wh=0)
    return [
        ChargerSnapshot(
            start.plus(second),
            (
                replace(
                    charging,
                    charging_s=second,
                    session_energy_wh=second * 6 // 100 * 100,
                    power_w=22_000.0 - second % 3 * 100,
                    current_a=(31.9 - second % 3 / 10, 31.8, 31.7),
                    voltage_v=(230.0 + second % 2, 231.0, 229.0),
                ),
                replace(idle, voltage_v=(230.0 + second % 2, 231.0, 229.0)),
            ),
        )
        for second in range(1, SNAPSHOTS + 1)
    ]


def cost_us(work: Callable[[], None], items: int) -> float:
    """CPU time for each item, in µs."""
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) / items * 1e6


def main() -> int:
    """Measure, print, and judge when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="end with 1 when the goal is missed")
    check = parser.parse_args().check
    start = Instant(datetime(2026, 11, 22, 9, tzinfo=UTC), "boot", 1000.0)
    taken = snapshots(start)
    core_us, yardstick_us = [], []
    for _ in range(ROUNDS):
        core_us.append(cost_us(_core_run(start, taken), SNAPSHOTS))
        yardstick_us.append(cost_us(lambda: _copies(taken), SNAPSHOTS))
    core, yardstick = statistics.median(core_us), statistics.median(yardstick_us)
    print(f"core, a changed snapshot of a DUO: {core:.1f} µs (goal {GOAL_US:.0f}), {core / yardstick:.1f} yardsticks")
    missed = core > GOAL_US and core > GOAL_YARDSTICKS * yardstick
    return 1 if check and missed else 0


def _core_run(start: Instant, taken: list[ChargerSnapshot]) -> Callable[[], None]:
    ids = count(1)
    core = ChargerCore(
        ChargePointSettings(
            max_power_w=44_000,
            power_register=PowerRegister(step_w=100, minimum_w=4200, nominal_voltage_v=230.0, tolerance_w=60),
            connector_max_power_w=22_000,
            number_of_connectors=2,
        ),
        StoredCharger(),
        from_file={},
        started_at=start,
        new_id=lambda: f"id-{next(ids)}",
    )
    core.handle(LinkUp(ChargerIdentity(2, "Compleo", "DUO", "1", "6.4.1")), start)
    core.handle(SessionUp(RegistrationStatus.ACCEPTED, 300, booted=True), start)

    def run() -> None:
        for snapshot in taken:
            core.handle(SnapshotTaken(snapshot), snapshot.taken_at)

    return run


def _copies(taken: list[ChargerSnapshot]) -> None:
    for snapshot in taken:
        for _ in range(5):
            for connector in snapshot.connectors:
                replace(connector)


if __name__ == "__main__":
    sys.exit(main())
