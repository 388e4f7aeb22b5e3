"""The environment over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocpp_gateway.settings.environment import environment_settings, misspelt, variable_of
from unit.settings.conftest import GOOD, Load, Mistakes


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(load: Load) -> None:
    text = GOOD + "web: {port: 8081}\n"
    assert load(GOOD).web.port == 8080
    assert load(text).web.port == 8081
    assert load(text, {"OCPP_GATEWAY_WEB__PORT": "9090"}).web.port == 9090


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("OCPP_GATEWAY_WEB__ENABLED", "false", "web.enabled", False),
        ("OCPP_GATEWAY_WEB__HOST", "::1", "web.host", "::1"),
        ("OCPP_GATEWAY_STORE__URL", "sqlite:///a.db", "store.url", "sqlite:///a.db"),
        ("OCPP_GATEWAY_LOG__LEVEL", "debug", "log.level", "DEBUG"),
        ("OCPP_GATEWAY_LOG__LEVELS__OCPP", "DEBUG", "log.levels", {"ocpp": "DEBUG"}),
        ("OCPP_GATEWAY_CENTRAL_SYSTEM__URL", "wss://b.example/", "central_system.url", "wss://b.example/"),
        ("OCPP_GATEWAY_CENTRAL_SYSTEM__SECURITY_PROFILE", "1", "central_system.security_profile", 1),
    ],
)
def test_every_kind_of_value_can_come_from_the_environment(
    load: Load, variable: str, text: str, path: str, value: object
) -> None:
    found: object = load(GOOD, {variable: text})
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def test_a_password_of_digits_stays_text(load: Load) -> None:
    settings = load(GOOD, {"OCPP_GATEWAY_CENTRAL_SYSTEM__PASSWORD": "0123456789012345"})
    assert settings.central_system.read_password() == b"0123456789012345"


def test_a_password_in_the_environment_replaces_a_password_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-the-file-16")
    text = GOOD.replace("password: sixteen-bytes-ok", "password_file: secret")
    settings = load(text, {"OCPP_GATEWAY_CENTRAL_SYSTEM__PASSWORD": "from-environment"})
    assert settings.central_system.read_password() == b"from-environment"


def test_a_section_may_come_from_the_environment_alone(load: Load) -> None:
    text = GOOD[: GOOD.index("central_system")] + GOOD[GOOD.index("chargers") :]
    environ = {
        "OCPP_GATEWAY_CENTRAL_SYSTEM__URL": "ws://127.0.0.1:9000/",
        "OCPP_GATEWAY_CENTRAL_SYSTEM__SECURITY_PROFILE": "0",
    }
    assert load(text, environ).central_system.url == "ws://127.0.0.1:9000/"


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("OCPP_GATEWAY_WEB__PORT", "many", "must be a whole number"),
        ("OCPP_GATEWAY_WEB__PORT", "65536", "must be at most 65535"),
        ("OCPP_GATEWAY_WEB__PORT", "", "is empty (unset it where the file's value is meant)"),
        ("OCPP_GATEWAY_CENTRAL_SYSTEM__PASSWORD", " ", "is empty (unset it where the file's value is meant)"),
        ("OCPP_GATEWAY_WEB__ENABLED", "perhaps", "must be true or false"),
        ("OCPP_GATEWAY_LOG__LEVELS__OCPP", "LOUD", "must be one of DEBUG, INFO, WARNING or ERROR"),
        ("OCPP_GATEWAY_WEB__PROT", "1", "no setting has this name (did you mean OCPP_GATEWAY_WEB__PORT?)"),
        ("OCPP_GATEWAY_CHARGERS__0__IDENTITY", "A", "chargers is read from the file alone"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    mistakes: Mistakes, variable: str, text: str, problem: str
) -> None:
    assert mistakes(GOOD, {variable: text}) == [f"{variable}: {problem}"]


def test_a_disagreement_with_the_environment_names_the_variable(mistakes: Mistakes) -> None:
    (line,) = mistakes(GOOD, {"OCPP_GATEWAY_CENTRAL_SYSTEM__URL": "ws://cpms.example.com"})
    assert line.startswith("OCPP_GATEWAY_CENTRAL_SYSTEM__URL: security profile 2 needs TLS")


def test_mistakes_in_the_environment_and_in_the_file_are_told_together(mistakes: Mistakes) -> None:
    lines = mistakes(GOOD.replace("44000", "44"), {"OCPP_GATEWAY_WEB__PORT": "x", "OCPP_GATEWAY_LOG__LEVEL": "x"})
    assert [line.split(" ")[0] for line in lines] == [
        "OCPP_GATEWAY_LOG__LEVEL:",
        "OCPP_GATEWAY_WEB__PORT:",
        "gateway.yaml:9:18:",
    ]


def test_what_kubernetes_sets_for_a_service_of_our_name_is_let_alone(load: Load) -> None:
    environ = {
        "OCPP_GATEWAY_PORT": "tcp://10.0.0.1:8080",
        "OCPP_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "OCPP_GATEWAY_PORT_8080_TCP_PROTO": "tcp",
        "PATH": "/bin",
    }
    assert load(GOOD, environ) == load(GOOD)
    assert list(misspelt(environ)) == []


def test_one_underscore_where_two_belong_is_noticed() -> None:
    assert list(misspelt({"OCPP_GATEWAY_WEB_PORT": "1", "OCPP_GATEWAY_WEB__PORT": "1"})) == [
        ("OCPP_GATEWAY_WEB_PORT", "OCPP_GATEWAY_WEB__PORT")
    ]


def test_everything_outside_chargers_can_be_set() -> None:
    names = {variable_of(path) for path in environment_settings()}
    assert {"OCPP_GATEWAY_WEB__PORT", "OCPP_GATEWAY_CENTRAL_SYSTEM__CA_FILE", "OCPP_GATEWAY_LOG__LEVELS"} <= names
    assert not any("CHARGERS" in name for name in names)
