from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.cli.conftest import Run

CONFIGURATION = """\
version: 1
central_system: {{url: "ws://127.0.0.1:9000/", security_profile: 0}}
chargers: [{{identity: A, mapping: compleo-duo-solo, modbus: {{host: 127.0.0.1}}, max_power_w: 22000}}]
web: {{port: {port}, enabled: {enabled}}}
"""


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers as the class says."""

    status, text = 200, "ok\n"

    def do_GET(self) -> None:
        assert self.path == "/healthz"
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Gateway, "status", 200)
    monkeypatch.setattr(Gateway, "text", "ok\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def write(directory: Path, port: int, *, enabled: bool = True) -> Path:
    file = directory / "gateway.yaml"
    file.write_text(CONFIGURATION.format(port=port, enabled=str(enabled).lower()))
    return file


def test_a_healthy_gateway_is_0(run: Run, port: int, tmp_path: Path) -> None:
    assert run("healthcheck", "-c", write(tmp_path, port)) == (0, "ok\n", "")


def test_a_sick_gateway_is_1_with_its_reason(run: Run, port: int, tmp_path: Path) -> None:
    Gateway.status, Gateway.text = 503, "a task has stopped\n"
    assert run("healthcheck", "-c", write(tmp_path, port)) == (1, "", "a task has stopped\n")


def test_no_gateway_is_1(run: Run, tmp_path: Path) -> None:
    ended = run("healthcheck", "-c", write(tmp_path, 1))
    assert ended == (1, "", "no answer from 127.0.0.1:1: connection refused; is the gateway running?\n")


def test_a_wrong_configuration_is_1_because_docker_reserves_2(run: Run, tmp_path: Path) -> None:
    ended = run("healthcheck", "-c", tmp_path / "gateway.yaml")
    assert ended.exit_code == 1
    assert "there is no such file" in ended.err


def test_a_gateway_without_pages_cannot_be_asked(run: Run, tmp_path: Path) -> None:
    ended = run("healthcheck", "-c", write(tmp_path, 1, enabled=False))
    assert ended == (1, "", "web.enabled is false, so nobody can be asked\n")
