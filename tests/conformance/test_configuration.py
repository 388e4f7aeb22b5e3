"""Area C: configuration keys on the wire. What is a value and what is not is a table of the unit tests."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.stories import a_station, ask, charging, configure, frames, told
from ocpp_gateway.central.frames import CallError
from scenario.world import World

pytestmark = pytest.mark.looptime

RW, R = False, True
"""What `readonly` says."""

KEYS: dict[str, tuple[bool, str]] = {
    # Core
    "AllowOfflineTxForUnknownId": (RW, "false"),
    "AuthorizationCacheEnabled": (RW, "true"),
    "AuthorizeRemoteTxRequests": (RW, "false"),
    "ClockAlignedDataInterval": (RW, "0"),
    "ConnectionTimeOut": (RW, "60"),
    "ConnectorPhaseRotation": (RW, "0.Unknown,1.Unknown,2.Unknown"),
    "ConnectorPhaseRotationMaxLength": (R, "3"),
    "GetConfigurationMaxKeys": (R, "100"),
    "HeartbeatInterval": (RW, "300"),  # of BootNotification.conf
    "LocalAuthorizeOffline": (RW, "true"),
    "LocalPreAuthorize": (RW, "false"),
    "MessageTimeout": (RW, "30"),
    "MeterValuesAlignedData": (RW, "Energy.Active.Import.Register"),
    "MeterValuesAlignedDataMaxLength": (R, "11"),
    "MeterValuesSampledData": (
        RW,
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Power.Offered",
    ),
    "MeterValuesSampledDataMaxLength": (R, "11"),
    "MeterValueSampleInterval": (RW, "60"),
    "MinimumStatusDuration": (RW, "0"),
    "NumberOfConnectors": (R, "2"),
    "ResetRetries": (RW, "2"),
    "StopTransactionMaxMeterValues": (R, "500"),
    "StopTransactionOnEVSideDisconnect": (R, "true"),
    "StopTransactionOnInvalidId": (RW, "true"),
    "StopTxnAlignedData": (RW, ""),
    "StopTxnAlignedDataMaxLength": (R, "11"),
    "StopTxnSampledData": (RW, ""),
    "StopTxnSampledDataMaxLength": (R, "11"),
    "SupportedFeatureProfiles": (R, "Core,LocalAuthListManagement,Reservation,RemoteTrigger,SmartCharging"),
    "SupportedFileTransferProtocols": (R, "HTTP,HTTPS,FTP,FTPS" + (",SFTP" if find_spec("asyncssh") else "")),
    "TransactionMessageAttempts": (RW, "3"),
    "TransactionMessageRetryInterval": (RW, "60"),
    "UnlockConnectorOnEVSideDisconnect": (R, "false"),
    "WebSocketPingInterval": (RW, "30"),
    # LocalAuthListManagement
    "LocalAuthListEnabled": (RW, "true"),
    "LocalAuthListMaxLength": (R, "1000"),
    "SendLocalListMaxLength": (R, "250"),
    # Reservation
    "ReserveConnectorZeroSupported": (R, "false"),
    # SmartCharging
    "ChargeProfileMaxStackLevel": (R, "10"),
    "ChargingScheduleAllowedChargingRateUnit": (R, "Current,Power"),
    "ChargingScheduleMaxPeriods": (R, "100"),
    "MaxChargingProfilesInstalled": (R, "50"),
    # ours
    "BootOnReconnect": (RW, "false"),
}

NOT_PROVIDED = ("BlinkRepeat", "LightIntensity", "MaxEnergyOnInvalidId", "ConnectorSwitch3to1PhaseSupported")
"""Optional keys of functions that no register gives: their absence says so."""


async def change(world: World, key: str, value: str) -> str:
    answer = await ask(world, "ChangeConfiguration", key=key, value=value)
    assert answer.keys() == {"status"}
    status: str = answer["status"]
    return status


async def values(world: World, *names: str) -> dict[str, str]:
    answer = await ask(world, "GetConfiguration", key=list(names))
    return {item["key"]: item["value"] for item in answer["configurationKey"]}


@pytest.mark.conformance("C-12", "C-13", "C-14")
async def test_c_01_c_03_without_keys_all_are_told_each_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        everything = await ask(world, "GetConfiguration")
        assert everything.keys() == {"configurationKey"}
        shown = {item["key"]: (item["readonly"], item["value"]) for item in everything["configurationKey"]}
        assert len(shown) == len(everything["configurationKey"]) > 20
        assert shown == KEYS
        assert not shown.keys() & set(NOT_PROVIDED)
        assert max(len(value) for _, value in shown.values()) <= 500
        assert await ask(world, "GetConfiguration", key=[]) == everything


@pytest.mark.conformance("C-05", "W-22")
async def test_c_02_known_keys_in_any_case_and_unknown_ones_apart(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await ask(world, "GetConfiguration", key=["ConnectionTimeout", "numberofconnectors"]) == {
            "configurationKey": [
                {"key": "ConnectionTimeOut", "readonly": False, "value": "60"},
                {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
            ]
        }
        answer = await ask(world, "GetConfiguration", key=["MessageTimeout", "Nonsense", *NOT_PROVIDED])
        assert [item["key"] for item in answer["configurationKey"]] == ["MessageTimeout"]
        assert answer["unknownKey"] == ["Nonsense", *NOT_PROVIDED]
        assert (await ask(world, "GetConfiguration", key=["Nonsense"]))["configurationKey"] == []
        assert await change(world, "connectiontimeout", "15") == "Accepted"
        assert await values(world, "ConnectionTimeOut") == {"ConnectionTimeOut": "15"}


@pytest.mark.conformance("C-07", "C-08", "C-15")
async def test_c_04_read_only_is_what_cannot_be_changed(tmp_path: Path) -> None:
    """Every key is given back the value that it has: those that may be changed take it, and none wants a reboot."""
    async with a_station(tmp_path) as world:
        answers = {name: await change(world, name, value) for name, (_, value) in KEYS.items()}
        assert answers == {name: "Rejected" if readonly else "Accepted" for name, (readonly, _) in KEYS.items()}
        assert await values(world) == {name: value for name, (_, value) in KEYS.items()}


async def test_c_06_more_keys_than_the_maximum_are_refused_with_a_code(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        most = int((await values(world, "GetConfigurationMaxKeys"))["GetConfigurationMaxKeys"])
        assert most >= 64
        assert len((await ask(world, "GetConfiguration", key=["MessageTimeout"] * most))["configurationKey"]) == 1
        with pytest.raises(CallError) as refused:
            await ask(world, "GetConfiguration", key=["MessageTimeout"] * (most + 1))
        assert refused.value.code == "OccurenceConstraintViolation"


@pytest.mark.conformance("W-09")
@pytest.mark.parametrize(
    ("key", "value", "status", "kept"),
    [
        ("MeterValueSampleInterval", "15", "Accepted", "15"),
        ("MeterValueSampleInterval", "-1", "Rejected", "60"),
        ("MeterValueSampleInterval", "1.5", "Rejected", "60"),
        ("ConnectionTimeOut", "true", "Rejected", "60"),
        ("LocalPreAuthorize", "1", "Rejected", "false"),
        ("LocalPreAuthorize", "True", "Accepted", "true"),
        ("WebSocketPingInterval", "-1", "Rejected", "30"),
        ("StopTxnSampledData", " Voltage , Power.Active.Import ", "Accepted", "Voltage,Power.Active.Import"),
        ("StopTxnSampledData", "Voltage,Voltage", "Rejected", ""),
        ("MeterValuesAlignedData", "", "Accepted", ""),
        ("ConnectorPhaseRotation", "0.RST,1.RTS,2.TRS", "Accepted", "0.RST,1.RTS,2.TRS"),
        ("ConnectorPhaseRotation", "0.RST,3.RTS", "Rejected", "0.Unknown,1.Unknown,2.Unknown"),
        ("ChargingScheduleAllowedChargingRateUnit", "Current", "Rejected", "Current,Power"),
    ],
)
async def test_c_07_c_08_c_10_c_11_a_change_is_accepted_whole_or_leaves_the_old_value(
    tmp_path: Path, key: str, value: str, status: str, kept: str
) -> None:
    async with a_station(tmp_path) as world:
        assert await change(world, key, value) == status
        assert await values(world, key) == {key: kept}


async def test_c_07_an_unknown_key_is_not_supported_and_an_absent_function_is_one(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for key in ("Nonsense", *NOT_PROVIDED):
            assert await change(world, key, "1") == "NotSupported"


async def test_c_09_what_was_accepted_outlasts_a_kill_and_a_boot(tmp_path: Path) -> None:
    changed = {"ConnectionTimeOut": "15", "LocalPreAuthorize": "true", "ConnectorPhaseRotation": "0.RST,1.STR"}
    async with a_station(tmp_path, configuration={"ConnectionTimeOut": "90", "MinimumStatusDuration": "2"}) as world:
        assert await values(world, "ConnectionTimeOut") == {"ConnectionTimeOut": "90"}
        for key, value in changed.items():
            assert await change(world, key, value) == "Accepted"
        await world.kill()  # at once: it was on disk before it was answered
        world.start()
        await world.seconds(20)
        assert len(told(world, "BootNotification")) == 2
        assert await values(world, *changed) == changed
        assert await values(world, "MinimumStatusDuration") == {"MinimumStatusDuration": "2"}


async def test_c_13_the_phase_rotation_of_a_charger_with_one_connector(tmp_path: Path) -> None:
    names = ("ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength", "NumberOfConnectors")
    async with a_station(tmp_path, connectors=1) as world:
        assert tuple((await values(world, *names)).values()) == ("0.Unknown,1.Unknown", "2", "1")
        assert await change(world, "ConnectorPhaseRotation", "2.RST") == "Rejected"
        assert await change(world, "ConnectorPhaseRotation", "1.RST") == "Accepted"


async def test_c_15_intervals_count_from_their_change_on(tmp_path: Path) -> None:
    """Accepted means in effect: the running transaction, and the heartbeat that was due in five minutes."""

    def gaps(*actions: str) -> list[float]:
        moments = [frame.at for frame in frames(world, *actions) if frame.at >= changed_at]
        return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]

    async with a_station(tmp_path) as world:
        await charging(world)
        await configure(world, MeterValueSampleInterval=10, HeartbeatInterval=20)
        changed_at = world.now
        await world.seconds(65)
        assert all(gap == pytest.approx(10, abs=1) for gap in gaps("MeterValues"))
        assert len(gaps("MeterValues")) >= 4
        assert all(gap == pytest.approx(20, abs=1) for gap in gaps("Heartbeat"))
        assert len(gaps("Heartbeat")) >= 2
        await configure(world, MeterValueSampleInterval=0)
        before = len(told(world, "MeterValues"))
        await world.seconds(120)
        assert len(told(world, "MeterValues")) == before
