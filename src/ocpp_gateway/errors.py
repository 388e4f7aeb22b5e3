"""Everything that may go wrong by design, in three kinds; whatever else is raised is a bug of ours.

`ConfigurationError`: the operator can mend it. `LinkError`: the charger, mostly transient. `PeerError`: the
central system broke the protocol or could not be reached. `StoreError`: nothing can be written.
Exceptions carry fields and render themselves as one line that says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """The root of all errors that are expected to happen."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file an operator wrote, and where."""

    file: str
    line: int | None
    column: int | None
    key: str
    problem: str
    hint: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{key} {self.problem}{hint}"


class ConfigurationError(GatewayError):
    """A file or an argument is wrong; holds every mistake found, not only the first."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class LinkError(GatewayError):
    """The charger did not do what Modbus TCP promises; the next attempt may succeed."""


class LinkUnavailable(LinkError):
    """No TCP connection to the charger."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(f"no Modbus TCP connection to {host}:{port}: {reason}")


class LinkLostError(LinkError):
    """The connection closed, or the charger gave no answer in time; the socket is gone."""


class WrongAnswer(LinkError):
    """An answer that does not belong to its question: function code, register count or write echo."""


class RegisterRefused(LinkError):
    """The charger answered with a Modbus exception code."""

    def __init__(self, *, table: str, address: int, count: int, exception_code: int) -> None:
        self.table, self.address, self.count, self.exception_code = table, address, count, exception_code
        meaning = MODBUS_EXCEPTIONS.get(exception_code, "unknown exception")
        super().__init__(f"{table} {address}..{address + count - 1}: Modbus exception {exception_code}, {meaning}")


MODBUS_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "server busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}


class PeerError(GatewayError):
    """The central system could not be reached, refused us, or broke the protocol.

    `retry_after_s`: how long it asked not to be called again, 0 where it did not.
    """

    def __init__(self, problem: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


class StoreError(GatewayError):
    """The store cannot be opened, is held by another gateway, or cannot write."""


class StoreDamaged(StoreError):
    """The database cannot be read, or not all of it."""


class StoreUnavailable(StoreError):
    """The database cannot be read or written just now; the same may succeed later."""


class NoDeadLetter(StoreError):
    """No message of that number was given up."""


class ActionRefused(GatewayError):
    """What somebody asked for cannot be done now; says why, for people."""
