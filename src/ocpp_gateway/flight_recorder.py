"""What one charge point and its two peers said to each other last, on one clock, in memory that is taken at the start.

The OCPP half keeps frames as they are on the wire, the Modbus half questions with their answers, equal answers in a
row as one. Both hold secrets and whole id tags; whatever leaves the process goes through `support_bundle`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from ocpp_gateway.clock import Clock
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.vocabulary import Role
from ocpp_gateway.ring import Ring

MAX_FRAMES = 1000
MAX_FRAME_CHARACTERS = 20_000
FRAMES_BYTES = 500_000
"""What a charge point's frames take; with all else, a bundle stays below 20 MB unpacked."""

EXCHANGES_BYTES = 500_000
"""About an hour of a car that charges, polled once a second; days, while nothing changes."""

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


_FRAME = Struct(">d?")  # when, and whether it was sent; its text follows
_EXCHANGE = Struct(">ddIBHHB")  # as in Exchange, the kinds by their number; the outcome follows
_KINDS = ("input", "holding", "write", "link")
_REGISTERS, _EXCEPTION, _WORDS = range(3)


class FrameLog:
    """The last frames between one charge point and its central system. `on_frame` is cheap: it only keeps them."""

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._ring = Ring(FRAMES_BYTES)

    @property
    def dropped(self) -> int:
        """How many frames came before the oldest that is kept."""
        return self._ring.dropped

    def on_frame(self, direction: str, text: str) -> None:
        """Keeps a frame as it is on the wire; of a very long one its size."""
        if len(text) > MAX_FRAME_CHARACTERS:
            text = json.dumps(f"[{len(text)} characters]")
        self._ring.append(_FRAME.pack(self._now().monotonic_s, direction == "sent") + _encoded(text))
        if len(self._ring) > MAX_FRAMES:
            self._ring.drop()

    def frames(self) -> list[Frame]:
        """Those that are kept, oldest first, with whatever secrets they hold."""
        return [_frame(record) for record in self._ring]


class ModbusLog:
    """The last exchanges between one charge point and its charger.

    The last one of each question always stays, so that what is kept tells every register.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._latest: dict[tuple[str, int, int], Exchange] = {}
        self._over = Ring(EXCHANGES_BYTES)  # those before them, in the order in which others took their places

    def on_exchange(self, kind: str, address: int, count: int, outcome: Outcome) -> None:
        """Keeps one; costs next to nothing when the answer is the one before (`ModbusLink`)."""
        key = kind, address, count
        latest = self._latest.get(key)
        now_s = self._now_s()
        if latest is not None:
            if latest.outcome == outcome and kind != "write":
                latest.until_s = now_s
                latest.times += 1
                return
            self._over.append(_packed(latest))
        self._latest[key] = Exchange(now_s, now_s, 1, kind, address, count, outcome)

    def exchanges(self) -> list[Exchange]:
        """Those that are kept, oldest first, with whole id tags in them."""
        return sorted([*map(_exchange, self._over), *self._latest.values()], key=lambda exchange: exchange.at_s)


def _frame(record: bytes) -> Frame:
    at_s, sent = _FRAME.unpack_from(record)
    return at_s, "sent" if sent else "received", _decoded(record[_FRAME.size :])


def _packed(exchange: Exchange) -> bytes:
    match exchange.outcome:
        case int(code):
            how, outcome = _EXCEPTION, code.to_bytes(1, "big")
        case str(words):
            how, outcome = _WORDS, _encoded(words)
        case registers:
            how, outcome = _REGISTERS, registers
    kind = _KINDS.index(exchange.kind)
    at = exchange.at_s, exchange.until_s, exchange.times
    return _EXCHANGE.pack(*at, kind, exchange.address, exchange.count, how) + outcome


def _exchange(record: bytes) -> Exchange:
    at_s, until_s, times, kind, address, count, how = _EXCHANGE.unpack_from(record)
    held = record[_EXCHANGE.size :]
    outcome = held if how == _REGISTERS else held[0] if how == _EXCEPTION else _decoded(held)
    return Exchange(at_s, until_s, times, _KINDS[kind], address, count, outcome)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold halves of characters


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


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
