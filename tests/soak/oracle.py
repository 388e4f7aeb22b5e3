"""What a charger may ever be told, judged at each write on the charger's side (faults.md I4, I5; P-28, P-43, P-50).

It knows what was accepted (by the answers), which transactions run, and what the registers hold. A request whose answer
never came may have been taken or not: then there are two possible worlds, and a write is wrong only if it is in both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import floor
from typing import Any

from soak.reference import (
    TX,
    Installed,
    cleared,
    connector_limit_w,
    highest_written_w,
    station_limit_w,
    with_profile,
)

STATION = 0
REGISTER_OF = {0: STATION, 256: 1, 272: 2}
FALLBACK_POWER, FALLBACK_INTERVAL = 3, 5
UNSAID = "Unsaid"
"""The status of a request that could not be sent."""
STEP_W = 100

APPLIES_WITHIN_S = 2.0
"""I5: T_apply."""
CARRIED_OUT_WITHIN_S = 0.3
"""A commit takes real time, in which a write that was decided before it may still leave."""
CLOCKS_DIFFER_BY_S = 0.05
RAISED_EVERY_S = 1.0
SLOW_REGISTERS_S = 15.0
CYCLES_TO_SEE_ANOTHER = 3
"""What another master wrote, or the charger itself when it restarted, must be seen and overwritten within these."""

Place = tuple[str, int]
"""A source of limits and a connector; 0 is the station."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit from outside OCPP; once its lifetime is over, the lower of its value and its failsafe counts."""

    power_w: int
    until_s: float
    failsafe_w: int | None

    def power_at(self, now_s: float) -> int:
        return self.power_w if now_s < self.until_s or self.failsafe_w is None else min(self.power_w, self.failsafe_w)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Everything that was accepted and stands: one possible world."""

    profiles: tuple[Installed, ...] = ()
    allowances: tuple[tuple[Place, Allowance], ...] = ()
    closed: frozenset[int] = frozenset()
    inoperative: frozenset[int] = frozenset()

    def allowing(self, place: Place, allowance: Allowance | None) -> Accepted:
        """After a source spoke, or was removed."""
        others = tuple(one for one in self.allowances if one[0] != place)
        return replace(self, allowances=others if allowance is None else (*others, (place, allowance)))


@dataclass(frozen=True, slots=True)
class Transaction:
    """A running transaction; `began_s` None while its time is not known."""

    local_id: str
    id_tag: str
    began_s: float | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What the gateway knows besides: the transactions that run, and the time."""

    transactions: Mapping[int, Transaction] = field(default_factory=dict)
    knows_time: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """What never changes."""

    connectors: int
    max_power_w: int
    connector_max_power_w: int
    held_until_authorised: bool
    poll_interval_s: float
    fallback: tuple[int, int] | None  # the words of registers 3 and 5


@dataclass(slots=True)
class Register:
    """A limit register as the charger holds it."""

    held_w: int
    written_w: int | None = None  # by the gateway, last
    foreign_since_s: float | None = None  # somebody else changed it since
    exceeds_since_s: float | None = None
    raised_s: float = float("-inf")


@dataclass(slots=True)
class Figures:
    """What came of it."""

    writes: int = 0
    raises: int = 0
    refused: int = 0
    landings: int = 0
    checked_s: int = 0
    largest_margin_w: int = 0
    slowest_s: float = 0.0


class Violated(AssertionError):
    """The gateway wrote what it must not, or left what it must not leave."""


