"""What systemd is told, over a socket like its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocpp_gateway import systemd


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_systemd_gets_every_assignment_in_one_datagram(listener: socket.socket) -> None:
    systemd.notify("READY=1", "STATUS=all is well")
    assert listener.recv(1000) == b"READY=1\nSTATUS=all is well"


def test_an_abstract_socket_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ocpp-gateway-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        systemd.notify("READY=1")
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/there/is/nobody", "@nobody-listens-here", "/" + "x" * 200])
def test_nobody_who_listens_is_no_trouble(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("environ", "within_s"),
    [
        pytest.param({"WATCHDOG_USEC": "60000000"}, 60.0, id="asked for"),
        pytest.param({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 60.0, id="asked of us"),
        pytest.param({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None, id="asked of another process"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="none"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="no number"),
        pytest.param({}, None, id="not asked for"),
    ],
)
def test_the_watchdog_is_answered_when_it_asks_this_process(environ: dict[str, str], within_s: float | None) -> None:
    assert systemd.watchdog_s(environ, 7) == within_s
