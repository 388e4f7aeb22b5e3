"""`check`, and `config`, whose sample must pass it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import trustme
from pydantic import BaseModel

from ocpp_gateway.settings import Settings, load_settings
from ocpp_gateway.settings.environment import section_in
from unit.cli.conftest import Run

GOOD = """\
version: 1
central_system: {url: "wss://cpms.example.com/ocpp?token=canary-1", password: canary-2-16bytes}
chargers:
  - identity: SITE 1
    mapping: compleo-duo-solo
    modbus: {host: 192.168.1.50, port: 1502}
    max_power_w: 44000
    authorization: {mode: central_system}
"""

BAD = """\
version: 1
central_system: {url: "wss://cpms.example.com/ocpp", password: sixteen-bytes-ok}
chargers:
  - identity: SITE-1
    mapping: compleo-duo
    modbus: {host: 192.168.1.50, port: 0}
    max_power_w: 44kW
    connector_max_power: 22000
    fallback: {power_w: 4200, after_s: 1}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.touch(0o600)
    return file


def test_acceptance_7_all_five_mistakes_with_file_line_and_column(run: Run, file: Path) -> None:
    file.write_text(BAD)
    ended = run("check", "-c", file)
    assert (ended.exit_code, ended.out) == (2, "")
    places = [re.match(rf"{re.escape(str(file))}:(\d+):(\d+): ([^:]+):", line) for line in ended.err.splitlines()]
    assert [place and place.groups() for place in places] == [
        ("5", "14", "chargers[0].mapping"),
        ("6", "40", "chargers[0].modbus.port"),
        ("7", "18", "chargers[0].max_power_w"),
        ("8", "5", "chargers[0].connector_max_power"),
        ("9", "40", "chargers[0].fallback.after_s"),
    ]


def test_a_good_file_is_summed_up_with_its_warnings_and_without_secrets(run: Run, file: Path) -> None:
    file.write_text(GOOD)
    ended = run("check", "-c", file)
    assert (ended.exit_code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:3] == [
        f"{file}: no mistakes",
        "  SITE 1: compleo-duo-solo at 192.168.1.50:1502, at most 44000 W, authorization central_system",
        "    -> wss://cpms.example.com/ocpp/SITE%201, security profile 2",
    ]
    assert lines[3].startswith("warning: SITE 1: mode central_system relies on two things")
    assert "canary" not in ended.out


def test_json_is_for_programs(run: Run, file: Path) -> None:
    file.write_text(BAD)
    ended = run("check", "-c", file, "--json")
    assert (ended.exit_code, ended.err) == (2, "")
    result = json.loads(ended.out)
    assert result["ok"] is False
    assert result["mistakes"][0] == {
        "file": str(file),
        "line": 5,
        "column": 14,
        "key": "chargers[0].mapping",
        "problem": "there is no mapping of this name",
        "hint": "did you mean compleo-duo-solo?",
    }
    file.write_text(GOOD)
    ended = run("check", "-c", file, "--json")
    result = json.loads(ended.out)
    assert (ended.exit_code, result["ok"], result["mistakes"]) == (0, True, [])
    assert result["chargers"][0]["identity"] == "SITE 1"
    assert len(result["warnings"]) == 1
    assert "canary" not in ended.out


def test_without_a_file_it_says_how_to_begin(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("check")
    assert ended.exit_code == 2
    assert "ocpp-gateway config example > gateway.yaml" in ended.err


# ---------------------------------------------------------------- config example


def test_the_sample_passes_check(run: Run, file: Path) -> None:
    file.write_text(run("config", "example").out)
    ended = run("check", "-c", file)
    assert (ended.exit_code, ended.err) == (0, "")
    assert "warning" not in ended.out


def with_every_option(sample: str) -> str:
    """The sample with its optional lines made real; prose has one blank after its #."""
    return re.sub(r"(?m)^( *)#(?! \S)", r"\1", sample)


def test_every_option_of_the_sample_is_right_too(run: Run, file: Path, tmp_path: Path) -> None:
    text = with_every_option(run("config", "example").out)
    authority = trustme.CA()
    ours = authority.issue_cert("SITE-1.example.com")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
    ours.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    text = text.replace("/etc/ocpp-gateway/", f"{tmp_path}/")
    text = re.sub(r"(?m)^  (password_file|authorization_key): .*\n", "", text)  # one kind of password is enough
    file.write_text(text)
    settings = load_settings(file, {})
    assert settings.chargers[0].fallback is not None


def test_the_sample_knows_every_key(run: Run) -> None:
    text = with_every_option(run("config", "example").out)

    def keys(section: type[BaseModel]) -> set[str]:
        inner = [section_in(field.annotation) for field in section.model_fields.values()]
        return set(section.model_fields).union(*(keys(found) for found in inner if found is not None))

    assert {key for key in keys(Settings) if not re.search(rf"\b{key}:", text)} == set()


def test_the_sample_shows_the_defaults(run: Run) -> None:
    """Where an optional line has a single value that is a default of the models, it is that default."""
    text = run("config", "example").out
    for line in ("port: 8080", "host: 127.0.0.1", "timeout_s: 1.0", "poll_interval_s: 1.0", "nominal_voltage_v: 230",
                 "tolerance_w: 60", "free_id_tag: FREE", "unknown_id_tag: UNKNOWN", "level: INFO", "format: auto",
                 "url: sqlite:////var/lib/ocpp-gateway/gateway.db", "swap_connectors: false"):  # fmt: skip
        assert line in text


def test_the_schema_is_json(run: Run) -> None:
    schema = json.loads(run("config", "schema").out)
    assert set(schema["required"]) == {"version", "central_system", "chargers"}
