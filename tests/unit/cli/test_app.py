"""How commands end."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import typer

from ocpp_gateway.cli import app as app_module
from ocpp_gateway.cli.app import main
from ocpp_gateway.errors import ConfigurationError, LinkLostError, Mistake
from unit.cli.conftest import Run

MISTAKES = ConfigurationError(Mistake("a.yaml", 1, 2, "k", "is wrong"), Mistake("a.yaml", 3, 4, "l", "is wrong too"))


def test_help_lists_every_command(run: Run) -> None:
    ended = run("--help")
    assert ended.exit_code == 0
    for name in ("run", "demo", "check", "config", "probe", "simulate", "central", "mapping", "healthcheck"):
        assert f" {name} " in ended.out


def test_the_version_is_shown(run: Run) -> None:
    assert run("--version")[:2] == (0, "ocpp-gateway 0.1.0\n")


@pytest.mark.parametrize(
    "args", [["nothing"], ["check", "--nothing"], ["probe"], ["probe", "host"], ["central", "--port", "x"]]
)
def test_wrong_use_is_exit_code_2(run: Run, args: list[str]) -> None:
    ended = run(*args)
    assert (ended.exit_code, ended.out) == (2, "")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("raised", "exit_code", "lines"),
    [
        (MISTAKES, 2, "a.yaml:1:2: k: is wrong\na.yaml:3:4: l: is wrong too\n"),
        (LinkLostError("10.0.0.1:502: no answer"), 1, "10.0.0.1:502: no answer\n"),
        (ExceptionGroup("tasks", [LinkLostError("one"), ExceptionGroup("more", [MISTAKES])]), 2, f"one\n{MISTAKES}\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["configuration", "charger", "out of tasks", "Ctrl-C"],
)
def test_what_an_operator_can_mend_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    exit_code: int,
    lines: str,
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fail() -> None:
        raise raised

    monkeypatch.setattr(app_module, "app", failing)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == exit_code
    assert capsys.readouterr().err == lines


def test_a_bug_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = typer.Typer(pretty_exceptions_enable=False)

    @failing.command()
    def fail() -> None:
        raise ExceptionGroup("tasks", [LinkLostError("one"), ZeroDivisionError()])

    monkeypatch.setattr(app_module, "app", failing)
    with pytest.raises(ExceptionGroup):
        main([])


def test_help_loads_nothing_that_only_commands_need() -> None:
    heavy = {"pydantic", "pymodbus", "sqlalchemy", "starlette", "uvicorn", "websockets", "structlog", "ruamel"}
    code = f"import sys, ocpp_gateway.cli.app; print(*sorted({heavy} & sys.modules.keys()))"
    begun = time.monotonic()
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
    assert time.monotonic() - begun < 10
