"""Cars come and go at one connector, and the gateway is killed and cut off at any poll: one car, one bill.

The story is a function of time, so that it goes on while nobody looks. What is told must be what was seen of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ocpp_gateway.charger.events import LinkUp
from ocpp_gateway.registers.snapshot import Tag
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, Bench, seconds_after

POWER_W = 20_000
FLICKERS = (None, Status.AVAILABLE, Status.PREPARING, Status.FINISHING, Status.FAULTED, Status.UNAVAILABLE)


Bill = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Visit:
    """One car, in whole seconds. Lags are from the moment it begins to charge, negative before it."""

    idle_s: int
    preparing_s: int
    charges_s: int
    pauses_s: int
    goes_on_s: int
    finishing_s: int
    tag_lag_s: int
    reset_lag_s: int
    tag_stands: bool  # in the register after the car has left
    flickers: tuple[tuple[int, Status | None], ...] = ()  # for one second, so many seconds after it began to charge


@dataclass(frozen=True)
class Placed:
    """A visit with its place in time."""

    visit: Visit
    number: int
    plugs_s: int

    @property
    def begins_s(self) -> int:
        return self.plugs_s + self.visit.preparing_s

    @property
    def ends_s(self) -> int:
        return self.begins_s + self.visit.charges_s + self.visit.pauses_s + self.visit.goes_on_s

    @property
    def leaves_s(self) -> int:
        return self.ends_s + self.visit.finishing_s

    @property
    def id_tag(self) -> str:
        return f"CAR-{self.number}"

    def charged_s(self, at_s: int) -> int:
        after_s = max(at_s - self.begins_s, 0)
        first_s = min(after_s, self.visit.charges_s)
        return first_s + min(max(after_s - self.visit.charges_s - self.visit.pauses_s, 0), self.visit.goes_on_s)

    def energy_wh(self, at_s: int) -> int:
        return POWER_W * self.charged_s(at_s) // 3600 // 100 * 100

    def status(self, at_s: int) -> Status | None:
        if not self.plugs_s <= at_s < self.leaves_s:
            return Status.AVAILABLE
        if at_s < self.begins_s:
            return Status.PREPARING
        if at_s >= self.ends_s:
            return Status.FINISHING
        for flickers_s, status in self.visit.flickers:
            if at_s - self.begins_s == flickers_s:
                return status
        paused_s = at_s - self.begins_s - self.visit.charges_s
        return Status.SUSPENDED_EV if 0 <= paused_s < self.visit.pauses_s else Status.CHARGING


visits = st.builds(
    Visit,
    idle_s=st.integers(15, 40),
    preparing_s=st.integers(0, 12),
    charges_s=st.integers(8, 120),
    pauses_s=st.sampled_from([0, 0, 5, 30]),
    goes_on_s=st.integers(0, 60),
    finishing_s=st.sampled_from([0, 2, 20]),
    tag_lag_s=st.integers(-8, 2),
    reset_lag_s=st.integers(-8, 2),
    tag_stands=st.booleans(),
    flickers=st.lists(st.tuples(st.integers(3, 60), st.sampled_from(FLICKERS)), max_size=1).map(tuple),
)


@dataclass(frozen=True)
class Story:
    """All visits; what the registers show at any second."""

    placed: tuple[Placed, ...]

    @property
    def over_s(self) -> int:
        return self.placed[-1].leaves_s + 60

    def last_begun(self, at_s: int, what: str) -> Placed | None:
        """The last visit whose tag, or whose fall of the counters, was to be seen by then."""
        found = None
        for one in self.placed:
            if max(one.begins_s + getattr(one.visit, what), one.plugs_s) <= at_s:
                found = one
        return found

    def at(self, at_s: int) -> Placed | None:
        """The car that stands there."""
        return next((one for one in self.placed if one.plugs_s <= at_s < one.leaves_s), None)

    def registers(self, at_s: int) -> dict[str, Any]:
        car, counted, shown = self.at(at_s), self.last_begun(at_s, "reset_lag_s"), self.last_begun(at_s, "tag_lag_s")
        stands = shown is not None and (shown is car or shown.visit.tag_stands)
        return {
            "status": Status.AVAILABLE if car is None else car.status(at_s),
            "status_raw": 1,
            "session_energy_wh": 0 if counted is None else counted.energy_wh(at_s),
            "charging_s": 0 if counted is None else counted.charged_s(at_s),
            "tag": Tag(shown.id_tag if shown is not None and stands else None, unusable=False, read_s=0.0),
        }


def told(begins: list[Visit]) -> Story:
    placed, at_s = [], 20
    for number, visit in enumerate(begins):
        placed.append(Placed(visit, number, at_s + visit.idle_s))
        at_s = placed[-1].leaves_s
    return Story(tuple(placed))


stories = st.lists(visits, min_size=1, max_size=4).map(told)


@dataclass(frozen=True)
class Break:
    """At that part of the story (of 10,000), for so long; so many times, with lives too short to settle between."""

    at: int
    kill: bool
    lasts_s: int
    times: int = 1
    lives_s: int = 0


breaks = st.lists(
    st.builds(
        Break,
        st.integers(0, 9_999),
        st.booleans(),
        st.sampled_from([1, 2, 5, 13, 40, 200]),
        st.sampled_from([1, 1, 1, 4, 9]),
        st.integers(3, 9),
    ),
    max_size=5,
)


@dataclass
class Seen:
    """What was polled, and what a gateway that was there for it must know."""

    polls: list[tuple[int, int]]  # second, and the number of the life (a kill, or a cut, begins a new one)
    killed: set[int]  # lives that began with a kill


def played(story: Story, breaks: list[Break], interval_s: int) -> tuple[Bench, Seen]:
    bench, seen, life, at_s = Bench(), Seen([], set()), 0, 0
    zero_s = bench.now.monotonic_s
    bench.give(LinkUp(DUO))
    bench.online()
    due = sorted((story.over_s * one.at // 10_000, one.kill, one.lasts_s, one.times, one.lives_s) for one in breaks)
    until_s = story.over_s
    while at_s < until_s or due:
        at_s = round(bench.now.monotonic_s - zero_s)
        if due and at_s >= due[0][0]:
            _, kill, lasts_s, times, lives_s = due.pop(0)
            life += 1
            if kill:
                bench.killed_and_restarted(lasts_s)
                bench.online()
                seen.killed.add(life)
            else:
                bench.cut().wait(lasts_s)
            bench.give(LinkUp(DUO))
            if times > 1:
                at_s = round(bench.now.monotonic_s - zero_s)
                due = sorted([*due, (at_s + lives_s, kill, lasts_s, times - 1, lives_s)])
            until_s = max(until_s, round(bench.now.monotonic_s - zero_s) + 30)
            continue
        bench.unseen(**story.registers(at_s + interval_s))
        bench.poll(seconds=interval_s)
        seen.polls.append((at_s + interval_s, life))
    return bench, seen


def certain_border(story: Story, seen: Seen, one: Placed, other: Placed) -> bool:
    """Whether what was read proves that these two were two."""
    polls = seen.polls
    first_of_life: dict[int, int] = {}
    for at_s, life in polls:
        first_of_life.setdefault(life, at_s)
    quiet = [(at_s, life) for at_s, life in polls if one.ends_s <= at_s < other.plugs_s]
    for life in {life for _, life in quiet}:
        settled = [at_s for at_s, its in quiet if its == life and at_s - first_of_life[life] >= 10]
        if len(settled) >= 2 and settled[-1] - settled[0] >= 3:
            return True
    before = [(at_s, life) for at_s, life in polls if one.plugs_s <= at_s < other.plugs_s]
    after = [(at_s, life) for at_s, life in polls if other.plugs_s <= at_s < other.leaves_s]
    if not before or not after:
        return False
    was, now = story.registers(before[-1][0]), story.registers(after[0][0])
    if before[-1][1] == after[0][1]:
        return False
    tags = was["tag"].id_tag, now["tag"].id_tag
    if None not in tags and tags[0] != tags[1]:
        return True
    return (
        bool(was["session_energy_wh"])
        and now["session_energy_wh"] < was["session_energy_wh"]
        and now["charging_s"] < was["charging_s"]
    )


@settings(max_examples=40, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(stories, breaks, st.sampled_from([1, 1, 3]))
def test_fault_k_09_one_car_is_one_bill_whatever_dies_and_when(
    story: Story, breaks: list[Break], interval_s: int
) -> None:
    check(story, breaks, interval_s)


def check(story: Story, breaks: list[Break], interval_s: int) -> None:
    bench, seen = played(story, breaks, interval_s)
    rows = [row for row in bench.shelf.outbox if row.action != "MeterValues"]
    assert [row.action for row in rows] == ["StartTransaction", "StopTransaction"] * (len(rows) // 2)
    assert all(begun.local_id == ended.local_id for begun, ended in zip(rows[::2], rows[1::2], strict=True))
    assert len({row.local_id for row in rows}) == len(rows) // 2
    bills = list(zip(bench.starts(), bench.stops(), strict=True))
    stamps = [payload["timestamp"] for bill in bills for payload in bill]
    assert stamps == sorted(stamps)
    meters = [meter_wh for start, stop in bills for meter_wh in (start["meterStart"], stop["meterStop"])]
    assert meters == sorted(meters)

    billed: dict[int, list[Bill]] = {one.number: [] for one in story.placed}
    for bill in bills:
        begun_s = seconds_after(bill[0]["timestamp"])
        owner = [one for one in story.placed if one.plugs_s <= begun_s]
        assert owner, "a transaction without a car"
        billed[owner[-1].number].append(bill)

    def unseen(one: Placed) -> bool:
        """A card that stands there since a visit that no settled gateway saw cannot be told from the next one's."""
        return not any(
            one.plugs_s <= at_s < one.leaves_s
            and at_s - next(first for first, its in seen.polls if its == life) >= 10 * (life > 0)
            for at_s, life in seen.polls
        )

    for one in story.placed:
        mine = billed[one.number]
        assert len(mine) <= 1, "two bills for one car"
        looked = [(at_s, life) for at_s, life in seen.polls if one.status(at_s) is Status.CHARGING]
        settled = [
            life
            for at_s, life in looked
            if life == 0 or at_s - next(first for first, its in seen.polls if its == life) >= 10
        ]
        # A car that charges only for a card's wait need not be known.
        lives = [life for _, life in looked]
        witnessed = any(lives.count(life) * interval_s >= 8 for life in lives)
        merged = one.number > 0 and not certain_border(story, seen, story.placed[one.number - 1], one)
        if not mine:
            assert not witnessed or merged, "a car without a bill"
            continue
        ((start, stop),) = mine
        taken_wh = stop["meterStop"] - start["meterStart"]
        following = story.placed[one.number + 1 :]
        may_wh = one.energy_wh(one.leaves_s)
        for before, after in pairwise([one, *following]):
            if certain_border(story, seen, before, after) or billed[after.number]:
                break
            may_wh += after.energy_wh(after.leaves_s)
        assert taken_wh <= may_wh, "more than was taken"
        # By a gateway that had settled; else its first energy may be hidden by counters of the session before.
        seen_whole = looked and looked[0][0] - one.begins_s < interval_s and len(settled) == len(looked)
        if not merged and seen_whole and story.last_begun(looked[-1][0], "reset_lag_s") is one:
            assert taken_wh >= one.energy_wh(looked[-1][0]), "less than was seen"
        if one.visit.tag_lag_s <= 0 and seen_whole and len({life for _, life in looked[:2]}) == 1 < len(looked):
            assert start["idTag"] == one.id_tag
        left = {before.id_tag for before in story.placed[: one.number] if before.visit.tag_stands and unseen(before)}
        assert start["idTag"] in {one.id_tag, "UNKNOWN"} | left
