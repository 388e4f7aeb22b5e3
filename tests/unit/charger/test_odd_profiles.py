"""Charging profiles with odd values and gaps: group S of the fault catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import REGISTER, SETTINGS, Bench

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


def charging(tolerance_w: int = 60) -> Bench:
    settings = replace(SETTINGS, power_register=replace(REGISTER, tolerance_w=tolerance_w))
    bench = Bench(settings).linked().online().charging()
    bench.deliver()
    return bench


def install(
    bench: Bench,
    *periods: tuple[int, float],
    connector_id: int = 1,
    purpose: str = "TxDefaultProfile",
    unit: str = "W",
    level: int = 0,
    profile_id: int = 1,
    transaction_id: int | None = None,
    **schedule: Any,
) -> dict[str, Any] | str:
    """Install a profile that starts now; gives the answer."""
    profile: dict[str, Any] = {
        "chargingProfileId": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "startSchedule": bench.now.stamp(),
            "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit} for at_s, limit in periods],
            **schedule,
        },
    }
    if transaction_id is not None:
        profile["transactionId"] = transaction_id
    return bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile)


@pytest.mark.parametrize(
    ("limit", "unit", "tolerance_w", "written_w"),
    [
        pytest.param(-0.0, "W", 60, 0, id="minus zero is zero"),
        pytest.param(0.1, "W", 60, 0, id="less than a step"),
        pytest.param(99.9, "W", 60, 0, id="a little less than a step"),
        pytest.param(4_140, "W", 60, 4_200, id="decided: the minimum within the tolerance"),
        pytest.param(4_140, "W", 0, 4_100, id="no tolerance"),
        pytest.param(32, "A", 60, 22_000, id="32 A x 3 x 230 V = 22,080 W"),
        pytest.param(21.4, "A", 60, 14_700, id="14,766 W"),
        pytest.param(5.9, "A", 60, 4_000, id="decided: below the minimum the limit rounded down"),
    ],
)
def test_fault_s_04_odd_limits_are_rounded_down(limit: float, unit: str, tolerance_w: int, written_w: int) -> None:
    bench = charging(tolerance_w)
    assert install(bench, (0, limit), unit=unit) == ACCEPTED
    assert bench.commanded_w() == written_w


@pytest.mark.parametrize("limit", [-1, -0.1])
def test_fault_s_04_a_negative_limit_is_rejected(limit: float) -> None:
    bench = charging()
    assert install(bench, (0, limit)) == REJECTED
    assert bench.commanded_w() == 22_000


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), float("-inf")])
def test_fault_s_05_what_is_no_number_is_rejected(limit: float) -> None:
    bench = charging()
    assert install(bench, (0, 8_000), (60, limit)) == REJECTED
    assert bench.commanded_w() == 22_000


@pytest.mark.parametrize(("limit", "unit"), [(7_000_000, "W"), (6_553_600, "W"), (9_498, "A"), (2**53, "A")])
def test_fault_s_05_a_limit_that_fits_no_register_is_rejected(limit: float, unit: str) -> None:
    bench = charging()
    assert install(bench, (0, limit), unit=unit) == REJECTED
    assert bench.commanded_w() == 22_000


@pytest.mark.parametrize(("limit", "unit"), [(44_000.1, "W"), (6_553_500, "W"), (9_497, "A")])
def test_p_48_a_limit_above_the_hardware_is_capped(limit: float, unit: str) -> None:
    bench = charging()
    station: dict[str, Any] = {"connector_id": 0, "purpose": "ChargePointMaxProfile", "profile_id": 2}
    assert install(bench, (0, limit), unit=unit) == ACCEPTED
    assert install(bench, (0, limit), unit=unit, **station) == ACCEPTED
    assert (bench.commanded_w(0), bench.commanded_w(1)) == (44_000, 22_000)


def test_fault_s_06_a_first_period_that_begins_later_is_rejected() -> None:
    assert install(charging(), (10, 8_000)) == REJECTED


def test_fault_s_06_where_a_schedule_ends_the_next_source_counts_and_at_last_the_installation() -> None:
    bench = charging()
    install(bench, (0, 11_000), duration=400)
    install(bench, (0, 9_000), duration=300, purpose="TxProfile", profile_id=2)
    install(bench, (0, 7_000), duration=200, purpose="TxProfile", level=1, profile_id=3)
    install(bench, (0, 5_000), duration=100, purpose="TxProfile", level=2, profile_id=4)
    written = []
    for _ in range(5):
        written.append(bench.commanded_w())
        bench.wait(100)
    assert written == [5_000, 7_000, 9_000, 11_000, 22_000]


def test_fault_s_07_a_tx_profile_has_its_running_transaction_or_is_rejected() -> None:
    bench = charging()
    tx: dict[str, Any] = {"purpose": "TxProfile"}
    assert install(bench, (0, 8_000), **tx, transaction_id=8) == REJECTED  # another
    assert install(bench, (0, 8_000), **tx, connector_id=0) == REJECTED
    assert install(bench, (0, 8_000), **tx, connector_id=2) == REJECTED  # none there
    assert install(bench, (0, 8_000), **tx, connector_id=3) == "PropertyConstraintViolation"
    assert install(bench, (0, 8_000), **tx, transaction_id=7) == ACCEPTED
    bench.leave()
    assert bench.connector().transaction is None
    assert install(bench, (0, 8_000), **tx, transaction_id=7) == REJECTED  # ended
    bench.see(status=Status.PREPARING)
    assert bench.commanded_w() == 22_000
