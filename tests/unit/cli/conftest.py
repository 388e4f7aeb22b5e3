from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from ocpp_gateway.cli.app import main


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: object
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, as `ocpp-gateway` would in one of its own."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*args: object) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main([str(arg) for arg in args])
        written = capsys.readouterr()
        return Ended(caught.value.code or 0, written.out, written.err)

    return run
