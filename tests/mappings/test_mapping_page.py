"""docs/mapping.md: its example is a sound mapping, and it names every role and word that a mapping may use."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocpp_gateway.cli.app import app
from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.fields import RegisterType, WordOrder
from ocpp_gateway.registers.mapping_schema import Override, Register
from ocpp_gateway.registers.vocabulary import Confidence, PollClass, Role, Table
from ocpp_gateway.simulator.device import SimulatedCharger

PAGE = Path(__file__).parents[2] / "docs/mapping.md"
SAVED = re.compile(r"[Ss]ave [^`]*`([\w.-]+\.yaml)`.*?^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHECKED = re.compile(r"^\$ ocpp-gateway (mapping check \S+)\n(.*)$", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files of the page, to be in."""
    for name, text in SAVED.findall(PAGE.read_text("utf-8")):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_is_checked_as_the_page_says(folder: Path) -> None:
    ((command, said),) = CHECKED.findall(PAGE.read_text("utf-8"))
    result = CliRunner().invoke(app, command.split())
    assert (result.exit_code, result.output.strip()) == (0, said)


def test_a_charger_can_be_simulated_and_described_by_the_example(folder: Path) -> None:
    SimulatedCharger(load("./acme-wallbox.yaml"), 1)
    result = CliRunner().invoke(app, ["mapping", "show", "./acme-wallbox.yaml"])
    assert result.exit_code == 0
    assert "connector.1.session_energy_wh" in result.output


@pytest.mark.parametrize("words", [RegisterType, WordOrder, PollClass, Confidence, Table, Role])
def test_every_word_that_a_mapping_may_use_is_named(words: type[StrEnum]) -> None:
    page = PAGE.read_text("utf-8")
    assert [word.value for word in words if not re.search(rf"\b{word.value}\b", page)] == []


def test_every_key_of_a_register_is_named() -> None:
    page = PAGE.read_text("utf-8")
    keys = Register.model_fields.keys() | Override.model_fields.keys()
    assert [key for key in keys if not re.search(rf"\b{key}\b", page)] == []
