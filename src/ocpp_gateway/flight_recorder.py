"""What one charge point and its two peers said to each other last, on one clock, in a bounded piece of memory.

The OCPP half keeps frames as they are on the wire, the Modbus half questions with their answers, equal answers in a
row as one. Both hold secrets and whole id tags; whatever leaves the process goes through `support_bundle`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ocpp_gateway.clock import Clock
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.vocabulary import Role

MAX_FRAMES = 1000
MAX_FRAME_CHARACTERS = 20_000
MAX_CHARACTERS = 1_000_000
"""A charge point's frames take no more memory than this; with all else, a bundle stays below 20 MB unpacked."""

MAX_BYTES = 1_000_000
"""Of exchanges: about an hour of a car that charges, polled once a second; days, while nothing changes."""
EXCHANGE_BYTES = 200
"""What an exchange takes beside its registers."""

Frame = tuple[float, str, str]
"""Its monotonic time in s, its direction, and its text as it is on the wire."""

Outcome = bytes | int | str
"""The registers that were read, or the value written; the code of a Modbus exception; or what went wrong, in words."""


@dataclass(slots=True)
class Exchange:
    """A question on Modbus with its answer; equal ones in a row are one, from the first to the last.

    `kind` is `input` or `holding` for a read, `write` for one register, `link` for what became of the connection.
    """

    at_s: float
    until_s: float
    times: int
    kind: str
    address: int
    count: int
    outcome: Outcome


class FrameLog:
    """The last frames between one charge point and its central system. `on_frame` is cheap: it only keeps them."""

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._frames: deque[Frame] = deque()
        self._characters = 0
        self.dropped = 0
        """How many frames came before the oldest that is kept."""

    def on_frame(self, direction: str, text: str) -> None:
        """Keeps a frame as it is on the wire; of a very long one its size."""
        if len(text) > MAX_FRAME_CHARACTERS:
            text = json.dumps(f"[{len(text)} characters]")
        self._frames.append((self._now().monotonic_s, direction, text))
        self._characters += len(text)
        while len(self._frames) > MAX_FRAMES or self._characters > MAX_CHARACTERS:
            *_, dropped = self._frames.popleft()
            self._characters -= len(dropped)
            self.dropped += 1

    def frames(self) -> list[Frame]:
        """Those that are kept, oldest first, with whatever secrets they hold."""
        return list(self._frames)


class ModbusLog:
    """The last exchanges between one charge point and its charger.

    Of a question whose answers have all been dropped the last one stays, so that what is kept tells every register.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._exchanges: deque[Exchange] = deque()
        self._latest: dict[tuple[str, int, int], Exchange] = {}
        self._before: dict[tuple[str, int, int], Exchange] = {}
        self._bytes = 0

    def on_exchange(self, kind: str, address: int, count: int, outcome: Outcome) -> None:
        """Keeps one; costs next to nothing when the answer is the one before (`ModbusLink`)."""
        key = kind, address, count
        latest = self._latest.get(key)
        now_s = self._now_s()
        if latest is not None and latest.outcome == outcome and kind != "write":
            latest.until_s = now_s
            latest.times += 1
            return
        self._latest[key] = exchange = Exchange(now_s, now_s, 1, kind, address, count, outcome)
        self._exchanges.append(exchange)
        self._bytes += _size(exchange)
        while self._bytes > MAX_BYTES:
            dropped = self._exchanges.popleft()
            self._bytes -= _size(dropped)
            self._before[dropped.kind, dropped.address, dropped.count] = dropped

    def exchanges(self) -> list[Exchange]:
        """Those that are kept, oldest first, with whole id tags in them."""
        return [*sorted(self._before.values(), key=lambda exchange: exchange.at_s), *self._exchanges]


def _size(exchange: Exchange) -> int:
    return EXCHANGE_BYTES + (0 if isinstance(exchange.outcome, int) else len(exchange.outcome))


class FlightRecorder:
    """Both halves, and where the charger shows id tags."""

    def __init__(self, clock: Clock, mapping: Mapping) -> None:
        self.mapping = mapping
        self.ocpp = FrameLog(clock.now)
        self.modbus = ModbusLog(clock.monotonic_s)
        self.tags = tag_fields(mapping)


def tag_fields(mapping: Mapping) -> list[Field]:
    """The registers that hold an id tag, of a charger as large as its family has."""
    return [field for field in mapping.fields(mapping.max_connectors) if field.role is Role.ID_TAG]
