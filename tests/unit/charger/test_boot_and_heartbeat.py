"""Who we say we are and when; heartbeats; what is said after a connect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocpp_gateway.charger.core import boot_payload
from ocpp_gateway.charger.events import Boot, LinkUp, RegistrationStatus, SessionUp
from ocpp_gateway.charger.records import IdentityRecord
from ocpp_gateway.registers.snapshot import ChargerIdentity
from unit.charger.bench import DUO, SETTINGS, Bench, kept

LITERALS = replace(SETTINGS, fallback_vendor="Compleo", fallback_model="Compleo AC")


def boots(bench: Bench) -> list[dict[str, Any]]:
    return [effect.payload for effect in bench.effects if isinstance(effect, Boot)]


def test_b_02_we_are_what_the_registers_say() -> None:
    bench = Bench(LITERALS).linked()
    assert boots(bench) == [
        {
            "chargePointVendor": "Compleo",
            "chargePointModel": "DUO",
            "chargePointSerialNumber": "SN-1",
            "firmwareVersion": "6.4.1",
        }
    ]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        pytest.param(None, {"chargePointVendor": "Compleo", "chargePointModel": "Compleo AC"}, id="nothing is known"),
        pytest.param(
            ChargerIdentity(1, model="SOLO", serial_number="", firmware_version=""),
            {"chargePointVendor": "Compleo", "chargePointModel": "SOLO"},
            id="what is empty is left out",
        ),
        pytest.param(
            ChargerIdentity(1, vendor="V" * 30, model="M" * 30, serial_number="S" * 30, firmware_version="F" * 60),
            {
                "chargePointVendor": "V" * 20,
                "chargePointModel": "M" * 20,
                "chargePointSerialNumber": "S" * 25,
                "firmwareVersion": "F" * 50,
            },
            id="what is too long is cut",
        ),
    ],
)
def test_b_02_fields_are_within_their_lengths_and_never_empty(
    identity: ChargerIdentity | None, expected: dict[str, str]
) -> None:
    assert boot_payload(LITERALS, identity) == expected


def test_the_operator_s_word_counts_most() -> None:
    named = replace(LITERALS, vendor="Acme", model="Post", serial_number="42")
    payload = boot_payload(named, DUO)
    assert (payload["chargePointVendor"], payload["chargePointModel"]) == ("Acme", "Post")
    assert payload["chargePointSerialNumber"] == "42"


def test_nothing_is_said_before_there_is_a_status_to_tell() -> None:
    bench = Bench()
    bench.give(LinkUp(DUO))
    assert boots(bench) == []
    bench.poll()
    assert len(boots(bench)) == 1


def test_a_charger_that_is_away_is_waited_for_30_s() -> None:
    bench = Bench(LITERALS)
    bench.wait(29)
    assert boots(bench) == []
    bench.wait(2)
    assert boots(bench) == [{"chargePointVendor": "Compleo", "chargePointModel": "Compleo AC"}]
    bench.online()
    assert [bench.statuses(n) for n in (0, 1, 2)] == [["Faulted"]] * 3


def test_a_charger_that_is_away_after_a_kill_is_who_it_was() -> None:
    bench = Bench(LITERALS).linked().killed_and_restarted()
    bench.wait(31)
    assert boots(bench)[-1] == boot_payload(LITERALS, DUO)


def test_a_charger_that_comes_late_is_announced_anew() -> None:
    bench = Bench(LITERALS)
    bench.wait(31)
    bench.online().linked()
    assert boots(bench)[-1]["chargePointModel"] == "DUO"
    assert bench.statuses()[-1] == "Available"


def test_the_same_charger_is_not_announced_again_after_a_reconnect() -> None:
    bench = Bench().linked().cut()
    bench.wait(30)
    bench.linked()
    assert len(boots(bench)) == 1


def test_new_firmware_is_announced_and_kept() -> None:
    bench = Bench().linked().cut()
    updated = replace(DUO, firmware_version="6.5.0")
    effects = bench.give(LinkUp(updated))
    assert kept(effects, IdentityRecord) == [IdentityRecord(updated)]
    bench.poll()
    assert [boot["firmwareVersion"] for boot in boots(bench)] == ["6.4.1", "6.5.0"]


# ---------------------------------------------------------------- after the registration


def test_b_04_every_status_is_told_after_every_boot() -> None:
    bench = Bench().linked().online()
    for connector_id in (0, 1, 2):
        assert bench.statuses(connector_id) == ["Available"]
    bench.offline().online()
    for connector_id in (0, 1, 2):
        assert bench.statuses(connector_id) == ["Available"] * 2


def test_b_18_every_status_is_told_after_a_reconnect() -> None:
    bench = Bench().linked().online().offline().online(booted=False)
    assert bench.statuses() == ["Available"] * 2


def test_b_06_nothing_is_asked_while_pending() -> None:
    bench = Bench().linked()
    bench.give(SessionUp(RegistrationStatus.PENDING, 10, booted=True))
    bench.charging()
    bench.poll(120)
    for action in ("StatusNotification", "Heartbeat", "Authorize"):
        assert bench.calls(action) == []


def test_b_11_a_transaction_that_runs_while_not_accepted_is_queued() -> None:
    bench = Bench().linked().charging()
    assert bench.actions() == ["StartTransaction"]


# ---------------------------------------------------------------- heartbeats


def test_b_15_a_heartbeat_every_interval_of_the_boot() -> None:
    bench = Bench().linked().online(interval_s=30)
    bench.wait(95)
    assert len(bench.calls("Heartbeat")) == 3


def test_b_03_the_interval_is_seen_in_the_configuration() -> None:
    bench = Bench().online(interval_s=30)
    assert bench.ask("GetConfiguration", key=["HeartbeatInterval"]) == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "30"}]
    }


@pytest.mark.parametrize(
    ("interval_s", "within_a_day"),
    [
        pytest.param(1, 8640, id="not more than one in ten seconds"),
        pytest.param(10**9, 1, id="one a day at least"),
        pytest.param(0, 1, id="b-08 no interval: as configured, one a day"),
    ],
)
def test_b_15_an_interval_is_kept_within_reason(interval_s: int, within_a_day: int) -> None:
    bench = Bench().online(interval_s=interval_s)
    bench.wait(86_400)
    assert len(bench.calls("Heartbeat")) == within_a_day


def test_b_15_a_changed_interval_restarts_the_wait() -> None:
    bench = Bench().online(interval_s=3600)
    bench.wait(100)
    bench.ask("ChangeConfiguration", key="HeartbeatInterval", value="20")
    bench.wait(19)
    assert bench.calls("Heartbeat") == []
    bench.wait(2)
    assert len(bench.calls("Heartbeat")) == 1


def test_b_16_an_interval_of_0_is_one_a_day_to_keep_the_clock() -> None:
    bench = Bench().online(interval_s=3600)
    bench.ask("ChangeConfiguration", key="HeartbeatInterval", value="0")
    bench.wait(86_401)
    assert len(bench.calls("Heartbeat")) == 1


def test_no_heartbeat_while_the_central_system_is_away() -> None:
    bench = Bench().online(interval_s=30).offline()
    bench.wait(300)
    assert bench.calls("Heartbeat") == []


def test_b_19_the_interval_of_a_boot_does_not_outlive_a_kill() -> None:
    bench = Bench().online(interval_s=30).killed_and_restarted().online(interval_s=0)
    assert bench.ask("GetConfiguration", key=["HeartbeatInterval"]) == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "86400"}]
    }