class Oracle:
    """Told of everything that happens to one charger; keeps the first violation.

    Times are seconds since 1970. `situation` asks the gateway what it knows; None while it does not run.
    """

    def __init__(
        self, site: Site, now_s: float, situation: Callable[[], Situation | None], registers: Callable[[int], int]
    ) -> None:
        self.worlds: tuple[Accepted, ...] = (Accepted(),)
        self.figures = Figures()
        self.events: deque[str] = deque(maxlen=30)
        self.violation: Violated | None = None
        self.remote_profiles: dict[str, Any] = {}  # of RemoteStartTransaction, by its idTag
        self._site, self._now_s, self._ask, self._word = site, now_s, situation, registers
        self._situation, self._before, self._changed_s = Situation(), Situation(), now_s
        self._healthy_from_s: float | None = None
        self._addresses = {place: address for address, place in REGISTER_OF.items() if place <= site.connectors}
        self._registers = {place: Register(self._held_w(place)) for place in self._addresses}
        self._phases: dict[int, deque[tuple[float, int | None]]] = {
            connector_id: deque([(now_s, None)]) for connector_id in self._connectors
        }
        self._sum_exceeds_since_s: float | None = None

    @property
    def _connectors(self) -> range:
        return range(1, self._site.connectors + 1)

    @property
    def in_doubt(self) -> bool:
        """Whether it is not known what was accepted."""
        return len(self.worlds) > 1

    # ---------------------------------------------------------------- what is asked for and answered

    def asked(self, change: Callable[[Accepted], Accepted]) -> Callable[[bool | None], None]:
        """Something is asked for, and may be taken from now on; call the result with the answer, None if none came."""
        before = self.worlds
        self.worlds = tuple(dict.fromkeys((*before, *(change(world) for world in before))))

        def answered(taken: bool | None) -> None:
            if taken is not None:
                worlds = tuple(dict.fromkeys(change(world) for world in self.worlds)) if taken else before
                self.worlds = tuple(dict.fromkeys(self._current(world) for world in worlds))

        return answered

    def asked_to_clear(self, request: dict[str, Any]) -> Callable[[str | None], None]:
        """ClearChargingProfile.req: its answer also tells what was there."""
        before = self.worlds
        self.worlds = tuple(dict.fromkeys((*before, *(_after_clearing(world, request) for world in before))))

        def answered(status: str | None) -> None:
            if status is None:
                return
            if status == UNSAID:
                self.worlds = before
                return
            fits = [w for w in before if (status == "Accepted") == (cleared(w.profiles, request) != w.profiles)]
            if not fits:
                self._violated(f"{status} to ClearChargingProfile {request}, with other profiles accepted")
            after = (_after_clearing(world, request) for world in fits or before)
            self.worlds = tuple(dict.fromkeys(self._current(world) for world in after))

        return answered

    def change(self, change: Callable[[Accepted], Accepted]) -> None:
        """Something came about that nobody needs to accept."""
        self.worlds = tuple(dict.fromkeys(change(world) for world in self.worlds))

    def transaction_on(self, connector_id: int) -> Transaction | None:
        """The transaction that runs there."""
        self._look()
        return self._situation.transactions.get(connector_id)

    def _look(self) -> None:
        """See which transactions run: profiles of those that do not are gone, those of remote starts are there."""
        situation = self._ask()
        if situation is None or situation == self._situation:
            return
        self._before, self._changed_s = self._situation, self._now_s
        new = situation.transactions.keys() - self._situation.transactions.keys()
        self._situation = situation
        self.change(self._current)
        for connector_id in new:
            transaction = situation.transactions[connector_id]
            payload = self.remote_profiles.pop(transaction.id_tag, None)
            if payload is not None:
                profile = Installed(connector_id, payload, self._now_s, transaction.local_id)
                self.change(lambda world, new=profile: replace(world, profiles=with_profile(world.profiles, new)))  # type: ignore[misc]

    def _current(self, world: Accepted) -> Accepted:
        running = {transaction.local_id for transaction in self._situation.transactions.values()}
        profiles = tuple(one for one in world.profiles if one.purpose != TX or one.transaction in running)
        return world if len(profiles) == len(world.profiles) else replace(world, profiles=profiles)

    # ---------------------------------------------------------------- what happens at the charger

    def passes(self, now_s: float, *, healthy: bool) -> None:
        """Time went by until now, and the gateway is about to do something, or to be done something to.

        `healthy`: the gateway runs and reaches the charger, which answers.
        """
        self._walk(now_s)
        self._now_s = now_s
        for place, register in self._registers.items():
            held_w = self._held_w(place)
            if held_w != register.held_w:
                register.held_w, register.foreign_since_s = held_w, now_s
        if not healthy:
            self._healthy_from_s = None
        elif self._healthy_from_s is None:
            self._healthy_from_s = now_s
        self._look()

    def sees_phases(self, connector_id: int, used: int | None) -> None:
        """The gateway reads how many phases the car uses; with the next complete reading it knows."""
        seen = self._phases[connector_id]
        if seen[-1][1] != used:
            seen.append((self._now_s, used))
        while len(seen) > 1 and seen[1][0] < self._now_s - 3 * self._site.poll_interval_s - APPLIES_WITHIN_S:
            seen.popleft()

    def started(self) -> None:
        """A gateway starts: it has not seen what the cars take."""
        for seen in self._phases.values():
            seen.append((self._now_s, None))

    def connected(self) -> None:
        """A connection begins: what was written in the one before is no measure of how fast a limit rises."""
        for register in self._registers.values():
            register.raised_s = float("-inf")

    def refused(self, address: int, value: int) -> None:
        """The charger refused a write, which is judged all the same."""
        self.figures.refused += 1
        self._judge(address, value)

    def wrote(self, address: int, value: int) -> None:
        """The gateway wrote a register, and the charger took it."""
        self.figures.writes += 1
        self.events.append(f"{self._at()} wrote {address} = {value}")
        place = self._judge(address, value)
        if place is None:
            return
        register, power_w = self._registers[place], value * STEP_W
        if register.written_w is not None and power_w > register.written_w:
            self.figures.raises += 1
            if self._now_s - register.raised_s < RAISED_EVERY_S - 0.01:
                self._violated(f"{address} raised twice in {self._now_s - register.raised_s:.3f} s")
            register.raised_s = self._now_s
        raised = power_w > register.held_w
        register.held_w = register.written_w = power_w
        register.foreign_since_s = register.exceeds_since_s = None
        sum_w, station_w = self._sum_w(ours=True), self._most_w(STATION)
        if place != STATION and raised and sum_w > station_w:
            self._violated(f"{address} raised to {power_w} W: {sum_w} W on all connectors, of {station_w} W")

    def _judge(self, address: int, value: int) -> int | None:
        """Whether that may be written at all; gives whose limit it is, None for a fallback register."""
        if self._site.fallback is not None and address in (FALLBACK_POWER, FALLBACK_INTERVAL):
            wanted = self._site.fallback[address == FALLBACK_INTERVAL]
            if value != wanted:
                self._violated(f"{value} written to fallback register {address}, not {wanted}")
            return None
        place = REGISTER_OF.get(address, 99)
        if place not in self._registers:
            self._violated(f"{value} written to register {address}, which is nobody's to write")
            return None
        most_w, power_w = self._most_w(place), value * STEP_W
        if power_w > most_w:
            self._violated(f"{power_w} W written to register {address}, where {most_w} W is the most")
        self.figures.largest_margin_w = max(self.figures.largest_margin_w, most_w - power_w)
        self.figures.landings += power_w == most_w == 4_200 and power_w > self._lowest_w(place)
        return place

    def _sum_w(self, *, ours: bool) -> int:
        """What all connectors may take together; with `ours` what others wrote counts with what the gateway wrote."""
        total_w = 0
        for connector_id in self._connectors:
            register = self._registers[connector_id]
            foreign = ours and register.foreign_since_s is not None
            total_w += min(register.held_w, register.written_w or 0) if foreign else register.held_w
        return total_w

    # ---------------------------------------------------------------- what is allowed

    def _most_w(self, place: int) -> int:
        """The most that may be written there now, whichever world this is, and just before or after a change."""
        now_s = self._now_s
        moments = (now_s - CARRIED_OUT_WITHIN_S, now_s, now_s + CLOCKS_DIFFER_BY_S)
        situations = [self._situation]
        if now_s - self._changed_s < CARRIED_OUT_WITHIN_S:
            situations.append(self._before)
        return max(self._allowed_w(place, moment_s, one) for moment_s in moments for one in situations)

    def _allowed_w(self, place: int, now_s: float, situation: Situation) -> int:
        return max(
            highest_written_w(profile_w, hard_w)
            for world in self.worlds
            for profile_w, hard_w in self._limits(place, now_s, situation, world)
        )

    def _limits(
        self, place: int, now_s: float, situation: Situation, world: Accepted
    ) -> Iterator[tuple[float | None, float]]:
        """What profiles set there, and what all else does, for each number of phases that the car may use."""
        site, known_s = self._site, now_s if situation.knows_time else None
        hard_w: float = min(
            [site.max_power_w, *(a.power_at(now_s) for (_, where), a in world.allowances if where == place)]
        )
        if place == STATION:
            yield station_limit_w(world.profiles, known_s), hard_w
            return
        transaction = situation.transactions.get(place)
        hard_w = min(hard_w, site.connector_max_power_w)
        if transaction is None and (site.held_until_authorised or place in world.closed or place in world.inoperative):
            hard_w = 0
        for phases in {used for _, used in self._phases[place]}:
            yield (
                connector_limit_w(
                    world.profiles,
                    place,
                    known_s,
                    transaction=None if transaction is None else transaction.local_id,
                    began_s=None if transaction is None else transaction.began_s,
                    phases_in_use=phases,
                ),
                hard_w,
            )

    def _lowest_w(self, place: int) -> float:
        """The limit in force there, before it lands on anything."""
        limits = self._limits(place, self._now_s, self._situation, self.worlds[0])
        return max(floor(min(hard_w, hard_w if profile_w is None else profile_w)) for profile_w, hard_w in limits)

    # ---------------------------------------------------------------- second by second

    def _walk(self, until_s: float) -> None:
        """Nothing happened until then but that time went by: was every register low enough in each second?"""
        if self._healthy_from_s is None:
            return
        for second in range(floor(self._now_s) + 1, floor(until_s) + 1):
            self.figures.checked_s += 1
            allowed_w = {place: self._allowed_w(place, second, self._situation) for place in self._registers}
            for place, register in self._registers.items():
                if register.held_w <= allowed_w[place]:
                    register.exceeds_since_s = None
                    continue
                if register.exceeds_since_s is None:
                    register.exceeds_since_s = second
                since_s = self._excused_until_s(register, register.exceeds_since_s)
                if second - since_s > APPLIES_WITHIN_S:
                    self._violated(
                        f"register {self._addresses[place]} holds {register.held_w} W since {second - since_s:.1f} s, "
                        f"where {allowed_w[place]} W is the most",
                        second,
                    )
            self._walk_sum(second, allowed_w[STATION])

    def _walk_sum(self, second: int, station_w: int) -> None:
        if self._sum_w(ours=False) <= station_w:
            self._sum_exceeds_since_s = None
            return
        self._sum_exceeds_since_s = self._sum_exceeds_since_s or float(second)
        registers = (self._registers[connector_id] for connector_id in self._connectors)
        since_s = max(self._excused_until_s(register, self._sum_exceeds_since_s) for register in registers)
        if second - since_s > APPLIES_WITHIN_S:
            self._violated(
                f"{self._sum_w(ours=False)} W on all connectors since {second - since_s:.1f} s, "
                f"{station_w} W for the station",
                second,
            )

    def _excused_until_s(self, register: Register, since_s: float) -> float:
        """From when on the gateway could have done something about it: not before it sees the register, or anything."""
        assert self._healthy_from_s is not None
        if register.foreign_since_s is not None:
            seen_s = CYCLES_TO_SEE_ANOTHER * max(self._site.poll_interval_s, SLOW_REGISTERS_S)
            since_s = max(since_s, register.foreign_since_s + seen_s, self._healthy_from_s + seen_s)
        return max(since_s, self._healthy_from_s)

    def _held_w(self, place: int) -> int:
        return self._word(self._addresses[place]) * STEP_W

    # ---------------------------------------------------------------- telling

    def _at(self, now_s: float | None = None) -> str:
        seconds = self._now_s if now_s is None else now_s
        day, rest = divmod(seconds - FIRST_MIDNIGHT_S, 86_400)
        return f"{day:.0f}d {rest // 3600:02.0f}:{rest // 60 % 60:02.0f}:{rest % 60:06.3f}"

    def tell(self, event: str) -> None:
        """Something happened that is worth showing if it ends badly."""
        self.events.append(f"{self._at()} {event}")

    def _violated(self, what: str, now_s: float | None = None) -> None:
        if self.violation is None:
            lines = [f"{self._at(now_s)} {what}", "", *self._members(now_s), "", "The last events:", *self.events]
            self.violation = Violated("\n".join(lines))

    def _members(self, now_s: float | None) -> Iterator[str]:
        """Everything that the oracle takes into account, in lines."""
        now_s = self._now_s if now_s is None else now_s
        for place, register in self._registers.items():
            yield f"register {self._addresses[place]}: {register}"
        yield f"now: {self._situation}; healthy from {self._healthy_from_s and self._at(self._healthy_from_s)}"
        yield f"before {self._at(self._changed_s)}: {self._before}"
        yield f"phases seen: { {c: [(self._at(t), k) for t, k in seen] for c, seen in self._phases.items()} }"
        for number, world in enumerate(self.worlds, 1):
            yield f"possible world {number} of {len(self.worlds)}: {replace(world, profiles=())}"
            for place in self._registers:
                yield f"  {place}: (profiles, all else) {list(self._limits(place, now_s, self._situation, world))} W"
            for one in world.profiles:
                yield f"  on {one.connector_id} since {self._at(one.accepted_s)}, of {one.transaction}: {one.payload}"


FIRST_MIDNIGHT_S = 1_795_305_600.0
"""2026-11-22T00:00:00Z."""


def _after_clearing(world: Accepted, request: dict[str, Any]) -> Accepted:
    return replace(world, profiles=cleared(world.profiles, request))
