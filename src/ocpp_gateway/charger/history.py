"""What a charge point drew and was allowed to draw: each change of the last hour, and every minute for the store.

A value holds from its moment until the next one. What nobody read is a gap, never a value. Moments are monotonic
inside and seconds since 1970 outside; what happened before the time was known is told once it is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf, isnan, nan

from ocpp_gateway.charger.events import Event, LinkLost, SnapshotTaken
from ocpp_gateway.charger.measurands import Phases
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.instant import Instant

CHANGES_S = 3600.0
MOST_CHANGES = 3600
"""Changes of a connector that stay in memory, no older than an hour: 100 kB, taken with the first of them."""
STRETCH_S = 60.0
LONGEST_S = 3600.0
"""A stretch in which nothing changed goes on for so long."""
MOST_STRETCHES = 1440
"""Stretches of a connector that wait for a store that cannot write; then the oldest are given up."""
CLOCK_STEP_S = 2.0

NO_PHASES: Phases = (None, None, None)


@dataclass(frozen=True, slots=True)
class Values:
    """One moment. `limit_w` is what was commanded; None is unknown."""

    power_w: float | None = None
    limit_w: int | None = None
    current_a: Phases = NO_PHASES


UNREAD = Values()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was so from `at_s` until `until_s`, an hour at most: means, what was reached, and the limit at its end.

    It is watched from end to end: a gap lies between two stretches, never in one.
    """

    at_s: float
    until_s: float
    power_w: float | None
    power_min_w: float | None
    power_max_w: float | None
    limit_w: int | None
    limit_min_w: int | None
    current_a: Phases


class History:
    """The history of one charge point, from event to event."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}  # by connector id; 0 is the station
        self._read_s: float | None = None  # when registers were read last; None: they are not read now
        self._roll_s = -inf
        self.zero_s: float | None = None
        """The moment, in seconds since 1970, at which the monotonic clock is 0; None while the time is not known."""

    def take(self, event: Event, point: ChargePoint, now: Instant) -> None:
        """Look at the charge point after an event."""
        if isinstance(event, SnapshotTaken):
            if event.snapshot.interrupted:
                self.end()
            if len(self._tracks) > len(point.connectors) + 1:
                self._end_what_vanished(point)
            self._read_s = now.monotonic_s
            if now.monotonic_s >= self._roll_s:
                self._roll(now)
        elif isinstance(event, LinkLost):
            self.end()
        if self._read_s is None:
            return
        now_s = now.monotonic_s
        station = Values(point.station_power_w, point.station_commanded_w, point.station_current_a)
        self._track(0).change(now_s, station)
        for connector_id, connector in point.connectors.items():
            track, registers = self._track(connector_id), connector.registers
            if registers is None or (registers is track.seen and connector.commanded_w == track.values.limit_w):
                continue
            track.seen = registers
            track.change(now_s, Values(registers.power_w, connector.commanded_w, registers.current_a))

    def end(self) -> None:
        """Nothing is read from the last read on."""
        if self._read_s is not None:
            for track in self._tracks.values():
                track.end(self._read_s)
            self._read_s, self._roll_s = None, -inf

    def waiting(self) -> dict[int, list[Stretch]]:
        """What is to be stored, by connector; nothing while the time is not known."""
        if self.zero_s is None:
            return {}
        return {number: list(track.waiting.values()) for number, track in self._tracks.items() if track.waiting}

    def stored(self, rows: dict[int, list[Stretch]]) -> None:
        """What `waiting` gave is in the store; a stretch that went on since waits again."""
        for connector_id, stretches in rows.items():
            waiting = self._tracks[connector_id].waiting
            for stretch in stretches:
                if waiting.get(stretch.at_s) is stretch:
                    del waiting[stretch.at_s]

    def changes(self, connector_id: int, since_s: float, until_s: float) -> list[tuple[float, Values]]:
        """The changes kept of a connector between two moments since 1970, with the value that held at the first."""
        track = self._tracks.get(connector_id)
        if track is None or self.zero_s is None:
            return []
        zero_s = self.zero_s
        kept = track.changes(since_s - zero_s, until_s - zero_s)
        return [(max(round(at_s + zero_s, 3), since_s), values) for at_s, values in kept]

    def remembers_from_s(self, connector_id: int) -> float:
        """Since when its changes are kept, in s since 1970; infinity when none is."""
        track = self._tracks.get(connector_id)
        return inf if track is None or self.zero_s is None else track.from_s + self.zero_s

    def watched_until_s(self, connector_id: int) -> float:
        """Until when the last of its changes is known to hold, in s since 1970."""
        track = self._tracks[connector_id]
        known_s = track.until_s if self._read_s is None else self._read_s
        return known_s + (self.zero_s or 0.0)

    @property
    def connector_ids(self) -> list[int]:
        """Those that anything is known of, the station's 0 among them."""
        return sorted(self._tracks)

    def _end_what_vanished(self, point: ChargePoint) -> None:
        """Connectors that the charger shows no more were read for the last time in the poll before."""
        for connector_id in self._tracks.keys() - point.connectors.keys() - {0}:
            if self._read_s is not None:
                self._tracks[connector_id].end(self._read_s)

    def _track(self, connector_id: int) -> Track:
        track = self._tracks.get(connector_id)
        if track is None:
            track = self._tracks[connector_id] = Track()
        return track

    def _roll(self, now: Instant) -> None:
        """Begin a new minute; follow the clock, but not its every trace, so that a stretch keeps its beginning."""
        if now.utc is not None:
            zero_s = now.utc.timestamp() - now.monotonic_s
            if self.zero_s is None or abs(zero_s - self.zero_s) > CLOCK_STEP_S:
                self.zero_s = zero_s
        wall_s = now.monotonic_s + (self.zero_s or 0.0)
        self._roll_s = now.monotonic_s + STRETCH_S - wall_s % STRETCH_S
        for track in self._tracks.values():
            track.roll(now.monotonic_s)


