"""Asks a charger for its registers for ever, and writes what it is told to between two questions.

One connection, one request at a time. Whatever goes wrong with a connection ends it, and a new one starts from the
beginning: who are you, what do you have, how are you.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ocpp_gateway.charger.events import (
    CommandConfirmed,
    CommandKind,
    CommandRefused,
    DeadlineReached,
    Event,
    LinkLost,
    LinkUp,
    SnapshotTaken,
)
from ocpp_gateway.errors import LinkError, LinkLostError, RegisterRefused
from ocpp_gateway.instant import Instant
from ocpp_gateway.log import logger
from ocpp_gateway.modbus.asking import AttentiveLink, Link
from ocpp_gateway.modbus.fallback import Fallback, program
from ocpp_gateway.modbus.reading import ChargerReader, count_connectors
from ocpp_gateway.modbus.round_times import RoundTimes
from ocpp_gateway.modbus.schedule import interval_s, longest_silence_s, next_due_s, reconnect_delay_s
from ocpp_gateway.modbus.writing import (
    RAISE_PAUSE_S,
    SupersededError,
    next_write,
    raises,
    step_of,
    word_for,
    write_and_read_back,
)
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.register_image import RegisterImage
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus, Role

GAP_INTERVALS = 3
"""So many intervals without a snapshot are a gap: what happened in them was not watched."""

ROUNDS_TO_BELIEVE_A_CAR_LEFT = 3
"""So long it is polled on as if the car were there: the owner waits for a second look."""

MISSED_ROUNDS = 3
"""A charger that refuses its status so often in a row, busy or unwell, is as good as lost."""

DECISION_HOLDS_S = 0.25
"""A command that had to wait for longer, or that this process was stopped with, may be of a period that is over."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class PollStatistics:
    """How polling goes. `round_s` is the time the charger took to answer the last round of fast registers."""

    connected: bool = False
    last_good_poll: Instant | None = None
    round_s: float | None = None
    rounds: int = 0
    missed_rounds: int = 0
    lost_links: int = 0
    refused_writes: int = 0
    last_error: str | None = None


