"""Frames without end, from a seed: valid ones, nearly valid ones, and what no central system would ever send. Pure."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz.corpus import ANSWERS, CALLS, ERRORS, HOSTILE, NUMBERS

Frame = str | bytes

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**25, 10**39),
    *(0.1, 1.0, 1.5, -0.0, 0.05, 1e30, 1e300, 16.1, float("nan"), float("inf")),
    *("", " ", "1", "true", "A", "W", "Accepted", "x" * 20, "x" * 21, "x" * 51, "x" * 256, "x" * 501, "x" * 5000),
    *("ä" * 20, "\U0001f600" * 20, "\x00", "\ud800", "a,b", "../../etc/passwd", "%s%n", "'; DROP TABLE outbox; --"),
    *("2026-11-22T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "2026-W47-7T00:00:00Z"),
    *("file:///etc/passwd", "ftp://", "http://[::1", "sftp://x:99999/", "http://files.example.com/" + "p" * 3000),
    *([], {}, [[]], [None], {"a": 1}, [1, "1"], {"": ""}),
)

IDS = ("x", " ", "17", "ä" * 36, "i" * 36, "i" * 37, "i" * 255, '"\\', "\x01", "\U0001f600", "'; --", "sentinel")


class Mutator:
    """An endless sequence of frames that depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._number = 0
        self._last_id = "0"
        makers: tuple[tuple[Callable[[], Frame], int], ...] = (
            (self._valid, 8),
            (self._wrong_payload, 44),
            (self._wrong_elements, 10),
            (self._wrong_text, 18),
            (self._hostile, 6),
            (self._answer, 8),
            (self._wrong_answer, 4),
            (self._noise, 2),
        )
        self._makers = [maker for maker, _ in makers]
        self._weights = [weight for _, weight in makers]

    def frame(self) -> Frame:
        """The next one."""
        self._number += 1
        return self._random.choices(self._makers, self._weights)[0]()

    # ------------------------------------------------------------ whole frames

    def _call(self) -> list[Any]:
        action, payload = self._random.choice(CALLS)
        return [2, self._id(), action, copy.deepcopy(payload)]

    def _id(self) -> str:
        chance = self._random.random()
        if chance < 0.02:
            return self._random.choice(IDS)
        if chance > 0.02:
            self._last_id = f"{self._number}"
        return self._last_id  # very rarely one that is taken already

    def _valid(self) -> Frame:
        return self._written(self._call())

    def _wrong_payload(self) -> Frame:
        call = self._call()
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            self._change_within(call, from_=3)
        return self._written(call)

    def _wrong_elements(self) -> Frame:
        call = self._call()
        match self._random.randrange(6):
            case 0:
                del call[self._random.randrange(4)]
            case 1:
                call.insert(self._random.randrange(5), self._value())
            case 2:
                self._random.shuffle(call)
            case 3:
                call[2] = self._spoiled(call[2])
            case _:
                call[self._random.randrange(4)] = self._value()
        return self._written(call)

    def _wrong_text(self) -> Frame:
        text = self._written(self._call())
        for _ in range(self._random.choice((1, 1, 2, 5))):
            text = self._spoiled(text)
        return text

    def _hostile(self) -> Frame:
        frame = self._random.choice(HOSTILE)
        return frame if isinstance(frame, bytes) else frame.replace('"ID"', f'"{self._id()}"')

    def _answer(self) -> Frame:
        """An answer that nobody waits for, or to a question that was answered long ago."""
        if self._random.random() < 0.5:
            return self._written([3, self._id(), self._random.choice(ANSWERS)])
        return self._written([4, self._id(), *self._random.choice(ERRORS)])

    def _wrong_answer(self) -> Frame:
        answer = [self._random.choice((3, 3, 4, 4, 5)), self._id(), copy.deepcopy(self._random.choice(ANSWERS))]
        self._change_within(answer, from_=1)
        text = self._written(answer)
        return self._spoiled(text) if self._random.random() < 0.3 else text

    def _noise(self) -> Frame:
        noise = self._random.randbytes(self._random.randrange(200))
        return noise if self._random.random() < 0.5 else noise.decode("utf-8", "replace")

    def _written(self, elements: list[Any]) -> str:
        separators = (",", ":") if self._random.random() < 0.9 else (" , ", " : ")
        return json.dumps(elements, separators=separators, ensure_ascii=self._random.random() < 0.5 or _torn(elements))

    # ------------------------------------------------------------ changes

    def _change_within(self, elements: list[Any], *, from_: int) -> None:
        """One change somewhere at or below the elements from there on."""
        places: list[tuple[Any, Any]] = [(elements, index) for index in range(from_, len(elements))]
        for container, key in places:  # grows while it is walked
            inner = container[key]
            if isinstance(inner, dict):
                places += [(inner, name) for name in inner]
            elif isinstance(inner, list):
                places += [(inner, index) for index in range(len(inner))]
        if places:
            self._change(*self._random.choice(places))

    def _change(self, container: Any, key: Any) -> None:
        value = container[key]
        match self._random.randrange(9):
            case 0:
                del container[key]
            case 1 if isinstance(container, dict):
                container[self._spoiled(key)] = container.pop(key)
            case 2 if isinstance(value, dict):
                value[self._random.choice(("colour", "id", "connectorId", "status", ""))] = self._value()
            case 3:
                container[key] = self._nested(value)
            case 4 if isinstance(value, str):
                container[key] = self._spoiled(value)
            case 5 if isinstance(value, str):
                container[key] = value * self._random.choice((2, 5, 30, 300))
            case 5 if isinstance(value, list):
                container[key] = copy.deepcopy(value * self._random.choice((2, 30, 150)))
            case 6 if isinstance(value, int | float) and not isinstance(value, bool):
                container[key] = self._random.choice((value + 1, -value, value * 1000, float(value), f"{value}"))
            case _:
                container[key] = self._value()

    def _value(self) -> Any:
        return copy.deepcopy(self._random.choice(VALUES))

    def _nested(self, value: Any) -> Any:
        for _ in range(self._random.choice((1, 1, 2, 28, 40))):
            value = [value] if self._random.random() < 0.5 else {"a": value}
        return value

    def _spoiled(self, text: str) -> str:
        """The text with some bytes flipped, cut, doubled or put in, or a number replaced."""
        data = bytearray(text.encode("utf-8", "surrogatepass"))
        where = self._random.randrange(len(data) + 1)
        some = self._random.choice((1, 1, 2, 8, 60))
        match self._random.randrange(6):
            case 0 if data:
                data[min(where, len(data) - 1)] ^= 1 << self._random.randrange(8)
            case 1:
                del data[where : where + some]
            case 2:
                data[where:where] = data[where : where + some]
            case 3:
                data[where:where] = self._random.choice(
                    (b'"', b"[", b"]", b"{", b"}", b",", b":", b"\\", b"\x00", b"\\ud800")
                )
            case 4:
                numbers = list(re.finditer(rb"[0-9]+", data))
                if numbers:
                    number = self._random.choice(numbers)
                    data[number.start() : number.end()] = self._random.choice(NUMBERS).encode()
            case _:
                del data[where:]
        return data.decode("utf-8", "replace")


def _torn(elements: list[Any]) -> bool:
    """Whether a half of a surrogate pair is in it; as text it can travel only escaped."""
    return "\ud800" in json.dumps(elements, ensure_ascii=False)
