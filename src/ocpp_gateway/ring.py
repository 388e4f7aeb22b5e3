"""A ring of records in one piece of memory, taken whole at the start, so that what fills slowly is no slow growth."""

from __future__ import annotations

from collections.abc import Iterator

_LENGTH = 4  # bytes before each record that say how long it is


class Ring:
    """The last records of any length that fit into `size` bytes. For one thread at a time."""

    def __init__(self, size: int) -> None:
        self._memory = bytearray(size)
        self._first = 0  # where the oldest begins
        self._used = 0
        self._kept = 0
        self.dropped = 0
        """How many records came before the oldest that is kept."""

    def __len__(self) -> int:
        return self._kept

    def __iter__(self) -> Iterator[bytes]:
        """Those that are kept, oldest first; nothing may be added meanwhile."""
        at = self._first
        for _ in range(self._kept):
            length = self._length_at(at)
            yield self._read(at + _LENGTH, length)
            at += _LENGTH + length

    def append(self, record: bytes) -> None:
        """Keep a record, in place of as many of the oldest as it takes. Raises ValueError when it can never fit."""
        data = len(record).to_bytes(_LENGTH, "big") + record
        size = len(self._memory)
        if len(data) > size:
            raise ValueError(f"a record of {len(record)} bytes in a ring of {size}")
        while self._used + len(data) > size:
            self.drop()
        at = (self._first + self._used) % size
        before_the_end = data[: size - at]
        beyond = data[size - at :]
        self._memory[at : at + len(before_the_end)] = before_the_end
        self._memory[: len(beyond)] = beyond
        self._used += len(data)
        self._kept += 1

    def drop(self) -> None:
        """Forget the oldest record; there must be one."""
        length = _LENGTH + self._length_at(self._first)
        self._first = (self._first + length) % len(self._memory)
        self._used -= length
        self._kept -= 1
        self.dropped += 1

    def _length_at(self, at: int) -> int:
        return int.from_bytes(self._read(at, _LENGTH), "big")

    def _read(self, at: int, length: int) -> bytes:
        at %= len(self._memory)
        found = bytes(self._memory[at : at + length])
        return found + self._memory[: length - len(found)]
