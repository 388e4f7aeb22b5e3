"""GetConfiguration and ChangeConfiguration: keys declared once, values checked, changes kept and in effect at once."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.charger.configuration_keys import KEYS, Access
from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.records import ConfigurationRecord
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import Bench, kept

ACCEPTED, REJECTED, NOT_SUPPORTED = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "NotSupported"}


def value_of(bench: Bench, key: str) -> str:
    answer = bench.ask("GetConfiguration", key=[key])
    assert isinstance(answer, dict)
    (one,) = answer["configurationKey"]
    return str(one["value"])


@pytest.mark.parametrize("asked", [{}, {"key": []}], ids=["no key element", "an empty list"])
def test_c_01_without_keys_all_are_told(asked: dict[str, Any]) -> None:
    answer = Bench().online().ask("GetConfiguration", **asked)
    assert isinstance(answer, dict)
    assert [one["key"] for one in answer["configurationKey"]] == [key.name for key in KEYS.values()]
    assert "unknownKey" not in answer


def test_c_02_unknown_keys_are_told_apart() -> None:
    answer = Bench().online().ask("GetConfiguration", key=["HeartbeatInterval", "Nonsense"])
    assert answer == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Nonsense"],
    }


@pytest.mark.parametrize("name", [key.name for key in KEYS.values()])
def test_c_04_readonly_is_said_of_just_those_keys_that_cannot_be_changed(name: str) -> None:
    bench = Bench().online()
    answer = bench.ask("GetConfiguration", key=[name])
    assert isinstance(answer, dict)
    read_only = answer["configurationKey"][0]["readonly"]
    changed = bench.ask("ChangeConfiguration", key=name, value=value_of(bench, name))
    assert changed == (REJECTED if read_only else ACCEPTED)


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_every_default_is_a_value_that_would_be_accepted(key: Any) -> None:
    assert key.access is Access.READ_ONLY or key.normalise(key.default) == key.default


def test_c_05_keys_are_compared_without_case() -> None:
    bench = Bench().online()
    assert bench.ask("ChangeConfiguration", key="CONNECTIONtimeout", value="90") == ACCEPTED
    assert value_of(bench, "connectiontimeout") == "90"


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        pytest.param("HeartbeatInterval", "15", ACCEPTED, id="c-09 an integer"),
        pytest.param("HeartbeatInterval", " 15 ", ACCEPTED, id="c-10 trimmed"),
        pytest.param("HeartbeatInterval", "0", ACCEPTED, id="zero"),
        pytest.param("HeartbeatInterval", "2147483647", ACCEPTED, id="the largest"),
        pytest.param("HeartbeatInterval", "2147483648", REJECTED, id="c-10 one more"),
        pytest.param("HeartbeatInterval", "9" * 400, REJECTED, id="c-10 very long"),
        pytest.param("HeartbeatInterval", "-1", REJECTED, id="c-07 negative"),
        pytest.param("HeartbeatInterval", "+1", REJECTED, id="c-10 signed"),
        pytest.param("HeartbeatInterval", "1.5", REJECTED, id="c-10 decimals"),
        pytest.param("HeartbeatInterval", "007", REJECTED, id="c-10 leading zeros"),
        pytest.param("HeartbeatInterval", "1 5", REJECTED, id="c-10 a blank inside"),
        pytest.param("HeartbeatInterval", "", REJECTED, id="empty"),
        pytest.param("HeartbeatInterval", "true", REJECTED, id="c-10 no boolean"),
        pytest.param("HeartbeatInterval", "١٥", REJECTED, id="c-10 other digits"),
        pytest.param("MessageTimeout", "0", REJECTED, id="below its minimum"),
        pytest.param("StopTransactionOnInvalidId", "FALSE", ACCEPTED, id="c-10 a boolean of any case"),
        pytest.param("StopTransactionOnInvalidId", "1", REJECTED, id="c-10 a number is no boolean"),
        pytest.param("NumberOfConnectors", "4", REJECTED, id="c-07 read-only"),
        pytest.param("Nonsense", "1", NOT_SUPPORTED, id="c-07 unknown"),
        pytest.param("MeterValuesSampledData", "Voltage, Power.Active.Import", ACCEPTED, id="c-11 blanks trimmed"),
        pytest.param("MeterValuesSampledData", "Voltage.L1", ACCEPTED, id="m-10 one phase"),
        pytest.param("MeterValuesSampledData", "", ACCEPTED, id="c-11 an empty list"),
        pytest.param("MeterValuesSampledData", "Voltage,SoC", REJECTED, id="m-09 one item is not supported"),
        pytest.param("MeterValuesSampledData", "Voltage,Voltage", REJECTED, id="c-11 twice"),
        pytest.param("MeterValuesSampledData", "voltage", REJECTED, id="c-11 items have a case"),
        pytest.param("MeterValuesSampledData", "Voltage,", REJECTED, id="an empty item"),
        pytest.param("ConnectorPhaseRotation", "0.RST, 1.NotApplicable", ACCEPTED, id="rotations"),
        pytest.param("ConnectorPhaseRotation", "RST", REJECTED, id="a rotation of no connector"),
        pytest.param("ConnectorPhaseRotation", "1.RRR", REJECTED, id="no rotation"),
        pytest.param("ConnectorPhaseRotation", "².RST", REJECTED, id="no connector"),
        pytest.param("WebSocketPingInterval", "-1", REJECTED, id="negative"),
    ],
)
def test_c_07_a_change_is_accepted_rejected_or_unknown(key: str, value: str, answer: dict[str, str]) -> None:
    bench = Bench().online()
    before = bench.ask("GetConfiguration")
    assert bench.ask("ChangeConfiguration", key=key, value=value) == answer
    assert (bench.ask("GetConfiguration") == before) is (answer is not ACCEPTED)  # c-08


def test_c_09_a_change_is_kept_in_its_normal_form_and_outlives_a_kill() -> None:
    bench = Bench(StopTransactionOnInvalidId="true").online()
    change = {"key": "stoptransactiononinvalidid", "value": "False"}
    effects = bench.give(CallReceived("c", "ChangeConfiguration", change))
    assert kept(effects, ConfigurationRecord) == [ConfigurationRecord("StopTransactionOnInvalidId", "false")]
    bench.killed_and_restarted().online()
    assert value_of(bench, "StopTransactionOnInvalidId") == "false"  # over the file's


def test_a_rejected_change_is_not_kept() -> None:
    effects = Bench().online().give(CallReceived("c", "ChangeConfiguration", {"key": "MessageTimeout", "value": "x"}))
    assert kept(effects, ConfigurationRecord) == []


def test_the_file_s_value_holds_over_the_default() -> None:
    assert value_of(Bench(ConnectionTimeOut="90").online(), "ConnectionTimeOut") == "90"


def test_the_file_cannot_set_what_the_charger_tells() -> None:
    assert value_of(Bench(NumberOfConnectors="9").linked().online(), "NumberOfConnectors") == "2"


def test_a_value_in_the_store_that_is_no_longer_allowed_is_passed_over() -> None:
    bench = Bench(ConnectionTimeOut="90")
    bench.shelf.keep(ConfigurationRecord("ConnectionTimeOut", "soon"))
    bench.shelf.keep(ConfigurationRecord("ForgottenKey", "1"))
    bench.killed_and_restarted().online()
    assert value_of(bench, "ConnectionTimeOut") == "90"


def test_b_10_the_configuration_can_be_changed_while_pending() -> None:
    bench = Bench()
    assert bench.ask("ChangeConfiguration", key="ConnectionTimeOut", value="90") == ACCEPTED
    bench.online()
    assert value_of(bench, "ConnectionTimeOut") == "90"


def test_m_22_a_changed_sample_interval_reaches_the_running_transaction() -> None:
    bench = Bench(MeterValueSampleInterval="3600").linked().online().charging()
    bench.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="10")
    bench.poll(40)
    assert len(bench.queued("MeterValues")) == 4
    bench.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="0")
    bench.poll(40)
    assert len(bench.queued("MeterValues")) == 4


def test_a_changed_connection_time_out_reaches_a_car_that_waits() -> None:
    bench = Bench(ConnectionTimeOut="3600").linked().online()
    bench.see(status=Status.PREPARING)
    bench.ask("ChangeConfiguration", key="ConnectionTimeOut", value="30")
    bench.wait(31)
    assert bench.connector().preparing_expired
