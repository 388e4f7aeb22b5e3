"""SupportedFeatureProfiles against what is answered: whole profiles are listed, the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.stories import ask
from conformance.wire import refusal
from scenario.world import a_world

pytestmark = pytest.mark.looptime

PROFILES = {
    "Core": (
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "DataTransfer",
        "GetConfiguration",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "Reset",
        "UnlockConnector",
    ),
    "LocalAuthListManagement": ("GetLocalListVersion", "SendLocalList"),
    "Reservation": ("CancelReservation", "ReserveNow"),
    "RemoteTrigger": ("TriggerMessage",),
    "SmartCharging": ("ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"),
}
"""OCPP 1.6 §3.3: what the central system may ask, by feature profile."""

WHITEPAPER = ("CertificateSigned", "ExtendedTriggerMessage", "GetLog", "InstallCertificate", "SignedUpdateFirmware")


async def test_r_01_the_profiles_listed_are_those_whose_every_command_is_served(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        await world.seconds(20)
        answer = await ask(world, "GetConfiguration", key=["SupportedFeatureProfiles"])
        assert answer["configurationKey"][0]["value"].split(",") == list(PROFILES)
        for actions in PROFILES.values():
            for action in actions:
                # An empty request lacks fields, or is served; it is never said not to be supported.
                assert await refusal(world, action, {}) in {"", "ProtocolError"}, action


async def test_r_03_commands_of_what_is_not_listed_are_not_supported(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        await world.seconds(20)
        for action in ("UpdateFirmware", *WHITEPAPER):
            assert await refusal(world, action, {}) == "NotSupported", action
