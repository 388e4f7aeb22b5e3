"""How long this side waits: for answers, before a repeat, before the next connection. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The configuration keys that concern the wire, as they stand now; names and units are OCPP's (S§9.1, E 3.82)."""

    message_timeout_s: float = 30.0
    transaction_message_attempts: int = 3
    transaction_message_retry_interval_s: float = 60.0
    web_socket_ping_interval_s: float = 30.0
    boot_on_reconnect: bool = False


FIRST_RECONNECT_WITHIN_S = 5.0
RECONNECT_BASE_S = 3.0
RECONNECT_DOUBLINGS = 3
RECONNECT_JITTER_S = 10.0
RECONNECT_LONGEST_S = 300.0

USEFUL_AFTER_S = 60.0
"""A connection that was accepted for longer than this was a good one: the back-off starts anew after it (T-40)."""

STARTS_AT_ONCE = 2
FIRST_START_WAIT_S, LONGEST_START_WAIT_S = 5.0, 300.0
START_DOUBLINGS = 6

BOOT_REPEAT_S = 60.0


@dataclass(frozen=True, slots=True)
class Hold:
    """No connection before `until_s`, on the loop's clock, and `why`, in words for people."""

    until_s: float
    why: str


def reconnect_wait_s(failures: int, jitter: float) -> float:
    """Seconds to wait before the next connection (T-40).

    `failures` counts the connections in a row that could not be made or came to nothing; 0 after a good one,
    which is tried again within `FIRST_RECONNECT_WITHIN_S`. `jitter` is a random number from 0 to 1: a central
    system that comes back must not find all its charge points at the door in the same second.
    """
    if failures == 0:
        return 1.0 + jitter * (FIRST_RECONNECT_WITHIN_S - 1.0)
    doubled = RECONNECT_BASE_S * 2 ** min(failures - 1, RECONNECT_DOUBLINGS)
    return float(min(RECONNECT_LONGEST_S, doubled + jitter * RECONNECT_JITTER_S))


def asked_wait_s(retry_after_s: float, jitter: float) -> float:
    """Seconds to wait where the central system asked for so many: no longer than our own longest wait, and spread."""
    return min(RECONNECT_LONGEST_S, retry_after_s) + jitter * RECONNECT_JITTER_S


def start_wait_s(starts: int) -> float:
    """Seconds from the start of the process to its first connection (fault K-14).

    `starts` counts this one and all before it that ended in a death, one soon after the other: whatever starts the
    gateway again does so at once, and a central system must not have to bear that.
    """
    if starts <= STARTS_AT_ONCE:
        return 0.0
    doubled = FIRST_START_WAIT_S * 2 ** min(starts - STARTS_AT_ONCE - 1, START_DOUBLINGS)
    return float(min(LONGEST_START_WAIT_S, doubled))


def boot_repeat_s(interval_s: int | None) -> float:
    """Seconds until the next BootNotification after one that was not accepted.

    `interval_s` is what Pending or Rejected asked for (B-08: 0 leaves it to us); None when there was no usable
    answer at all (B-09).
    """
    return float(interval_s) if interval_s else BOOT_REPEAT_S