class Track:
    """One connector: the changes of the last hour as columns of numbers, and the stretch that runs."""

    def __init__(self) -> None:
        self.values = UNREAD
        self.seen: object = None  # the register values that `values` was made of
        self.waiting: dict[float, Stretch] = {}
        self._rows = 0  # of the columns, that are in use
        self._at_s = array("d", [0.0]) * MOST_CHANGES
        self._columns = [array("f", [nan]) * MOST_CHANGES for _ in range(5)]  # power, limit, three currents
        self._last: Stretch | None = None  # the one before, which may go on
        self._began_s: float | None = None  # of the stretch that runs
        self._since_s = 0.0  # since when `values` hold, or were added up
        self._sums = [0.0, 0.0, 0.0, 0.0]  # value × s: power, three currents
        self._power_min_w, self._power_max_w, self._limit_min_w = inf, -inf, inf

    @property
    def from_s(self) -> float:
        """When the oldest change was; infinity when there is none."""
        return self._at_s[0] if self._rows else inf

    @property
    def until_s(self) -> float:
        """When the newest change was; there must be one."""
        return self._at_s[self._rows - 1]

    def change(self, at_s: float, values: Values) -> None:
        """From now on it is so."""
        if values == self.values:
            return
        self._add_up(at_s)
        if self._began_s is None:
            self._begin(at_s)
        elif _unknown(values) != _unknown(self.values):  # no mean over what was read in part
            self._finish(at_s)
            self._begin(at_s)
        self.values = values
        self._meet()
        self._note(at_s, values)

    def roll(self, at_s: float) -> None:
        """End the stretch that runs; the next one begins at once."""
        if self._began_s is not None:
            self._finish(at_s)
            self._begin(at_s)
            self._meet()

    def end(self, at_s: float) -> None:
        """Nobody knows what is so after that moment."""
        if self._began_s is not None:
            self._finish(at_s)
            self._began_s = None
            self._note(at_s, UNREAD)
        self.values, self.seen, self._last = UNREAD, None, None

    def changes(self, since_s: float, until_s: float) -> Iterator[tuple[float, Values]]:
        """Those between two moments, and the last one before."""
        first = max(bisect_left(self._at_s, since_s, 0, self._rows) - 1, 0)
        for row in range(first, bisect_left(self._at_s, until_s, 0, self._rows)):
            power_w, limit_w, *current_a = (_known(column[row]) for column in self._columns)
            yield self._at_s[row], Values(power_w, None if limit_w is None else round(limit_w), _phases(current_a))

    def _note(self, at_s: float, values: Values) -> None:
        """Keep a change; the oldest go in portions, as moving all that stay has its price."""
        portion = MOST_CHANGES // 10
        if self._rows == MOST_CHANGES or (self._rows > portion and self._at_s[portion] < at_s - CHANGES_S):
            for column in (self._at_s, *self._columns):
                column[: self._rows - portion] = column[portion : self._rows]
            self._rows -= portion
        self._at_s[self._rows] = at_s
        row = (values.power_w, values.limit_w, *values.current_a)
        for column, value in zip(self._columns, row, strict=True):
            column[self._rows] = nan if value is None else value
        self._rows += 1

    def _begin(self, at_s: float) -> None:
        self._began_s = self._since_s = at_s
        self._sums = [0.0, 0.0, 0.0, 0.0]
        self._power_min_w, self._power_max_w, self._limit_min_w = inf, -inf, inf

    def _meet(self) -> None:
        """Let the values that hold now count for what was reached."""
        power_w, limit_w = self.values.power_w, self.values.limit_w
        if power_w is not None:
            self._power_min_w, self._power_max_w = min(self._power_min_w, power_w), max(self._power_max_w, power_w)
        if limit_w is not None:
            self._limit_min_w = min(self._limit_min_w, limit_w)

    def _add_up(self, at_s: float) -> None:
        elapsed_s = at_s - self._since_s
        self._since_s = at_s
        for place, value in enumerate((self.values.power_w, *self.values.current_a)):
            self._sums[place] += (value or 0.0) * elapsed_s

    def _finish(self, at_s: float) -> None:
        """Close the stretch that runs; where nothing is new it is the one before that goes on."""
        began_s = self._began_s
        if began_s is None or at_s <= began_s:
            return
        self._add_up(at_s)
        power_w, *current_a = (total / (at_s - began_s) for total in self._sums)
        read = self._power_max_w >= self._power_min_w
        known = (value is not None for value in self.values.current_a)
        stretch = Stretch(
            began_s,
            at_s,
            round(power_w) if read else None,
            round(self._power_min_w) if read else None,
            round(self._power_max_w) if read else None,
            self.values.limit_w,
            None if self._limit_min_w == inf else int(self._limit_min_w),
            _phases([round(value, 1) if is_known else None for value, is_known in zip(current_a, known, strict=True)]),
        )
        last = self._last
        if last is not None and at_s - last.at_s <= LONGEST_S and _same(last, stretch):
            stretch = replace(stretch, at_s=last.at_s)
        self._last = self.waiting[stretch.at_s] = stretch
        if len(self.waiting) > MOST_STRETCHES:
            del self.waiting[next(iter(self.waiting))]


def _same(before: Stretch, after: Stretch) -> bool:
    """Whether one goes on as the other was, without a gap and without a change."""
    return replace(before, at_s=after.at_s, until_s=after.until_s) == after and before.until_s == after.at_s


def _unknown(values: Values) -> tuple[bool, ...]:
    return values.power_w is None, values.limit_w is None, *(current is None for current in values.current_a)


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)


def _phases(values: Sequence[float | None]) -> Phases:
    l1, l2, l3 = islice(values, 3)
    return l1, l2, l3
