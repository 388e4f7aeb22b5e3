"""What will be the limit, in steps, and which source sets each."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.charger.events import LimitSet
from ocpp_gateway.charger.schedule import profiles, schedule
from ocpp_gateway.charger.state import AuthorizationMode
from unit.charger.bench import Bench, mode

DAY_S = 86_400


def bench() -> Bench:
    """A DUO of 44 kW, 22 kW a connector, and a car that charges at connector 1."""
    return Bench(mode(AuthorizationMode.CHARGER)).linked().online().charging()


def install(bench: Bench, profile_id: int, purpose: str, *periods: tuple[int, float], connector_id: int = 0) -> None:
    """In W, from now on."""
    profile = {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": bench.now.stamp(),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": start_s, "limit": limit} for start_s, limit in periods],
        },
    }
    answer = bench.ask("SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile)
    assert answer == {"status": "Accepted"}


def steps(bench: Bench, connector_id: int, duration_s: int = DAY_S) -> list[tuple[float, float, str, int | None]]:
    told = schedule(bench.core.point, connector_id, bench.now, duration_s)
    return [(one["start_s"], one["power_w"], one["source"], one["charging_profile_id"]) for one in told["periods"]]


def test_without_a_plan_the_installation_and_the_connector_say_all() -> None:
    assert steps(bench(), 0) == [(0.0, 44_000.0, "installation", None)]
    assert steps(bench(), 1) == [(0.0, 22_000.0, "connector_maximum", None)]


def test_each_step_names_the_profile_that_sets_it() -> None:
    site = bench()
    install(site, 7, "ChargePointMaxProfile", (0, 30_000), (3600, 9_000))
    install(site, 8, "TxDefaultProfile", (0, 11_000), (7200, 22_000), connector_id=1)
    assert steps(site, 0) == [
        (0.0, 30_000.0, "charge_point_max_profile", 7),
        (3600.0, 9_000.0, "charge_point_max_profile", 7),
    ]
    assert steps(site, 1) == [
        (0.0, 11_000.0, "tx_default_profile", 8),
        (3600.0, 9_000.0, "charge_point_max_profile", 7),  # the station's is lower than the connector's by then
    ]
    assert [(one["charging_profile_id"], one["in_force"]) for one in profiles(site.core.point, site.now)] == [
        (7, True),
        (8, True),
    ]


def test_a_limit_from_outside_is_in_the_plan_until_its_source_falls_silent() -> None:
    site = bench()
    site.give(LimitSet("grid", 0, 6_000, lifetime_s=600, failsafe_w=4_200))
    assert steps(site, 1) == [(0.0, 6_000.0, "grid", None), (600.0, 4_200.0, "grid", None)]


def test_the_plan_ends_where_it_was_asked_to() -> None:
    site = bench()
    install(site, 7, "ChargePointMaxProfile", (0, 30_000), (3600, 9_000))
    told = schedule(site.core.point, 0, site.now, 1800)
    assert (told["covered_s"], len(told["periods"])) == (1800, 1)


@given(st.lists(st.tuples(st.integers(1, DAY_S), st.integers(0, 60_000)), max_size=8), st.integers(0, 2))
def test_no_step_is_above_what_the_installation_stands(periods: list[tuple[int, int]], connector_id: int) -> None:
    site = bench()
    ascending: dict[int, Any] = dict(sorted(periods))
    install(site, 7, "ChargePointMaxProfile", (0, 50_000), *ascending.items())
    told = steps(site, connector_id)
    assert told[0][0] == 0
    assert [start_s for start_s, *_ in told] == sorted({start_s for start_s, *_ in told})
    assert all(0 <= power_w <= (22_000 if connector_id else 44_000) for _, power_w, *_ in told)
