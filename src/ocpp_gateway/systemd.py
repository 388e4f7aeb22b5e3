"""What systemd is told when it started this process: sd_notify(3). Started by anything else, nothing happens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from ocpp_gateway.log import logger


def notify(*assignments: str) -> None:
    """Tell systemd, such as `READY=1` or `STATUS=…`. That it does not listen is logged, and nothing more."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as datagram:
            datagram.sendto("\n".join(assignments).encode(), address)
    except OSError as exc:
        logger(__name__).debug("systemd_not_notified", problem=str(exc))


def watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Within how many s systemd wants to hear `WATCHDOG=1` again and again; None when it does not ask for it.

    Source: sd_watchdog_enabled(3); WATCHDOG_PID names whom it asks, so that a child does not answer.
    """
    time_us = environ.get("WATCHDOG_USEC", "")
    if not time_us.isascii() or not time_us.isdigit() or int(time_us) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(time_us) / 1_000_000
