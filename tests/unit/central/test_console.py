from __future__ import annotations

import json
from typing import Any

import pytest

from ocpp_gateway.central.console import COMMANDS, HELP, Command, Usage, parse
from ocpp_gateway.central.schemas import problems


def limit(connector_id: int, purpose: str, unit: str, value: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": value}]}
    profile = {
        "chargingProfileId": 1 + connector_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    return {"connectorId": connector_id, "csChargingProfiles": profile}


LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("start S 1 04A1", "RemoteStartTransaction", {"connectorId": 1, "idTag": "04A1"}),
    ("start S 1 'my tag'", "RemoteStartTransaction", {"connectorId": 1, "idTag": "my tag"}),
    ("stop S -3", "RemoteStopTransaction", {"transactionId": -3}),
    ("limit S 1 11000", "SetChargingProfile", limit(1, "TxDefaultProfile", "W", 11000)),
    ("limit S 0 22000W", "SetChargingProfile", limit(0, "ChargePointMaxProfile", "W", 22000)),
    ("limit S 2 16.1a", "SetChargingProfile", limit(2, "TxDefaultProfile", "A", 16.1)),
    ("limit S 2 0A", "SetChargingProfile", limit(2, "TxDefaultProfile", "A", 0)),
    ("clear S", "ClearChargingProfile", {}),
    ("get S", "GetConfiguration", {}),
    ("get S HeartbeatInterval", "GetConfiguration", {"key": ["HeartbeatInterval"]}),
    ("set S HeartbeatInterval 60", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
    ("available S 0", "ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("unavailable S 2", "ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
    ("reset S soft", "Reset", {"type": "Soft"}),
    ("reset S Hard", "Reset", {"type": "Hard"}),
    ("unlock S 1", "UnlockConnector", {"connectorId": 1}),
    ("call S ClearCache", "ClearCache", {}),
    ('call S TriggerMessage {"requestedMessage": "Heartbeat"}', "TriggerMessage", {"requestedMessage": "Heartbeat"}),
]


@pytest.mark.parametrize(("line", "action", "payload"), LINES)
def test_a_line_becomes_a_valid_request(line: str, action: str, payload: dict[str, Any]) -> None:
    assert parse(line) == Command("S", action, payload)
    assert problems(action, "request", json.loads(json.dumps(payload))) == []


def test_every_command_is_shown_by_a_line_and_in_the_help() -> None:
    assert {line.split()[0] for line, _, _ in LINES} == set(COMMANDS)
    assert all(f"  {name} {usage}" in HELP for name, (usage, _, _) in COMMANDS.items())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fly S", "unknown command 'fly'; type help"),
        ("start S 1", "usage: start ID CONNECTOR TAG"),
        ("clear", "usage: clear ID"),
        ("start S one TAG", "CONNECTOR must be a whole number, not 'one'; usage: start ID CONNECTOR TAG"),
        ("stop S x", "TRANSACTION must be a whole number, not 'x'; usage: stop ID TRANSACTION"),
        ("limit S 1 lots", "'lots' is no limit such as 11000 or 16A; usage: limit ID CONNECTOR WATTS|AMPSA"),
        ("limit S 1 nanA", "'nanA' is no limit such as 11000 or 16A; usage: limit ID CONNECTOR WATTS|AMPSA"),
        ("limit S 1 -5A", "'-5A' is no limit such as 11000 or 16A; usage: limit ID CONNECTOR WATTS|AMPSA"),
        ("", "unknown command ''; type help"),
        ("reset S warm", "'warm' is neither Soft nor Hard; usage: reset ID Soft|Hard"),
        ("call S X []", "the JSON is no object; usage: call ID ACTION [JSON]"),
        ("start S 1 'TAG", "No closing quotation; quote words with blanks as in 'my tag'"),
    ],
)
def test_any_other_line_gets_one_that_helps(line: str, told: str) -> None:
    with pytest.raises(Usage) as usage:
        parse(line)

    assert str(usage.value) == told


def test_broken_json_is_told() -> None:
    with pytest.raises(Usage, match="no JSON"):
        parse("call S Reset {")
