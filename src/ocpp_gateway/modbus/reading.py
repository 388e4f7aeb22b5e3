"""All reading on one connection: which registers are asked for when, and what this charger turns out not to have."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from itertools import chain
from math import inf

from ocpp_gateway.errors import LinkLostError, RegisterRefused, WrongAnswer
from ocpp_gateway.instant import Instant
from ocpp_gateway.modbus.asking import ABSENT, Link, patiently
from ocpp_gateway.modbus.schedule import Statuses, tags_to_read
from ocpp_gateway.registers.codec import decode
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.read_plan import Block, plan_reads, split
from ocpp_gateway.registers.register_image import RegisterImage
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.registers.vocabulary import PollClass, Role

CYCLE_LIMIT_S = 10.0
"""A charger that takes longer to answer one round of fast registers is as good as lost."""

CONFIRMING_ROUNDS = 2
"""Rounds in which a tag is read after a change: a change is believed when two snapshots with a read each show it, and
one found among the slow registers is in no snapshot yet."""


SELDOM_S = 5.0
"""Polled as seldom as this, or more seldom, limits do not wait for their turn: there is time to read them all."""

WATCHED_S = 60.0
"""For so long all limits are read in each round after one changed that we did not write, or after a lost link: another
master writes again, and a charger that restarted may fall back."""


class Outcome(Enum):
    """What a read brought."""

    SAME = "same"
    CHANGED = "changed"
    MISSED = "missed"  # the charger is busy or unwell; the registers hold what they held, for all we know


async def count_connectors(link: Link, mapping: Mapping) -> int:
    """How many connectors the charger says it has, which decides what else it may be asked for.

    Raises WrongAnswer when it names a number that its family cannot have, and LinkError.
    """
    field = mapping.field(Role.NUMBER_OF_CONNECTORS)
    if field is None:
        return mapping.max_connectors
    data = await patiently(partial(link.read, field.table, field.address, field.count))
    return mapping.identity({Role.NUMBER_OF_CONNECTORS: decode(field, data)}).number_of_connectors


class ChargerReader:
    """The read plan of one connection at work, and the image that it keeps up to date.

    `between` is awaited after each block, so that a write never waits for more than one read.
    """

    def __init__(
        self,
        link: Link,
        mapping: Mapping,
        number_of_connectors: int,
        now: Callable[[], Instant],
        between: Callable[[], Awaitable[None]],
    ) -> None:
        self.image = RegisterImage(mapping, number_of_connectors)
        self.statuses: Statuses = {}
        self.refusals: dict[str, int] = {}  # Modbus exception code by the key of the field
        self.round_s = 0.0  # time the charger took for the answers of the round under way
        self.last_miss = ""  # why a register was not read, for people
        self._link, self._now, self._between = link, now, between
        transport = mapping.transport
        fields = mapping.fields(number_of_connectors)
        plan = plan_reads(fields, max_count=transport.max_read_count, max_gap=transport.max_gap)
        self._plan = {poll: tuple(block for block in plan if block.poll is poll) for poll in PollClass}
        self._confirming: dict[int, int] = {}  # rounds in which the tag of a connector is read once more
        self._tagless = set(range(1, number_of_connectors + 1))  # connectors whose tag register names nobody
        self._slow: deque[Block] = deque()
        self._turn = 0  # whose turn it is among the limit registers
        self._watched_until_s = -inf

    def plan(self, poll: PollClass) -> tuple[Block, ...]:
        """The blocks of a class, without what the charger has refused on this connection."""
        return self._plan[poll]

    async def read_identity(self) -> ChargerIdentity:
        """Read what never changes, and learn from it who the charger is; and what its limits are before we write."""
        for block in chain(self.plan(PollClass.ONCE), self.plan(PollClass.IN_TURN)):
            await self._read(block)
        return self.image.identity()

    def watch_limits(self) -> None:
        """Read all limits in each round for a while."""
        self._watched_until_s = asyncio.get_running_loop().time() + WATCHED_S

    async def read_round(self, interval_s: float) -> bool:
        """Read the fast blocks, the tags that may be news, and limits; whether the fast were answered.

        One block of limits in its turn, or all of them when polled seldom or watched.
        Raises LinkError: LinkLostError also for a charger too slow to follow, or without any fast register.
        """
        self.round_s = 0.0
        outcomes = [await self._read(block) for block in self.plan(PollClass.FAST)]
        if not self.plan(PollClass.FAST):
            raise LinkLostError("the charger refuses every status register; is this the right mapping for it?")
        before = self.statuses
        if Outcome.CHANGED in outcomes or not before:
            connectors = self.image.snapshot(self._now()).connectors
            self.statuses = {connector.connector_id: connector.status for connector in connectors}
        due = tags_to_read(self.statuses, before, self._confirming.keys(), self._tagless)
        self._confirming = {c: rounds - 1 for c, rounds in self._confirming.items() if rounds > 1}
        for connector_id in due:
            if self.statuses[connector_id] != before.get(connector_id):
                self._confirming[connector_id] = CONFIRMING_ROUNDS
            for block in self._tag_blocks(connector_id):
                await self._read_tag(block)
        await self._read_limits(interval_s)
        return Outcome.MISSED not in outcomes

    async def _read_limits(self, interval_s: float) -> None:
        blocks = self.plan(PollClass.IN_TURN)
        if not blocks:
            return
        if interval_s < SELDOM_S and asyncio.get_running_loop().time() >= self._watched_until_s:
            self._turn = (self._turn + 1) % len(blocks)
            blocks = (blocks[self._turn],)
        for block in blocks:
            if await self._read(block) is Outcome.CHANGED:  # what we wrote was kept as it was read back
                self.watch_limits()

    def start_slow_round(self) -> None:
        """Have the slow registers read anew, all tags with them; what is left of the last slow round comes first."""
        if not self._slow:
            self._slow.extend(chain(self._constant_blocks(), self.plan(PollClass.SLOW), self.plan(PollClass.ON_CHANGE)))

    async def read_slow_block(self) -> bool:
        """Read the next block of the slow round; False when it is over.

        Raises WrongAnswer when a constant has changed: the answers may be those of other questions (faults M-08).
        """
        if not self._slow:
            return False
        block = self._slow.popleft()
        if block.poll is PollClass.ON_CHANGE:
            await self._read_tag(block)
        elif await self._read(block) is Outcome.CHANGED and block.poll is PollClass.ONCE:
            raise WrongAnswer(f"{block} reads differently than when the connection was made")
        return bool(self._slow)

    def keep(self, field: Field, data: bytes) -> None:
        """Keep what one field was read back as, after a write."""
        self.image.take(_alone(field), data, self._now())

    # ---------------------------------------------------------------- one block

    async def _read(self, block: Block) -> Outcome:
        try:
            outcome = await self._read_or_raise(block)
        except RegisterRefused as exc:
            if exc.exception_code in ABSENT:
                working = await self._narrow(block, exc.exception_code)
                parts = (working if b is block else (b,) for b in self._plan[block.poll])
                self._plan[block.poll] = tuple(chain.from_iterable(parts))
                outcome = Outcome.CHANGED
            else:
                self.last_miss = str(exc)
                outcome = Outcome.MISSED
        await self._between()
        return outcome

    async def _read_tag(self, block: Block) -> None:
        connector_id = block.fields[0].connector_id
        if await self._read(block) is not Outcome.SAME and connector_id is not None:
            self._confirming[connector_id] = CONFIRMING_ROUNDS
            connectors = self.image.snapshot(self._now()).connectors
            self._tagless = {c.connector_id for c in connectors if c.tag is None or c.tag.id_tag is None}

    async def _read_or_raise(self, block: Block) -> Outcome:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        data = await patiently(partial(self._link.read, block.table, block.address, block.count))
        self.round_s += loop.time() - started_s
        if self.round_s > CYCLE_LIMIT_S:
            raise LinkLostError(f"the charger took {self.round_s:.0f} s for one round of answers")
        return Outcome.CHANGED if self.image.take(block, data, self._now()) else Outcome.SAME

    async def _narrow(self, block: Block, exception_code: int) -> tuple[Block, ...]:
        """The parts of a refused block that the charger does answer; the fields that it refuses have no value."""
        if len(block.fields) == 1:
            self.image.refuse(block.fields, exception_code)
            self.refusals[block.fields[0].key] = exception_code
            return ()
        working: tuple[Block, ...] = ()
        for half in split(block):
            try:
                await self._read_or_raise(half)
            except RegisterRefused as exc:
                if exc.exception_code in ABSENT:
                    working += await self._narrow(half, exc.exception_code)
                    continue
                self.last_miss = str(exc)
            working += (half,)
        return working

    # ---------------------------------------------------------------- parts of the plan

    def _tag_blocks(self, connector_id: int) -> list[Block]:
        return [b for b in self.plan(PollClass.ON_CHANGE) if b.fields[0].connector_id == connector_id]

    def _constant_blocks(self) -> list[Block]:
        """What to compare with the beginning: the register that everybody knows the value of."""
        once = self.plan(PollClass.ONCE)
        return [b for b in once if any(f.role is Role.NUMBER_OF_CONNECTORS for f in b.fields)]


def _alone(field: Field) -> Block:
    return Block(field.table, field.address, field.count, field.poll, (field,))
