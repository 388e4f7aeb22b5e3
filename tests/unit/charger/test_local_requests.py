"""What a local operator asks for: the same rules as for the central system, and an honest no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocpp_gateway.charger.events import AvailabilityAsked, StartAsked, StopAsked
from ocpp_gateway.charger.requests.local import availability_objection, start_objection, stop_objection
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import SETTINGS, Bench, mode

CENTRAL, CHARGER, FREE = AuthorizationMode.CENTRAL_SYSTEM, AuthorizationMode.CHARGER, AuthorizationMode.FREE


def central() -> Bench:
    return Bench(mode(CENTRAL)).linked().online()


def charging() -> Bench:
    """In mode charger, with a card that the central system knows."""
    bench = Bench(SETTINGS).linked().online().charging()
    bench.authorize("Accepted")
    return bench


def objection(bench: Bench, id_tag: str = "DESK") -> str | None:
    return start_objection(bench.core.point, bench.core.point.connectors[1], id_tag, bench.now.monotonic_s)


def test_a_start_is_asked_of_the_central_system_like_a_card() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.give(StartAsked(1, "DESK"))
    assert bench.calls("Authorize") == [{"idTag": "DESK"}]
    assert (bench.starts(), bench.commanded_w()) == ([], 0)
    assert objection(bench) == "the central system is being asked about an id tag for this connector"
    bench.authorize("Accepted")
    assert [start["idTag"] for start in bench.starts()] == ["DESK"]
    assert bench.commanded_w() == 22_000
    assert objection(bench) == "a transaction runs here"


def test_a_charger_that_nobody_reached_is_not_called_faulted() -> None:
    assert objection(Bench(mode(CENTRAL)).online()) == "the charger has not been reached yet"


def test_a_charger_that_went_silent_is_not_called_faulted() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.cut()
    assert objection(bench) is None  # a moment is no reason: it may be back before the answer
    bench.wait(SETTINGS.unreachable_after_s)
    assert objection(bench) == "the charger does not answer"


def test_a_start_that_the_central_system_refuses_opens_nothing() -> None:
    bench = central()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.give(StartAsked(1, "DESK"))
    bench.authorize("Blocked")
    assert (bench.starts(), bench.commanded_w()) == ([], 0)


def test_a_start_never_raises_anything_above_the_limits() -> None:
    bench = Bench(replace(mode(CENTRAL), max_power_w=6_000)).linked().online()
    bench.see(status=Status.SUSPENDED_EVSE)
    bench.give(StartAsked(1, "DESK"))
    bench.authorize("Accepted")
    assert bench.commanded_w() == 6_000


@pytest.mark.parametrize("who_decides", [CHARGER, FREE])
def test_where_the_charger_starts_itself_that_is_said(who_decides: AuthorizationMode) -> None:
    bench = Bench(mode(who_decides)).linked().online()
    bench.see(status=Status.PREPARING)
    assert "it has no register for that" in (objection(bench) or "")
    before = bench.commanded_w()
    bench.give(StartAsked(1, "DESK"))
    assert (bench.calls("Authorize"), bench.commanded_w()) == ([], before)
    assert bench.alarms()[-1] == "local_start_refused"


def test_a_stop_ends_the_transaction_and_holds_the_car_until_a_start_lifts_that() -> None:
    bench = charging()
    bench.give(StopAsked(1))
    (stop,) = bench.stops()
    assert (stop["reason"], "idTag" in stop) == ("Other", False)  # nobody at the charge point: not Local (x-10)
    assert bench.commanded_w() == 0
    assert stop_objection(bench.core.point, bench.core.point.connectors[1]) == "no transaction runs here"
    assert objection(bench) is None
    bench.give(StartAsked(1, "DESK"))
    bench.authorize("Accepted")
    assert bench.commanded_w() == 22_000


def test_a_start_cannot_lift_a_stop_while_nobody_can_be_asked() -> None:
    bench = charging()
    bench.give(StopAsked(1))
    bench.offline()
    assert objection(bench) == "the central system is away, and nobody here knows this id tag"
    bench.give(StartAsked(1, "DESK"))
    assert bench.commanded_w() == 0


def test_out_of_service_holds_back_the_next_car_and_not_this_one() -> None:
    bench = charging()
    bench.give(AvailabilityAsked(1, operative=False))
    assert bench.commanded_w() == 22_000  # r-25
    bench.give(StopAsked(1))
    assert bench.commanded_w() == 0
    assert objection(bench) == "the connector is out of service"
    bench.give(AvailabilityAsked(0, operative=True))
    assert bench.core.point.connectors[1].operative
    assert bench.shelf.stored.availability


def test_a_gateway_that_writes_nothing_promises_nothing() -> None:
    bench = Bench(replace(SETTINGS, read_only=True)).linked().online().charging()
    point = bench.core.point
    assert "read-only" in (stop_objection(point, point.connectors[1]) or "")
    assert "read-only" in (availability_objection(point, operative=False) or "")
    bench.give(StopAsked(1))
    bench.give(AvailabilityAsked(1, operative=False))
    assert (bench.stops(), point.connectors[1].operative) == ([], True)


def test_nothing_is_asked_of_a_connector_that_is_not_there() -> None:
    bench = central()
    for event in (StartAsked(9, "DESK"), StopAsked(9), AvailabilityAsked(9, operative=False)):
        assert bench.give(event) == []
