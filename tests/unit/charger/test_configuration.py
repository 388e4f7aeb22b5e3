"""Configuration keys: what is a value, which value holds, and what the central system is told."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.charger.configuration import Configuration, ConfigurationStatus
from ocpp_gateway.charger.configuration_keys import KEYS, Access, keys_of

A, R, N = ConfigurationStatus.ACCEPTED, ConfigurationStatus.REJECTED, ConfigurationStatus.NOT_SUPPORTED


def configuration(
    number_of_connectors: int = 2, *, from_file: dict[str, str] | None = None, changed: dict[str, str] | None = None
) -> Configuration:
    return Configuration(from_file or {}, changed or {}, number_of_connectors)


def shown(keys: Configuration, *names: str) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in keys.report(names)["configurationKey"]}


@pytest.mark.parametrize(
    ("name", "value", "status", "kept"),
    [
        ("ConnectionTimeOut", "15", A, "15"),
        ("ConnectionTimeOut", " 15 ", A, "15"),
        ("ConnectionTimeOut", "0", A, "0"),
        ("ConnectionTimeOut", "2147483647", A, "2147483647"),
        ("ConnectionTimeOut", "2147483648", R, "60"),
        ("ConnectionTimeOut", "99999999999999999999", R, "60"),
        ("ConnectionTimeOut", "-1", R, "60"),
        ("ConnectionTimeOut", "+1", R, "60"),
        ("ConnectionTimeOut", "015", R, "60"),
        ("ConnectionTimeOut", "15.0", R, "60"),
        ("ConnectionTimeOut", "1 5", R, "60"),
        ("ConnectionTimeOut", "1e2", R, "60"),
        ("ConnectionTimeOut", "true", R, "60"),
        ("ConnectionTimeOut", "", R, "60"),
        ("ConnectionTimeOut", "٣", R, "60"),
        ("MessageTimeout", "0", R, "30"),
        ("TransactionMessageAttempts", "0", R, "3"),
        ("WebSocketPingInterval", "-1", R, "30"),
        ("WebSocketPingInterval", "0", A, "0"),
        ("LocalPreAuthorize", "TRUE", A, "true"),
        ("LocalPreAuthorize", " True ", A, "true"),
        ("LocalPreAuthorize", "1", R, "false"),
        ("LocalPreAuthorize", "yes", R, "false"),
        ("LocalPreAuthorize", "", R, "false"),
        ("StopTxnSampledData", "Voltage , Current.Import.L1", A, "Voltage,Current.Import.L1"),
        ("StopTxnSampledData", "", A, ""),
        ("StopTxnSampledData", "Voltage,Voltage", R, ""),
        ("StopTxnSampledData", "voltage", R, ""),
        ("StopTxnSampledData", "Voltage,SoC", R, ""),
        ("StopTxnSampledData", "Voltage,", R, ""),
        ("ConnectorPhaseRotation", "0.RST, 1.NotApplicable,2.TSR", A, "0.RST,1.NotApplicable,2.TSR"),
        ("ConnectorPhaseRotation", "2.STR", A, "2.STR"),
        ("ConnectorPhaseRotation", "3.RST", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "01.RST", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "-1.RST", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "1.RST,1.RTS", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "1.rst", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "1", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "RST", R, "0.Unknown,1.Unknown,2.Unknown"),
        ("ConnectorPhaseRotation", "", R, "0.Unknown,1.Unknown,2.Unknown"),
    ],
)
def test_c_07_c_08_c_10_c_11_a_value_is_kept_in_one_form_or_refused(
    name: str, value: str, status: ConfigurationStatus, kept: str
) -> None:
    keys = configuration()
    assert keys.change(name, value)[0] is status
    assert shown(keys, name) == {name: kept}


def test_c_07_an_unknown_key_is_not_supported() -> None:
    assert configuration().change("Nonsense", "1") == (N, None)


def test_a_change_counts_before_the_file_and_the_file_before_the_default() -> None:
    keys = configuration(from_file={"connectiontimeout": "10", "MessageTimeout": "11"}, changed={"MessageTimeout": "7"})
    assert (keys.integer("ConnectionTimeOut"), keys.integer("MessageTimeout")) == (10, 7)


def test_what_an_older_version_kept_and_this_one_refuses_does_not_count() -> None:
    keys = configuration(from_file={"MessageTimeout": "11"}, changed={"MessageTimeout": "0", "Gone": "1"})
    assert keys.integer("MessageTimeout") == 11


def test_a_value_for_a_read_only_key_does_not_count() -> None:
    assert configuration(changed={"NumberOfConnectors": "9"}).integer("NumberOfConnectors") == 2


def test_what_depends_on_the_number_of_connectors_follows_it() -> None:
    names = ("ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength", "NumberOfConnectors")
    keys = configuration(2)
    assert tuple(shown(keys, *names).values()) == ("0.Unknown,1.Unknown,2.Unknown", "3", "2")
    keys.has_connectors(1)
    assert tuple(shown(keys, *names).values()) == ("0.Unknown,1.Unknown", "2", "1")
    assert keys.change("ConnectorPhaseRotation", "1.RST,2.RST")[0] is R


def test_a_phase_rotation_given_waits_for_its_connector() -> None:
    keys = configuration(2, from_file={"ConnectorPhaseRotation": "2.RST"})
    keys.has_connectors(1)
    assert keys.text("ConnectorPhaseRotation") == "0.Unknown,1.Unknown"
    keys.has_connectors(2)
    assert keys.text("ConnectorPhaseRotation") == "2.RST"


def test_what_was_learned_and_changed_outlasts_a_new_number_of_connectors() -> None:
    keys = configuration()
    keys.learn("HeartbeatInterval", "300")
    keys.change("MinimumStatusDuration", "5")
    keys.has_connectors(1)
    assert (keys.text("HeartbeatInterval"), keys.text("MinimumStatusDuration")) == ("300", "5")
    keys.change("HeartbeatInterval", "600")
    keys.has_connectors(2)
    assert keys.text("HeartbeatInterval") == "600"


def test_c_02_a_key_asked_for_twice_is_told_once() -> None:
    assert configuration().report(["messagetimeout", "MessageTimeout"]) == {
        "configurationKey": [{"key": "MessageTimeout", "readonly": False, "value": "30"}]
    }


def test_every_default_is_a_value_of_its_key() -> None:
    for number in (1, 2, 3):
        for key in keys_of(number).values():
            if key.access is Access.READ_WRITE:
                assert key.normalise(key.default) == key.default, key.name


@pytest.mark.conformance("C-16")
def test_every_key_says_what_it_means_and_none_of_ours_is_a_secret() -> None:
    assert all(key.meaning for key in KEYS.values())
    assert not [key.name for key in KEYS.values() if "password" in key.name.lower() or key.name == "AuthorizationKey"]


def test_c_14_every_list_that_can_be_changed_has_its_max_length() -> None:
    lists = [key for key in KEYS.values() if key.type == "list" and key.access is Access.READ_WRITE]
    assert len(lists) == 5
    for key in lists:
        room = KEYS[f"{key.name}MaxLength".lower()]
        assert room.access is Access.READ_ONLY
        assert len(key.default.split(",")) <= int(room.default)


def test_each_entry_says_who_gave_its_value() -> None:
    given = {"ConnectionTimeOut": "15", "MessageTimeout": "many", "HeartbeatInterval": "60"}
    keys = configuration(from_file=given, changed={"MeterValueSampleInterval": "30"})
    keys.learn("HeartbeatInterval", "300")
    entries = {entry["key"]: entry for entry in keys.entries()}
    sources = {name: entries[name]["source"] for name in (*given, "MeterValueSampleInterval", "NumberOfConnectors")}
    assert sources == {
        "ConnectionTimeOut": "file",
        "MessageTimeout": "default",  # what the file gives is no number
        "HeartbeatInterval": "boot",
        "MeterValueSampleInterval": "central_system",
        "NumberOfConnectors": "default",
    }
    assert entries["ConnectionTimeOut"]["value"] == "15"
    assert entries["NumberOfConnectors"]["read_only"] is True
