"""A recorded charger: the Modbus half of a flight recorder, answered again over time. Pure.

Time begins with the first read. A register that was recorded answers with what was read of it last by then, and
before its first read with that one; a register that was never recorded does not exist (exception 2). What is written
stays, until the recorded charger changed that register by itself. Where nothing changed for long it is shortened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ILLEGAL_ADDRESS, ModbusException

LONGEST_QUIET_S = 120.0
"""So long is waited at most for the next change."""
TOGETHER_S = 0.25
"""Answers so close together were one poll: they change at once."""
PERMANENT = frozenset({1, 2, 3})
"""Modbus exceptions of registers that do not exist."""

Place = tuple[Table, int]
Question = tuple[Table, int, int]


class NotARecording(Exception):
    """What was given is no recording; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_s` on these registers hold these words, and these questions are refused with that code, or no more."""

    at_s: float
    words: dict[Place, int]
    refused: dict[Question, int | None]


@dataclass(frozen=True, slots=True)
class Outage:
    """The charger could not be reached."""

    at_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known at the beginning, and what happens after it, in s from there."""

    words: dict[Place, int]
    changes: tuple[Change, ...]
    outages: tuple[Outage, ...]
    length_s: float


def recording_of(lines: Iterable[str]) -> Recording:
    """The recording that the lines of a `modbus.jsonl` hold. Raises NotARecording, with the number of the line."""
    known: dict[Place, int] = {}  # now, as the lines go by
    first: dict[Place, int] = {}
    refused: dict[Question, int | None] = {}
    timeline = _Timeline()
    down_s: float | None = None
    outages: list[Outage] = []
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            at_s = timeline.at(float(told["at_s"]))
            if "link" in told:
                if told["link"] == "connected" and down_s is not None:
                    outages.append(Outage(down_s, timeline.move(at_s)))
                    down_s = None
                elif told["link"] != "connected" and down_s is None and not _by_the_gateway(told["link"]):
                    down_s = timeline.move(at_s)
                continue
            words, question = _words(told), _question(told)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise NotARecording(f"line {number} is no line of a flight recorder") from exc
        news = {place: word for place, word in words.items() if known.get(place) != word}
        known |= words
        if "write" in told:  # not the charger's doing; whoever plays with it now writes for himself
            continue
        fresh = {place: word for place, word in news.items() if place in first}
        first = words | first
        exception = told.get("exception")
        refusal = None if exception in PERMANENT else exception
        refusals = {} if question is None or refused.get(question) == refusal else {question: refusal}
        refused |= refusals
        if fresh or refusals:
            timeline.change(at_s, fresh, refusals)
    if not first:
        raise NotARecording("no register was recorded")
    if down_s is not None:
        outages.append(Outage(down_s, down_s + LONGEST_QUIET_S))
    return Recording(first, tuple(timeline.changes), tuple(outages), timeline.end_s)


class _Timeline:
    """Puts what was recorded on the clock of the replay."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.end_s = 0.0
        self._recorded_s: float | None = None

    def at(self, recorded_s: float) -> float:
        """A recorded time, which must be a number; the first one is the beginning."""
        if self._recorded_s is None:
            self._recorded_s = recorded_s
        return recorded_s

    def move(self, recorded_s: float) -> float:
        """The time of the replay for a moment at which something happens."""
        before_s = recorded_s if self._recorded_s is None else self._recorded_s
        self.end_s += min(max(recorded_s - before_s, 0.0), LONGEST_QUIET_S)
        self._recorded_s = max(recorded_s, before_s)
        return self.end_s

    def change(self, recorded_s: float, words: dict[Place, int], refused: dict[Question, int | None]) -> None:
        """What is different from that moment on."""
        last = self.changes[-1] if self.changes else None
        at_s = self.move(recorded_s)
        if last is not None and at_s - last.at_s <= TOGETHER_S:
            self.changes[-1] = Change(last.at_s, last.words | words, last.refused | refused)
        else:
            self.changes.append(Change(at_s, words, refused))


class ReplayedCharger:
    """A charger that answers as a recorded one did; `charging_speed` makes all of it run so many times faster."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.now_s = 0.0
        self.connection: int | None = None
        self.charging_speed = 1.0
        self._began_s: float | None = None
        self._words = dict(recording.words)
        self._refused: dict[Question, int | None] = {}
        self._next = 0

    @property
    def position_s(self) -> float:
        """How much of the recording has been played; 0 until the first read."""
        return 0.0 if self._began_s is None else (self.now_s - self._began_s) * self.charging_speed

    @property
    def is_over(self) -> bool:
        """Whether all of it has been played; its last words stay."""
        return self._began_s is not None and self.position_s >= self.recording.length_s

    def advance(self, now_s: float) -> None:
        """Let time pass until then."""
        self.now_s = max(self.now_s, now_s)
        changes = self.recording.changes
        while self._next < len(changes) and self._began_s is not None and changes[self._next].at_s <= self.position_s:
            self._words |= changes[self._next].words
            self._refused |= changes[self._next].refused
            self._next += 1

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        """The words of `count` registers. Raises ModbusException."""
        if self._began_s is None:
            self._began_s = self.now_s
        refusal = self._refused.get((table, address, count))
        if refusal is not None:
            raise ModbusException(refusal)
        try:
            return tuple(self._words[table, position] for position in range(address, address + count))
        except KeyError:
            raise ModbusException(ILLEGAL_ADDRESS) from None

    def write(self, address: int, value: int) -> None:
        """Sets a holding register that was recorded. Raises ModbusException."""
        if (Table.HOLDING, address) not in self._words:
            raise ModbusException(ILLEGAL_ADDRESS)
        self._words[Table.HOLDING, address] = value


def _words(told: dict[str, Any]) -> dict[Place, int]:
    if "words" not in told:
        return {}
    table, address = (Table.HOLDING, told["write"]) if "write" in told else _table(told)
    data = bytes.fromhex(told["words"])
    if len(data) % 2 or not 0 <= address <= 0xFFFF:
        raise ValueError("half a register, or no address")
    return {(table, address + n // 2): int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2)}


def _question(told: dict[str, Any]) -> Question | None:
    if "write" in told:
        return None
    table, address = _table(told)
    return table, address, len(told["words"]) // 4 if "words" in told else int(told["count"])


def _table(told: dict[str, Any]) -> Place:
    table = Table.INPUT if Table.INPUT.value in told else Table.HOLDING
    return table, int(told[table.value])


def _by_the_gateway(reason: str) -> bool:
    """Whether the link was closed for no reason of the charger's."""
    return reason.endswith(("closed by the gateway", "a request was cancelled"))
