"""A second judge: a central system of another author, in strict mode, finds nothing to complain about.

Everything we say is checked by its schemas, everything it says by ours. `make judge` installs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.judge.process import Judge, Refusal, a_judge, require_node
from conformance.judge.steps import MEASURANDS, WHEN_IDLE, Step, in_transaction, profile, reserve, status
from integration.site import IDENTITY, a_site
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.ev import ElectricVehicle

CAR = ElectricVehicle(energy_wanted_wh=1_000_000, max_current_a=32)

FEATURE_PROFILES: dict[str, set[str]] = {
    "Core": {"ChangeAvailability", "GetConfiguration", "RemoteStartTransaction", "Reset", "UnlockConnector"},
    "LocalAuthListManagement": {"GetLocalListVersion", "SendLocalList"},
    "Reservation": {"CancelReservation", "ReserveNow"},
    "SmartCharging": {"ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"},
    "RemoteTrigger": {"TriggerMessage"},
    "FirmwareManagement": {"GetDiagnostics", "UpdateFirmware"},
}

modes = pytest.mark.parametrize("mode", ["charger", "central_system"])


@dataclass(frozen=True, slots=True)
class Court:
    """A charge point that has booted with the judge, and the charger behind it."""

    judge: Judge
    charger: SimulatedCharger

    async def deviations(self, steps: Iterable[Step]) -> list[str]:
        """Play the steps; what was answered otherwise than expected."""
        return [deviation for step in steps if (deviation := await self._deviation(step)) is not None]

    async def transaction(self, **wanted: Any) -> int:
        """The id of the transaction that starts with those values; the judge counts them."""
        await self.judge.until(lambda: self.judge.heard("StartTransaction", **wanted))
        return len(self.judge.heard("StartTransaction"))

    async def _deviation(self, step: Step) -> str | None:
        judge = self.judge
        action, wanted = step.then or ("", {})
        before = len(judge.heard(action, **wanted))
        answer = await (judge.send if step.unchecked else judge.call)(step.action, step.payload)
        expected = step.expected
        if isinstance(answer, Refusal) or isinstance(expected, Refusal):
            fits = answer == expected
        else:
            fits = answer | expected == answer
        if not fits:
            return f"{step.action} {step.payload}: {answer}, not {expected}"
        if step.supported and step.then is not None:
            try:
                await judge.until(lambda: len(judge.heard(action, **wanted)) > before, timeout_s=5)
            except TimeoutError:
                return f"{step.action} {step.payload}: no {action} {wanted} after it"
        return None


@contextlib.asynccontextmanager
async def in_court(folder: Path, mode: str) -> AsyncIterator[Court]:
    """A booted charge point before the judge, which has found no fault with it when the block has ended."""
    async with a_judge() as judge, a_site(folder, authorization={"mode": mode}) as site:
        site.config["central_system"]["url"] = judge.url
        async with site.gateway():
            await judge.until(lambda: judge.statuses(2) == ["Available"])
            yield Court(judge, site.charger)
    assert judge.failures == []
    assert {(one["identity"], one["protocol"]) for one in judge.connections} == {(IDENTITY, "ocpp1.6")}


@modes
@pytest.mark.conformance("T-19", "B-01", "B-04", "A-05", "R-02", "R-12", "R-23", "R-27", "R-29", "R-39")
async def test_a_session_and_every_command_in_it(tmp_path: Path, mode: str) -> None:
    async with in_court(tmp_path, mode) as court:
        judge = court.judge
        assert [action for action, _ in judge.told] == ["BootNotification", *["StatusNotification"] * 3]
        assert await court.deviations(MEASURANDS) == []

        court.charger.plug(1, "04A1B2C3", CAR)
        transaction_id = await court.transaction(connectorId=1, idTag="04A1B2C3")
        await judge.until(lambda: "Charging" in judge.statuses(1))
        assert await court.deviations(in_transaction(transaction_id)) == []

        court.charger.pause_vehicle(1, paused=True)
        await judge.until(lambda: "SuspendedEV" in judge.statuses(1))
        await judge.until(lambda: len(judge.heard("MeterValues", transactionId=transaction_id)) > 2)
        await judge.until(lambda: judge.heard("MeterValues", connectorId=2))
        court.charger.unplug(1)
        await judge.until(lambda: judge.heard("StopTransaction") and judge.statuses(1)[-1] == "Available")

    (started,) = judge.heard("StartTransaction")
    (stopped,) = judge.heard("StopTransaction", transactionId=transaction_id, reason="EVDisconnected")
    assert judge.heard("Authorize") == [{"idTag": "04A1B2C3"}]
    assert stopped["meterStop"] > started["meterStart"]
    assert contexts(judge) >= {"Sample.Periodic", "Sample.Clock"}


@modes
@pytest.mark.conformance("R-02", "R-12", "R-15", "R-19", "R-23", "R-32", "R-34", "W-12")
async def test_a_remote_start_a_remote_stop_and_both_resets(tmp_path: Path, mode: str) -> None:
    async with in_court(tmp_path, mode) as court:
        judge = court.judge
        start = {"connectorId": 1, "idTag": "REMOTE", "chargingProfile": profile(30, "TxProfile")}
        ours_to_give = mode == "central_system"
        answer = await judge.call("RemoteStartTransaction", start)
        assert answer == {"status": "Accepted" if ours_to_give else "Rejected"}
        court.charger.plug(1, ev=CAR)
        first = await court.transaction(connectorId=1, idTag="REMOTE" if ours_to_give else "UNKNOWN")
        assert await judge.call("RemoteStartTransaction", start) == {"status": "Rejected"}

        assert await judge.call("RemoteStopTransaction", {"transactionId": first}) == {"status": "Accepted"}
        await judge.until(lambda: judge.heard("StopTransaction", transactionId=first, reason="Remote"))
        assert await judge.call("RemoteStopTransaction", {"transactionId": first}) == {"status": "Rejected"}

        # The car is still there and our limit alone holds it, so now either mode can start it. Where the charger
        # decides, its transaction may be another's, so a profile for it cannot be kept.
        if not ours_to_give:
            assert await judge.call("RemoteStartTransaction", start) == {"status": "Rejected"}
            del start["chargingProfile"]
        assert await judge.call("RemoteStartTransaction", start) == {"status": "Accepted"}
        await judge.until(lambda: len(judge.heard("StartTransaction")) == 2)
        assert judge.heard("StartTransaction")[-1]["idTag"] == "REMOTE"

        assert await judge.call("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        await judge.until(lambda: judge.heard("StopTransaction", transactionId=first + 1, reason="SoftReset"))
        await judge.until(lambda: len(judge.heard("BootNotification")) == 2)
        if not ours_to_give:  # the charger goes on by itself
            await judge.until(lambda: len(judge.heard("StartTransaction")) == 3)

        assert await judge.call("Reset", {"type": "Hard"}) == {"status": "Accepted"}
        await judge.until(lambda: len(judge.heard("BootNotification")) == 3)
        if not ours_to_give:
            await judge.until(lambda: judge.heard("StopTransaction", transactionId=first + 2, reason="HardReset"))
    assert len(judge.connections) == 3


@modes
@pytest.mark.conformance("T-31", "T-32", "T-34", "B-12", "C-05", "C-07", "C-08", "C-09", "W-01", "W-22")
@pytest.mark.conformance("R-02", "R-11", "R-23", "R-29", "R-38", "R-42", "R-49")
@pytest.mark.conformance("R-53", "R-56", "R-62", "R-65", "R-72", "R-73", "R-74", "R-76")
async def test_every_command_when_idle(tmp_path: Path, mode: str) -> None:
    async with in_court(tmp_path, mode) as court:
        assert {table: odd for table, steps in WHEN_IDLE.items() if (odd := await court.deviations(steps))} == {}

        reported = await court.judge.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
        assert not isinstance(reported, Refusal)
        listed = reported["configurationKey"][0]["value"].split(",")
        supported = {step.action for steps in WHEN_IDLE.values() for step in steps if step.supported}
        assert "Core" in listed
        assert [name for name in listed if not FEATURE_PROFILES[name] <= supported] == []


@modes
@pytest.mark.conformance("X-04")
async def test_a_reservation_is_used_by_its_card(tmp_path: Path, mode: str) -> None:
    reservation = reserve(1, 0, "Accepted", status(1, "Reserved"))
    async with in_court(tmp_path, mode) as court:
        assert await court.deviations([reservation]) == []
        court.charger.plug(1, "RESERVED", CAR)
        await court.transaction(connectorId=1, idTag="RESERVED")
        (started,) = court.judge.heard("StartTransaction")
        assert started.get("reservationId") == (0 if reservation.supported else None)


def contexts(judge: Judge) -> set[str]:
    """Why the meter values were taken that the judge heard."""
    values = [value for told in judge.heard("MeterValues") for value in told["meterValue"]]
    return {sample["context"] for value in values for sample in value["sampledValue"]}


def test_without_node_the_judge_is_skipped_but_missed_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs node: make judge"):
        require_node()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs node: make judge"):
        require_node()
