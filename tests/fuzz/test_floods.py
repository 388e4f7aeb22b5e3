"""A central system that says far too much is refused or cut off; the charger is looked after meanwhile (O-21)."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path
from random import Random

import pytest

from fuzz.oracle import RESULT
from fuzz.target import Target, a_target
from ocpp_gateway.registers.vocabulary import Table
from scenario.world import ShortLink

FLOOD = 10_000


class Modbus:
    """What goes over the cable from now on, and when."""

    def __init__(self, link: ShortLink, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads: list[float] = []
        self.writes: list[tuple[float, int, int]] = []  # when, address, word
        usual_read, usual_write = link.read, link.write

        async def read(table: Table, address: int, count: int) -> bytes:
            self.reads.append(asyncio.get_running_loop().time())
            return await usual_read(table, address, count)

        async def write(address: int, value: int) -> None:
            self.writes.append((asyncio.get_running_loop().time(), address, value))
            await usual_write(address, value)

        monkeypatch.setattr(link, "read", read)
        monkeypatch.setattr(link, "write", write)

    @property
    def longest_silence_s(self) -> float:
        """Between two reads."""
        return max(later - earlier for earlier, later in itertools.pairwise(self.reads))


async def alive(target: Target) -> None:
    """A CALL is answered, over whatever connection there is by now."""
    await target.shoot(['[2,"are you there","ClearCache",{}]'])
    assert not target.complaints
    assert not target.witness.errors


def flood(target: Target, first: int, number: int) -> None:
    for index in range(first, first + number):
        target.peer.say(f'[2,"{index}","GetConfiguration",{{"key":["HeartbeatInterval"]}}]')


@pytest.mark.looptime
async def test_fault_o_21_ten_thousand_calls_at_once_fill_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_target(tmp_path, 1) as target:
        await target.world.seconds(20)
        modbus = Modbus(target.world.link, monkeypatch)
        flood(target, 0, FLOOD)
        await target.world.seconds(30)
        answers = [target.peer.answers.get(f"{index}", []) for index in range(FLOOD)]
        assert all(answer in ([], [RESULT], ["GenericError"]) for answer in answers)
        assert [] not in answers or target.peer.connections > 1  # cut off
        assert modbus.longest_silence_s < 1.1
        await alive(target)


async def test_fault_o_21_ten_thousand_calls_a_second_leave_the_modbus_cycle_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In real time, for two seconds. What cannot be answered in time is refused or the connection ends."""
    async with a_target(tmp_path, 1) as target:
        modbus = Modbus(target.world.link, monkeypatch)
        began_s, said = time.monotonic(), 0
        while (elapsed_s := time.monotonic() - began_s) < 2.0:
            due = round(elapsed_s * FLOOD)
            flood(target, said, due - said)
            said = due
            await asyncio.sleep(0.005)
        codes = {code for answer in target.peer.answers.values() for code in answer}
        assert codes <= {RESULT, "GenericError"}
        assert all(len(answer) == 1 for answer in target.peer.answers.values())
        assert modbus.longest_silence_s < 2.0


@pytest.mark.looptime
async def test_fault_o_21_a_thousand_profiles_a_second_do_not_wear_out_the_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A register is raised once a second at most; what lowers it never waits, and can do so only so often."""
    random, duration_s = Random(1), 3
    async with a_target(tmp_path, 1) as target:
        await target.world.seconds(20)
        modbus = Modbus(target.world.link, monkeypatch)
        for index in range(duration_s * 1_000):
            schedule = {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": random.randrange(4_200, 22_000, 100)}],
            }
            profile = {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": schedule,
            }
            payload = {"connectorId": 0, "csChargingProfiles": profile}
            target.peer.say(json.dumps([2, f"{index}", "SetChargingProfile", payload]))
            await target.world.seconds(0.001)
        await target.world.seconds(2)
        assert all(answer == [RESULT] for answer in target.peer.answers.values())
        assert modbus.longest_silence_s < 1.1
        station = [(at_s, word) for at_s, address, word in modbus.writes if address == 0]
        raised_s = [at_s for (_, before), (at_s, word) in itertools.pairwise(station) if word > before]
        assert len(raised_s) >= duration_s
        assert all(later_s - earlier_s >= 0.99 for earlier_s, later_s in itertools.pairwise(raised_s))
        assert len(station) < 20 * duration_s
        await alive(target)


@pytest.mark.looptime
async def test_fault_o_21_a_reset_each_second_ends_only_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_target(tmp_path, 1) as target:
        await target.world.seconds(20)
        modbus = Modbus(target.world.link, monkeypatch)
        for index in range(60):
            target.peer.say(f'[2,"{index}","Reset",{{"type":"Hard"}}]')
            await target.world.seconds(1)
        assert all(target.peer.answers[f"{index}"] == [RESULT] for index in range(60))
        assert target.peer.calls["BootNotification"] == target.peer.connections == 61
        assert modbus.longest_silence_s < 1.1
        await alive(target)
