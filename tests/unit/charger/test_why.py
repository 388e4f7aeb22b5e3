"""Why is it 6 A? One answer, with every source, the sum, the register and what the charger does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.events import CommandConfirmed, CommandKind, CommandRefused, LimitSet, SnapshotTaken
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.charger.view import view
from ocpp_gateway.charger.why import why
from ocpp_gateway.registers.snapshot import ChargerSnapshot, Derating
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench, mode
from unit.charger.test_limits import charging, limited

LIMIT = CommandKind.LIMIT
PLACES = replace(SETTINGS, limit_registers={2: {0: ("holding", 0), 1: ("holding", 256), 2: ("holding", 272)}})


def asked(bench: Bench, connector_id: int = 1) -> dict[str, Any]:
    answer = why(bench.core.point, connector_id, bench.now)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    return answer


def source(answer: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in answer["sources"] if one["name"] == name]
    return dict(found)


def poll_limits(bench: Bench, held_w: dict[int, int], read_s: dict[int, float]) -> None:
    connectors = tuple(replace(one, power_limit_w=held_w.get(n)) for n, one in bench.registers.items())
    snapshot = ChargerSnapshot(
        bench.now, connectors, station_power_limit_w=held_w.get(0), power_w=3_900.0, limits_read_s=read_s
    )
    bench.give(SnapshotTaken(snapshot))


def test_why_is_it_6_a() -> None:
    bench = limited(charging(PLACES), 1, (0, 16), (600, 6), unit="A")
    limited(bench, 1, (0, 6), (300, 16), unit="A", purpose="TxProfile", profile_id=2)
    bench.give(CommandConfirmed(LIMIT, 1, 4_200))
    bench.see(status=Status.CHARGING, power_w=3_900.0, current_a=(5.9, 5.8, 5.9), derating=Derating.LEVEL_1)
    poll_limits(bench, {0: 44_000, 1: 4_200}, {0: bench.now.monotonic_s - 3, 1: bench.now.monotonic_s - 1.5})
    answer = asked(bench)

    assert answer["decided_by"] == "tx_profile"
    assert answer["limit_w"] == 4_140
    tx = source(answer, "tx_profile")
    assert (tx["limit"], tx["limit_unit"], tx["number_phases"], tx["power_w"]) == (6, "A", 3, 4_140)
    assert (tx["decides"], tx["charging_profile_id"]) == (True, 2)
    default = source(answer, "tx_default_profile")
    assert default["charging_profile_id"] == 1
    assert (default["power_w"], default["limit"], default["detail"]) == (None, 16, "overruled by tx_profile")
    assert source(answer, "installation")["power_w"] == 44_000
    assert source(answer, "connector_maximum")["power_w"] == 22_000
    assert source(answer, "gate")["power_w"] is None
    assert answer["conversion"] == (
        "3 x 6 A x 230 V x min(1, 3/3) = 4140 W -> register 41; the charger's minimum 4200 W lies within 60 W: 42"
    )
    assert answer["summary"] == f"4200 W: tx_profile, profile 2: 6 A on 3 phases; {answer['conversion']}"
    assert answer["command"] == {
        "power_w": 4_200,
        "register_value": 42,
        "confirmed": True,
        "refused_w": None,
        "read_only": False,
        "safe_state": None,
    }
    assert answer["read_back"] == {
        "register_table": "holding",
        "register_address": 256,
        "register_value": 42,
        "power_w": 4_200,
        "read_at": bench.now.plus(-1.5).stamp(),
        "age_s": 1.5,
    }
    charger = answer["charger"]
    assert (charger["status"], charger["power_w"], charger["derating"]) == ("Charging", 3_900.0, "level_1")
    assert charger["current_a"] == [5.9, 5.8, 5.9]
    assert charger["transaction"] is True
    assert answer["station"]["share_w"] == 4_200


def test_why_counts_the_phases_that_the_car_uses() -> None:
    bench = limited(charging(), 1, (0, 16), unit="A")
    bench.see(current_a=(16.0, 15.8, 0.0))
    assert asked(bench)["conversion"] == "3 x 16 A x 230 V x min(1, 3/2) = 11040 W -> register 110"


def test_why_tells_that_a_limit_is_too_low_to_charge() -> None:
    answer = asked(limited(charging(), 1, (0, 3_050)))
    assert answer["conversion"] == "3050 W -> register 30; less than the charger's minimum 4200 W, so it pauses"


@pytest.mark.parametrize(
    ("arranged", "winner"),
    [
        pytest.param(lambda b: None, "connector_maximum", id="nothing else"),
        pytest.param(lambda b: b.give(LimitSet("operator", 1, 6_000)), "operator", id="operator"),
        pytest.param(lambda b: b.give(LimitSet("grid", 1, 6_000, 60.0)), "grid", id="external"),
        pytest.param(lambda b: b.give(LimitSet("grid", 0, 20_000, 60.0)), "station_share", id="share"),
        pytest.param(lambda b: limited(b, 1, (0, 6_000)), "tx_default_profile", id="profile"),
        pytest.param(lambda b: b.ask("RemoteStopTransaction", transactionId=7), "gate", id="our stop"),
        pytest.param(lambda b: b.give(CommandRefused(LIMIT, 1, 22_000, "exception 4")), "safe_state", id="safe state"),
        pytest.param(
            lambda b: b.give(CommandRefused(LIMIT, 1, 22_000, "reads", 11_000)), "charger_rating", id="rating"
        ),
    ],
)
def test_why_names_who_won(arranged: Any, winner: str) -> None:
    bench = charging()
    arranged(bench)
    answer = asked(bench)
    assert answer["decided_by"] == winner
    assert [one["name"] for one in answer["sources"] if one["decides"]] == [winner]
    connector = view(bench.core.point, bench.now)["connectors"][0]
    assert connector["limited_by"] == winner


def test_why_tells_availability() -> None:
    bench = Bench().linked().online()
    bench.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    assert asked(bench)["decided_by"] == "availability"


def test_why_tells_who_the_gate_waits_for() -> None:
    answer = asked(Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).linked())
    assert (answer["decided_by"], source(answer, "gate")["detail"]) == ("gate", "nobody is authorised")
    assert answer["summary"].startswith("0 W: gate, nobody is authorised")


def test_why_tells_a_share() -> None:
    bench = charging().charging(2)
    bench.give(LimitSet("grid", 0, 20_000, 60.0))
    answer = asked(bench)
    share = source(answer, "station_share")
    assert share["power_w"] == answer["station"]["share_w"] == bench.commanded_w(1)
    assert share["detail"] == f"of the station's 20000 W the other connectors have {bench.commanded_w(2)} W"
    assert answer["station"]["decided_by"] == "grid"
    assert answer["may_change_at"] == bench.now.plus(60).stamp()


def test_why_tells_a_safe_state_and_when_it_is_tried_again() -> None:
    bench = charging()
    bench.give(CommandRefused(LIMIT, 1, 22_000, "exception 4"))
    assert asked(bench)["command"]["safe_state"] == {
        "since": bench.now.stamp(),
        "written_w": 22_000,
        "read_w": None,
        "reason": "exception 4",
        "tried_again_in_s": None,  # not before 0 W is confirmed
    }
    bench.give(CommandConfirmed(LIMIT, 1, 0))
    assert asked(bench)["command"]["safe_state"]["tried_again_in_s"] == 10
    assert asked(bench)["charger"]["vendor_error_code"] == "LimitNotTaken"


def test_why_of_the_station() -> None:
    bench = charging(PLACES)
    limited(bench, 0, (0, 10), purpose="ChargePointMaxProfile", unit="A")
    poll_limits(bench, {0: 6_900}, {0: bench.now.monotonic_s})
    answer = asked(bench, 0)
    assert (answer["decided_by"], answer["limit_w"], answer["station"]) == ("charge_point_max_profile", 6_900, None)
    assert answer["conversion"] == "3 x 10 A x 230 V x min(1, 3/3) = 6900 W -> register 69"
    assert (answer["read_back"]["register_address"], answer["read_back"]["power_w"]) == (0, 6_900)
    assert answer["charger"]["power_w"] == 3_900.0


def test_why_is_null_for_what_nobody_read() -> None:
    answer = asked(Bench())
    assert set(answer["read_back"].values()) == {None}
    assert answer["command"]["power_w"] is None
    assert answer["charger"]["status"] == "Faulted"
    nothing = ("seen_at", "age_s", "register_status", "power_w", "current_a", "voltage_v", "derating")
    assert [answer["charger"][name] for name in nothing] == [None] * len(nothing)


def test_why_without_a_clock_shows_a_marker_for_the_time() -> None:
    bench = Bench().forget_the_time().linked()
    bench.give(LimitSet("grid", 1, 6_000, 60.0))
    assert source(asked(bench), "grid")["until"] == bench.now.plus(60).stamp()


def test_why_of_a_connector_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        asked(Bench().linked(), 3)


def test_the_view_shows_limits_from_outside() -> None:
    bench = charging()
    bench.give(LimitSet("operator", 1, 6_000))
    bench.give(LimitSet("grid", 0, 20_000, 60.0, 4_200))
    set_at = bench.now
    bench.wait(60)
    assert view(bench.core.point, bench.now)["external_limits"] == [
        {
            "source": "grid",
            "connector_id": 0,
            "power_w": 20_000,
            "lifetime_s": 60.0,
            "failsafe_w": 4_200,
            "set_at": set_at.stamp(),
            "counts_w": 4_200,
            "until": None,
            "silent": True,
        },
        {
            "source": "operator",
            "connector_id": 1,
            "power_w": 6_000,
            "lifetime_s": None,
            "failsafe_w": None,
            "set_at": set_at.stamp(),
            "counts_w": 6_000,
            "until": None,
            "silent": False,
        },
    ]
