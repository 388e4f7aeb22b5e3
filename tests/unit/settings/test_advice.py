"""What is allowed, and worth a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocpp_gateway.settings import warnings_of
from unit.settings.conftest import GOOD, Load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_a_good_file_needs_no_words(load: Load, file: Path) -> None:
    settings = load()
    file.chmod(0o600)
    assert warnings_of(settings, file, {}) == []


def warned(load: Load, file: Path, text: str) -> str:
    settings = load(text)
    file.chmod(0o600)
    return "\n".join(warnings_of(settings, file, {}))


def test_mode_central_system_names_what_it_relies_on_and_the_test_to_make(load: Load, file: Path) -> None:
    text = GOOD + "    authorization: {mode: central_system}\n"
    words = warned(load, file, text)
    assert words.startswith("SITE-1: mode central_system relies on two things")
    assert "Test on site" in words
    assert "with the gateway dead" not in words
    with_fallback = warned(load, file, text + "    fallback: {power_w: 4200, after_s: 60}\n")
    assert "with the gateway dead, the charger gives 4200 W to everyone" in with_fallback
    without_power = warned(load, file, text + "    fallback: {power_w: 0, after_s: 60}\n")
    assert "with the gateway dead" not in without_power


@pytest.mark.parametrize(
    ("power_w", "warns"), [(1_400, True), (4_140, True), (4_199, True), (4_200, False), (44_000, False)]
)
def test_a_power_below_the_charger_s_minimum_is_told(load: Load, file: Path, power_w: int, *, warns: bool) -> None:
    told = f" {power_w} W no car ever charges: the charger pauses below 4200 W"
    of_station = warned(load, file, GOOD.replace("44000", str(power_w)))
    assert of_station == ("SITE-1: with max_power_w" + told if warns else "")
    of_connector = warned(load, file, GOOD + f"    connector_max_power_w: {power_w}\n")
    assert of_connector == ("SITE-1: with connector_max_power_w" + told if warns else "")


def test_a_fallback_alone_needs_no_words(load: Load, file: Path) -> None:
    assert warned(load, file, GOOD + "    fallback: {power_w: 4200, after_s: 60}\n") == ""


@pytest.mark.parametrize(
    ("host", "warns"), [("cpms.example.com", True), ("192.168.1.9", True), ("localhost", False), ("127.0.0.1", False)]
)
def test_t_10_plain_websockets_are_for_this_machine(load: Load, file: Path, host: str, warns: bool) -> None:
    text = GOOD.replace("wss://cpms.example.com/ocpp", f"ws://{host}/\n  security_profile: 1")
    assert ("ws:// to" in warned(load, file, text)) is warns


@pytest.mark.parametrize(
    ("password", "warns"), [("x" * 15, True), ("x" * 16, False), ("x" * 20, False), ("x" * 21, True)]
)
def test_z_02_a_password_has_16_to_20_bytes(load: Load, file: Path, password: str, warns: bool) -> None:
    words = warned(load, file, GOOD.replace("sixteen-bytes-ok", password))
    assert (
        words == f"the password has {len(password)} bytes; OCPP 1.6 wants 16 to 20, a strict central system too"
    ) is warns


def test_a_password_that_is_not_used_is_told(load: Load, file: Path) -> None:
    assert "security profile 0 uses no password" in warned(
        load, file, GOOD.replace("  password", "  security_profile: 0\n  password")
    )


def test_fault_c_02_a_secret_that_everyone_can_read_is_told(load: Load, file: Path, tmp_path: Path) -> None:
    settings = load()
    file.chmod(0o644)
    assert warnings_of(settings, file, {}) == [
        f"{file} holds a secret and every user of this machine can read it: chmod o-r {file}"
    ]
    secret = tmp_path / "secret"
    secret.write_text("sixteen-bytes-ok")
    secret.chmod(0o644)
    settings = load(GOOD.replace("password: sixteen-bytes-ok", "password_file: secret"))
    assert warnings_of(settings, file, {}) == [
        f"{secret} holds a secret and every user of this machine can read it: chmod o-r {secret}"
    ]


def test_a_variable_that_is_not_read_is_told(load: Load, file: Path) -> None:
    settings = load()
    file.chmod(0o600)
    assert warnings_of(settings, file, {"OCPP_GATEWAY_WEB_PORT": "1"}) == [
        "OCPP_GATEWAY_WEB_PORT is not read; the setting is OCPP_GATEWAY_WEB__PORT, with two underscores"
    ]


def test_a_dashboard_that_others_reach_without_tls_is_worth_a_word(load: Load, file: Path) -> None:
    words = warned(load, file, GOOD + "web: {host: 0.0.0.0}\n")
    assert "passwords cross the network readable" in words
    assert warned(load, file, GOOD + "web: {host: '::1'}\n") == ""
    assert warned(load, file, GOOD + "web: {host: 0.0.0.0, enabled: false}\n") == ""
