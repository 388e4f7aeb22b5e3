"""Whatever cars come, draw and leave: the parts fit into the station's limit, suffice to charge, and go round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_gateway.smart_charging.power import PowerRegister
from ocpp_gateway.smart_charging.sharing import PASSED_ON_AFTER_S, TURN_S, Claim, Sharing, share

REGISTER = PowerRegister(step_w=100, minimum_w=4_200, nominal_voltage_v=230.0, tolerance_w=60)
pytestmark = pytest.mark.conformance("P-50", "P-51")

steps = st.integers(0, 250).map(lambda n: 100 * n)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[float, int, list[Claim]]]:
    """Looks at a station, the time since the one before with each."""
    ids = range(1, draw(st.integers(1, 4)) + 1)
    minimum_w = {connector_id: draw(st.sampled_from([1_400, 4_200, 6_000])) for connector_id in ids}

    def claim(connector_id: int) -> Claim:
        occupied = draw(st.booleans())
        draw_w = draw(st.none() | steps) if occupied else 0
        return Claim(connector_id, draw(steps), minimum_w[connector_id], occupied, draw_w)

    looks = st.sampled_from([0.0, 1.0, 9.9, 10.0, 31.0, 40.0, 60.0, 899.0, 900.0, 3_000.0])
    return [
        (draw(looks), draw(steps), [claim(connector_id) for connector_id in ids])
        for _ in range(draw(st.integers(1, 12)))
    ]


def told(story: list[tuple[float, int, list[Claim]]]) -> Iterator[tuple[int, list[Claim], Sharing, Sharing, float]]:
    now_s, sharing = 1_000.0, Sharing()
    for elapsed_s, station_w, claims in story:
        now_s, before = now_s + elapsed_s, sharing
        sharing = share(station_w, claims, before, now_s, REGISTER)
        yield station_w, claims, before, sharing, now_s


@given(stories())
def test_p_50_the_parts_fit_into_the_station_s_limit_and_each_into_its_own(
    story: list[tuple[float, int, list[Claim]]],
) -> None:
    for station_w, claims, _, sharing, _ in told(story):
        granted_w = sharing.granted_w
        assert granted_w.keys() == {claim.connector_id for claim in claims}
        assert sum(granted_w.values()) <= station_w
        for claim in claims:
            assert 0 <= granted_w[claim.connector_id] <= claim.limit_w
            assert granted_w[claim.connector_id] % 100 == 0


@given(stories())
def test_p_51_nobody_gets_too_little_to_charge_with_unless_that_is_its_own_limit(
    story: list[tuple[float, int, list[Claim]]],
) -> None:
    for _, claims, _, sharing, _ in told(story):
        for claim in claims:
            power_w = sharing.granted_w[claim.connector_id]
            assert power_w == 0 or power_w >= claim.minimum_w or power_w == claim.limit_w


@given(stories())
def test_p_51_nothing_is_kept_from_a_car_that_charges(story: list[tuple[float, int, list[Claim]]]) -> None:
    for station_w, claims, _, sharing, _ in told(story):
        left_w = station_w - sum(sharing.granted_w.values())
        wanting = [c for c in claims if c.minimum_w <= sharing.granted_w[c.connector_id] < c.limit_w]
        assert not wanting or left_w < 100 * len(claims)


@given(stories())
def test_what_happens_by_itself_is_foretold(story: list[tuple[float, int, list[Claim]]]) -> None:
    for station_w, claims, _, sharing, now_s in told(story):
        again = share(station_w, claims, sharing, now_s, REGISTER)
        assert again.granted_w == sharing.granted_w  # a second look at the same moment changes nothing
        assert again.until_s is None or again.until_s > now_s
        later_s = now_s + 3_600.0 if again.until_s is None else (now_s + again.until_s) / 2
        assert share(station_w, claims, again, later_s, REGISTER).granted_w == again.granted_w


# ---------------------------------------------------------------- turns


@dataclass
class Car:
    limit_w: int
    minimum_w: int
    wants: bool = True


def hours(cars: Sequence[Car], station_w: int, seconds: int) -> Iterator[tuple[float, Sharing]]:
    """Cars that draw whatever they are given, or nothing, looked at every 15 s."""
    sharing = Sharing()
    for now in range(0, seconds, 15):
        claims = []
        for connector_id, car in enumerate(cars, start=1):
            part = sharing.parts.get(connector_id)
            draw_w = part.granted_w if car.wants and part is not None else 0
            claims.append(Claim(connector_id, car.limit_w, car.minimum_w, True, draw_w))
        sharing = share(station_w, claims, sharing, float(now), REGISTER)
        yield float(now), sharing


cars = st.builds(Car, st.integers(42, 220).map(lambda n: 100 * n), st.sampled_from([1_400, 4_200]))


@settings(max_examples=25, deadline=None)
@given(st.lists(cars, min_size=2, max_size=4), st.integers(42, 120).map(lambda n: 100 * n))
def test_p_51_turns_last_at_least_15_minutes_and_everybody_gets_one(station_cars: list[Car], station_w: int) -> None:
    begun: dict[int, float | None] = dict.fromkeys(range(1, len(station_cars) + 1), 0.0)
    ran_s = dict.fromkeys(begun, 0.0)
    ended: dict[int, float | None] = dict.fromkeys(begun, None)
    for now_s, sharing in hours(station_cars, station_w, 4 * 3_600):
        for connector_id, power_w in sharing.granted_w.items():
            runs, since_s = power_w > 0, begun[connector_id]
            ran_s[connector_id] += 15.0 * runs
            if runs and since_s is None:
                begun[connector_id] = now_s
            elif not runs and since_s is not None:
                assert now_s == 0.0 or now_s - since_s >= TURN_S
                begun[connector_id], ended[connector_id] = None, now_s
            if not runs:
                waited_s = now_s - (ended[connector_id] or 0.0)
                assert waited_s <= TURN_S * len(station_cars)  # nobody starves
    assert all(seconds >= TURN_S for seconds in ran_s.values())


def test_p_51_a_car_that_draws_nothing_in_its_turn_lets_the_next_one_have_it() -> None:
    ran_s = [0.0, 0.0]
    for _, sharing in hours([Car(22_000, 4_200), Car(22_000, 4_200, wants=False)], 6_000, 12 * 3_600):
        for connector_id, power_w in sharing.granted_w.items():
            ran_s[connector_id - 1] += 15.0 * (power_w > 0)
    assert ran_s[1] < 0.1 * sum(ran_s)


# ---------------------------------------------------------------- what one leaves to the other


def claim(connector_id: int, *, draw_w: float | None = 0.0, occupied: bool = True, limit_w: int = 22_000) -> Claim:
    return Claim(connector_id, limit_w, 4_200, occupied, draw_w)


class Watched:
    """A station of 22 kW, watched every second."""

    def __init__(self, station_w: int = 22_000) -> None:
        self.sharing, self.now_s, self.station_w = Sharing(), 0.0, station_w

    def look(self, *claims: Claim, seconds: int = 1) -> dict[int, int]:
        for _ in range(seconds):
            self.now_s += 1.0
            self.sharing = share(self.station_w, claims, self.sharing, self.now_s, REGISTER)
        return self.sharing.granted_w


def test_p_51_parts_are_equal_at_first() -> None:
    assert Watched().look(claim(1), claim(2)) == {1: 11_000, 2: 11_000}


def test_p_51_a_connector_without_a_car_keeps_its_minimum_and_leaves_the_rest_after_10_s() -> None:
    station = Watched()
    station.look(claim(1, draw_w=11_000), claim(2, occupied=False))
    assert station.look(claim(1, draw_w=11_000), claim(2, occupied=False), seconds=10) == {1: 11_000, 2: 11_000}
    assert station.look(claim(1, draw_w=11_000), claim(2, occupied=False)) == {1: 17_800, 2: 4_200}
    assert PASSED_ON_AFTER_S == 10.0


def test_p_51_its_part_comes_back_at_once_when_a_car_is_plugged() -> None:
    station = Watched()
    station.look(claim(1, draw_w=11_000), claim(2, occupied=False), seconds=60)
    assert station.look(claim(1, draw_w=17_000), claim(2)) == {1: 11_000, 2: 11_000}


def test_p_51_a_car_that_wakes_gets_its_part_back_at_once() -> None:
    station = Watched()
    assert station.look(claim(1, draw_w=11_000), claim(2), seconds=60) == {1: 17_800, 2: 4_200}
    assert station.look(claim(1, draw_w=17_000), claim(2, draw_w=4_140)) == {1: 11_000, 2: 11_000}


def test_p_51_a_raised_limit_has_30_s_to_be_used_before_it_counts_as_unused() -> None:
    station = Watched()
    assert station.look(claim(1, draw_w=11_000), claim(2), seconds=40) == {1: 11_000, 2: 11_000}
    assert station.look(claim(1, draw_w=11_000), claim(2), seconds=2) == {1: 17_800, 2: 4_200}


def test_p_51_what_a_car_draws_and_a_margin_stay_its_own() -> None:
    station = Watched()
    granted_w = station.look(claim(1, draw_w=11_000), claim(2, draw_w=6_000), seconds=60)
    assert granted_w == {1: 14_000, 2: 8_000}  # 6,000 W, a tenth, and 2 A a phase


@pytest.mark.parametrize("draws", [0.8, 0.85, 0.9, 0.95, 1.0])
def test_p_51_a_car_that_draws_somewhat_less_than_offered_is_not_pressed_down(draws: float) -> None:
    station, power_w = Watched(), 11_000
    for _ in range(100):
        power_w = station.look(claim(1, draw_w=22_000), claim(2, draw_w=power_w * draws), seconds=60)[2]
    assert power_w >= 10_000


def test_p_51_what_nobody_measured_is_not_passed_on() -> None:
    assert Watched().look(claim(1), claim(2, draw_w=None), seconds=600)[2] == 17_800


def test_p_51_where_two_minimums_do_not_fit_a_connector_without_a_car_gets_nothing() -> None:
    station = Watched(6_000)
    assert station.look(claim(1, occupied=False), claim(2, draw_w=6_000)) == {1: 0, 2: 6_000}
    assert station.look(claim(1), claim(2, draw_w=6_000)) == {1: 0, 2: 6_000}  # its turn comes
    assert station.look(claim(1), claim(2, draw_w=6_000), seconds=900) == {1: 6_000, 2: 0}


def test_p_51_a_limit_too_low_to_charge_with_takes_nothing_from_others() -> None:
    assert Watched(6_000).look(claim(1, limit_w=3_000), claim(2)) == {1: 0, 2: 6_000}
    assert Watched(9_000).look(claim(1, limit_w=3_000), claim(2, limit_w=6_500)) == {1: 0, 2: 6_500}
    assert Watched(9_000).look(claim(1, limit_w=3_000), claim(2, limit_w=6_000)) == {1: 3_000, 2: 6_000}


def test_p_51_when_the_limit_falls_the_one_that_goes_on_has_its_turn_first() -> None:
    station = Watched()
    both = claim(1, draw_w=11_000), claim(2, draw_w=11_000)
    station.look(*both, seconds=2_000)
    station.station_w = 6_000
    first = station.look(*both)
    assert sorted(first.values()) == [0, 6_000]
    assert station.look(*both, seconds=890) == first
    assert station.look(*both, seconds=20) == {1: first[2], 2: first[1]}


def test_p_51_a_car_that_needs_much_is_not_overtaken_for_ever_by_those_that_need_little() -> None:
    station, ran = Watched(6_000), 0
    minimum_w = {1: 6_000, 2: 3_000, 3: 3_000, 4: 3_000, 5: 3_000}
    comes_s = {1: 600, 2: 0, 3: 450, 4: 500, 5: 620}
    for now in range(0, 7_200, 10):
        station.now_s += 9.0
        claims = [
            Claim(
                connector_id, 6_000, least_w, now >= comes_s[connector_id], None if now >= comes_s[connector_id] else 0
            )
            for connector_id, least_w in minimum_w.items()
        ]
        ran += station.look(*claims)[1] > 0
    assert ran * 10 >= 2 * TURN_S


def test_p_51_a_station_limit_that_wobbles_around_two_minimums_closes_a_contactor_once_in_15_minutes() -> None:
    station, starts, ran = Watched(), 0, {1: True, 2: True}
    station.look(claim(1, draw_w=11_000), claim(2, draw_w=11_000), seconds=60)
    for minute in range(60):
        station.station_w = 8_300 if minute % 2 else 8_500
        for _ in range(60):
            granted_w = station.look(*(claim(c, draw_w=station.sharing.granted_w[c]) for c in ran))
            starts += sum(granted_w[c] > 0 and not ran[c] for c in ran)
            ran = {c: granted_w[c] > 0 for c in ran}
            assert any(ran.values())
    assert starts <= 4


@pytest.mark.parametrize("station_w", [8_500, 22_000, 44_000])
def test_p_51_a_car_that_was_paused_starts_again_after_15_minutes_however_much_there_is(station_w: int) -> None:
    station = Watched()
    both = claim(1, draw_w=11_000), claim(2, draw_w=11_000)
    station.look(*both, seconds=60)
    station.station_w = 6_000
    assert station.look(*both) == {1: 6_000, 2: 0}
    station.station_w = station_w
    charging = claim(1, draw_w=22_000), claim(2)
    assert station.look(*charging, seconds=899) == {1: min(station_w, 22_000), 2: 0}
    assert station.sharing.until_s == 61.0 + TURN_S
    assert min(station.look(*charging).values()) >= 4_200


def test_p_51_a_car_that_was_paused_starts_at_once_when_nobody_else_charges() -> None:
    station = Watched()
    both = claim(1, draw_w=11_000), claim(2, draw_w=11_000)
    station.look(*both, seconds=60)
    station.station_w = 6_000
    assert station.look(*both, seconds=60) == {1: 6_000, 2: 0}
    assert station.look(claim(1, draw_w=0, occupied=False), claim(2)) == {1: 0, 2: 6_000}


def test_p_51_a_short_limit_of_0_w_does_not_end_a_pause() -> None:
    station = Watched()
    both = claim(1, draw_w=11_000), claim(2, draw_w=11_000)
    station.look(*both, seconds=60)
    station.station_w = 6_000
    station.look(*both)
    station.station_w = 22_000
    station.look(both[0], claim(2, limit_w=0))
    assert station.look(both[0], claim(2), seconds=60) == {1: 22_000, 2: 0}


def test_who_charges_already_when_the_gateway_starts_has_the_first_turn() -> None:
    assert Watched(6_000).look(claim(1), claim(2, draw_w=6_000)) == {1: 0, 2: 6_000}


@pytest.mark.parametrize(
    ("station_w", "limits_w", "granted_w"),
    [
        pytest.param(44_000, {1: 22_000, 2: 22_000}, {1: 22_000, 2: 22_000}, id="enough for all"),
        pytest.param(22_000, {1: 5_000, 2: 22_000}, {1: 5_000, 2: 17_000}, id="what one may not have is the other's"),
        pytest.param(22_000, {1: 22_000, 2: 0}, {1: 22_000, 2: 0}, id="a closed one needs nothing"),
        pytest.param(11_100, {1: 22_000, 2: 22_000}, {1: 5_600, 2: 5_500}, id="whole steps"),
        pytest.param(0, {1: 22_000, 2: 22_000}, {1: 0, 2: 0}, id="nothing to share"),
        pytest.param(22_000, {1: 11_000}, {1: 11_000}, id="a SOLO"),
        pytest.param(22_000, {}, {}, id="nobody"),
    ],
)
def test_p_50_connectors_share_the_station_s_limit(
    station_w: int, limits_w: dict[int, int], granted_w: dict[int, int]
) -> None:
    claims = [claim(connector_id, limit_w=limit_w) for connector_id, limit_w in limits_w.items()]
    assert Watched(station_w).look(*claims) == granted_w