class Poller:
    """The charger's side of a charge point: `run` it, give it `command`s, and it posts what happens.

    `post` may wait: as long as the owner takes no event, nothing is asked of the charger, so that its own fallback
    acts for an owner that is stuck. `idle_poll_interval_s` counts while no car is plugged. `fallback` is written to
    the charger at each connection, if it reads differently; without it those registers are left alone. With
    `read_only` not one register is written. `chance` gives the jitter of reconnections, 0 to 1.
    """

    def __init__(
        self,
        link: Link,
        mapping: Mapping,
        post: Callable[[Event], Awaitable[None]],
        now: Callable[[], Instant],
        *,
        poll_interval_s: float = 1.0,
        idle_poll_interval_s: float | None = None,
        fallback: Fallback | None = None,
        read_only: bool = False,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.statistics = PollStatistics()
        self.round_times = RoundTimes()
        self._link = AttentiveLink(link, lambda: now().monotonic_s)
        self._mapping, self._post, self._now = mapping, post, now
        self._poll_interval_s, self._idle_poll_interval_s = poll_interval_s, idle_poll_interval_s
        self._fallback, self._read_only, self._chance = fallback, read_only, chance
        self._reader: ChargerReader | None = None
        self._refusals_told: set[str] = set()
        self._failures = 0  # connections in a row that brought no snapshot
        self._loss_told = False
        self._missed_in_a_row = 0
        self._interval_s = poll_interval_s
        self._free_rounds = 0  # in a row without a car
        self._last_snapshot: ChargerSnapshot | None = None  # None after a gap
        # Commands count for one connection: after LinkUp the owner gives them all again.
        self._takes_commands = False
        self._commanded = asyncio.Event()
        self._decided_s = 0.0  # when the owner last said what it wants
        self._pending_w: dict[int, int] = {}  # by connector id; 0 is the station
        self._repeatable_w: dict[int, int] = {}  # by connector: what it is assigned again after a write to the station
        self._rests_until_s: dict[int, float] = {}  # connectors that were just raised

    @property
    def image(self) -> RegisterImage | None:
        """What the registers held when last read; of the connection before, while there is none. None before any."""
        return None if self._reader is None else self._reader.image

    def register(self, key: str) -> dict[str, Any] | None:
        """One named register as last read, ready for JSON; None when there is none of that name."""
        readings = () if self.image is None else self.image.readings(self._now())
        found = next((reading for reading in readings if reading.key == key), None)
        if found is None:
            return None
        return {
            "register": found.key,
            "table": found.table.value,
            "address": found.address,
            "raw": found.raw,
            "value": found.value,
            "unit": found.unit,
            "age_s": found.age_s,
            "error": found.error,
        }

    def command(self, kind: CommandKind, connector_id: int, value: int) -> None:
        """Write this limit, in W, as soon as possible; the newest for a connector counts. 0 is the station.

        The outcome is posted. Without a connection nothing happens: all limits are commanded again after LinkUp.
        """
        if kind is CommandKind.LIMIT and self._takes_commands:
            self._pending_w[connector_id] = value
            self._decided_s = asyncio.get_running_loop().time()
            self._commanded.set()

    async def reconnect(self) -> None:
        """Let go of the connection, as an operator asks; a new one follows after the usual wait."""
        await self._link.close()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                try:
                    await self._converse()
                except LinkError as exc:
                    exc.__traceback__ = None  # pymodbus keeps the error, which would keep all that was read with it
                    await self._lose(exc)
                await asyncio.sleep(reconnect_delay_s(self._failures, self._chance()))
        finally:
            await self._link.close()

    # ---------------------------------------------------------------- one connection

    async def _converse(self) -> None:
        """Connect and poll until the connection fails."""
        await self._link.connect()
        reader = await self._meet()
        loop = asyncio.get_running_loop()
        due_s = slow_due_s = loop.time()
        slow_interval_s = self._mapping.transport.slow_interval_s
        while True:
            await self._poll(reader)
            if due_s >= slow_due_s:
                reader.start_slow_round()
                slow_due_s = next_due_s(slow_due_s, slow_interval_s, due_s)
            self._interval_s = self._next_interval_s(reader)
            self._link.longest_silence_s = longest_silence_s(self._interval_s, self._fallback_interval_s)
            due_s = next_due_s(due_s, self._interval_s, loop.time())
            while await reader.read_slow_block() and loop.time() < due_s:
                pass
            await self._write_until(due_s)

    async def _meet(self) -> ChargerReader:
        """Learn who the charger is and what it holds, make it safe, and tell that it is there.

        The owner commands every limit then. Nothing but reads comes before that, and the fallback where it reads
        differently, which is once in a charger's life: two registers, so that a gateway that dies now leaves it safe.
        """
        self._link.longest_silence_s = longest_silence_s(self._poll_interval_s, None)
        number_of_connectors = await count_connectors(self._link, self._mapping)
        reader = ChargerReader(self._link, self._mapping, number_of_connectors, self._now, self._write_pending)
        if self.statistics.lost_links:
            reader.watch_limits()
        identity = await reader.read_identity()
        self._reader = reader
        found = reader.image.snapshot(self._now())
        if self._fallback is not None and not self._read_only:
            await program(self._fallback, self._link, reader)
        self._takes_commands = True
        self.statistics = replace(self.statistics, connected=True)
        log.info("charger_connected", connectors=number_of_connectors, serial_number=identity.serial_number)
        self._loss_told = False
        await self._post(LinkUp(identity, self._link.silence_s, found))
        return reader

    async def _lose(self, error: LinkError) -> None:
        """End the connection, and tell so; attempts that fail after that are not told."""
        await self._link.close()
        self._takes_commands = False
        for commands in (self._pending_w, self._repeatable_w, self._rests_until_s):
            commands.clear()
        self._failures += 1
        self._missed_in_a_row, self._last_snapshot = 0, None
        statistics = self.statistics
        lost_links = statistics.lost_links + statistics.connected
        self.statistics = replace(statistics, connected=False, lost_links=lost_links, last_error=str(error))
        if not self._loss_told:
            self._loss_told = True
            await self._post(LinkLost(str(error)))

    # ---------------------------------------------------------------- reading

    async def _poll(self, reader: ChargerReader) -> None:
        """One round: read, and post what was read when nothing is missing in it."""
        complete = await reader.read_round(self._interval_s)
        now = self._now()
        self._tell_refusals(reader)
        statistics = replace(self.statistics, rounds=self.statistics.rounds + 1, round_s=reader.round_s)
        if not complete:
            self.statistics = replace(statistics, missed_rounds=statistics.missed_rounds + 1)
            self._last_snapshot = None
            self._missed_in_a_row += 1
            if self._missed_in_a_row == MISSED_ROUNDS:
                raise LinkLostError(f"the charger did not give its status {MISSED_ROUNDS} times: {reader.last_miss}")
            return
        self.statistics = replace(statistics, last_good_poll=now)
        self._failures = self._missed_in_a_row = 0
        self.round_times.add(reader.round_s)
        snapshot = reader.image.snapshot(now, interrupted=self._is_gap(now))
        self._last_snapshot = snapshot
        await self._post(SnapshotTaken(snapshot))

    def _is_gap(self, now: Instant) -> bool:
        """Whether more may have happened since the last snapshot than polling shows."""
        if self._last_snapshot is None:
            return True
        return now.monotonic_s - self._last_snapshot.taken_at.monotonic_s > GAP_INTERVALS * self._interval_s

    def _next_interval_s(self, reader: ChargerReader) -> float:
        free = all(status is ChargePointStatus.AVAILABLE for status in reader.statuses.values())
        self._free_rounds = self._free_rounds + 1 if free else 0
        idle = self._free_rounds > ROUNDS_TO_BELIEVE_A_CAR_LEFT
        return interval_s(
            reader.statuses,
            plugged_s=self._poll_interval_s,
            idle_s=self._idle_poll_interval_s if idle else None,
            fallback_interval_s=self._fallback_interval_s,
        )

    @property
    def _fallback_interval_s(self) -> int | None:
        return None if self._last_snapshot is None else self._last_snapshot.fallback_interval_s

    def _tell_refusals(self, reader: ChargerReader) -> None:
        for key in sorted(reader.refusals.keys() - self._refusals_told):
            self._refusals_told.add(key)
            log.info("register_refused", register=key, exception_code=reader.refusals[key])

    # ---------------------------------------------------------------- writing

    async def _write_until(self, due_s: float) -> None:
        """Wait for that moment, and carry out what is commanded meanwhile."""
        while True:
            self._commanded.clear()
            await self._write_pending()
            wake_s = min([due_s, *(self._rests_until_s[c] for c in self._pending_w if c in self._rests_until_s)])
            try:
                async with asyncio.timeout_at(wake_s):
                    await self._commanded.wait()
            except TimeoutError:
                if wake_s == due_s:
                    return
                # Not what the clock says: a timer may go off a trace early, and this loop would spin meanwhile.
                self._rests_until_s = {c: until_s for c, until_s in self._rests_until_s.items() if until_s > wake_s}

    async def _write_pending(self) -> None:
        """Carry out what is commanded, all that may be done now."""
        loop = asyncio.get_running_loop()
        while self._pending_w:
            now_s = loop.time()
            self._rests_until_s = {c: until_s for c, until_s in self._rests_until_s.items() if until_s > now_s}
            held_w = self._held_w()
            connector_id = next_write(self._pending_w, held_w, self._rests_until_s.keys())
            if connector_id is None:
                return
            if now_s - self._decided_s > DECISION_HOLDS_S:
                await self._post(DeadlineReached())  # the owner commands what it wants now, if that is something else
                self._decided_s = loop.time()
                continue
            value_w = self._pending_w.pop(connector_id)
            if raises(value_w, held_w.get(connector_id)):
                self._rests_until_s[connector_id] = now_s + RAISE_PAUSE_S
            outcome = await self._write_limit(connector_id, value_w)
            if outcome is not None:
                await self._post(outcome)

    async def _write_limit(self, connector_id: int, value_w: int) -> CommandConfirmed | CommandRefused | None:
        """Carry out one command; None when a newer one for the same register came meanwhile, whose outcome counts."""
        field = self._limit_field(connector_id)
        if self._read_only:
            return self._refused(connector_id, value_w, "read-only: the gateway was told to write nothing")
        if field is None:
            problem = f"{self._mapping.name} has no power limit register for connector {connector_id}"
            return self._refused(connector_id, value_w, problem)
        superseded = partial(self._pending_w.__contains__, connector_id)
        try:
            word = word_for(field, value_w)
            held = await write_and_read_back(self._link, field, word, superseded=superseded)
        except SupersededError:
            return None
        except (RegisterRefused, ValueError) as exc:
            return self._refused(connector_id, value_w, str(exc))
        finally:
            if connector_id == 0:  # whatever came of it, the charger may have seen a write
                self._repeat_connectors()
        self._keep(field, held)
        held_w = held * step_of(field)
        if held != word:
            problem = f"{field.table} {field.address} reads {held_w} W after {value_w} W was written twice"
            return self._refused(connector_id, value_w, problem, reads_w=held_w)
        self._repeatable_w[connector_id] = value_w
        return CommandConfirmed(CommandKind.LIMIT, connector_id, held_w)

    def _refused(self, connector_id: int, value_w: int, problem: str, *, reads_w: int | None = None) -> CommandRefused:
        """Tell it. What was in force before may be repeated only as far as the refused command allows."""
        if connector_id in self._repeatable_w:
            self._repeatable_w[connector_id] = min(value_w, self._repeatable_w[connector_id])
        self.statistics = replace(self.statistics, refused_writes=self.statistics.refused_writes + 1)
        return CommandRefused(CommandKind.LIMIT, connector_id, value_w, problem, reads_w)

    def _repeat_connectors(self) -> None:
        """After a write to the station each connector must be assigned its power again, closed ones first (V05).

        Never more than was commanded last: a command that waits stays, and one that was refused has left its mark.
        """
        for connector_id, value_w in sorted(self._repeatable_w.items(), key=lambda item: item[1]):
            if connector_id != 0:
                self._pending_w.setdefault(connector_id, value_w)

    def _limit_field(self, connector_id: int) -> Field | None:
        if self.image is None:
            return None
        role = Role.STATION_POWER_LIMIT_W if connector_id == 0 else Role.POWER_LIMIT_W
        place = connector_id or None
        fields = self._mapping.fields(self.image.number_of_connectors)
        return next((field for field in fields if field.role is role and field.connector_id == place), None)

    def _held_w(self) -> dict[int, int | None]:
        """The limits that the registers held when last read, by connector id."""
        if self.image is None:
            return {}
        snapshot = self.image.snapshot(self._now())
        held_w: dict[int, int | None] = {c.connector_id: c.power_limit_w for c in snapshot.connectors}
        return {0: snapshot.station_power_limit_w, **held_w}

    def _keep(self, field: Field, word: int) -> None:
        if self._reader is not None:
            self._reader.keep(field, word.to_bytes(2, "big"))
