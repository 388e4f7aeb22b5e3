"""A central system that says anything at all: the charge point answers what is due, and lives (O-09, O-17 to O-21)."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from fuzz.campaign import campaign, resident_mb
from fuzz.mutator import Mutator
from fuzz.oracle import MALFORMED, RESULT, SILENCE, Verdict, judge
from fuzz.target import Misbehaved, a_target
from ocpp_gateway.charger.requests import ACTIONS
from ocpp_gateway.ocpp16.frames import MAX_BYTES

SEED = int(os.environ.get("FUZZ_SEED", "20261122"))


@pytest.mark.timeout(180)
async def test_fault_o_17_o_18_o_20_a_hundred_thousand_frames_of_any_kind(tmp_path: Path) -> None:
    """Each CALL answered once and rightly, nothing changed by a refused one, no error logged, no memory kept."""
    figures = await campaign(tmp_path, SEED, 100_000)
    print(f"seed {SEED}: {figures}")
    assert {"answered", "ignored", "NotImplemented", "NotSupported", "ProtocolError"} < figures.outcomes.keys()
    assert min(figures.outcomes[code] for code in ("FormationViolation", "TypeConstraintViolation")) > 5_000
    assert figures.outcomes["PropertyConstraintViolation"] > 1_000
    assert figures.connections > 50  # by Reset


@pytest.mark.looptime
async def test_fault_o_19_over_a_websocket_a_frame_too_large_costs_the_connection_and_no_more(tmp_path: Path) -> None:
    mutator = Mutator(SEED)
    frames = [frame for frame in (mutator.frame() for _ in range(2_000)) if len(frame) < MAX_BYTES / 4]
    async with a_target(tmp_path, SEED, websocket=True) as target:
        for number in range(1, 4):
            await target.shoot(frames[number::4])
            connections = target.peer.connections
            target.peer.say("x" * (MAX_BYTES + 1))
            await target.until(lambda before=connections: target.peer.connections > before)  # type: ignore[misc]
            assert target.peer.close_codes.count(1009) == number
        await target.shoot(frames[::4])
        assert not target.complaints
        assert not target.witness.errors


async def test_fault_o_09_a_hundred_thousand_answers_to_nothing_leave_nothing(tmp_path: Path) -> None:
    async with a_target(tmp_path, SEED) as target:
        await target.shoot([f'[3,"stray-{number}",{{}}]' for number in range(1_000)])
        tracemalloc.start()
        try:
            for first in range(0, 100_000, 1_000):
                await target.shoot([f'[{3 + n % 2},"stray-{n}",{{"a":{n}}}]' for n in range(first, first + 1_000)])
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 1_000_000
        assert target.peer.connections == 1
        assert not target.complaints


# ---------------------------------------------------------------- the fuzzer itself


def test_a_seed_gives_the_same_frames_again() -> None:
    one, other, different = Mutator(1), Mutator(1), Mutator(2)
    frames = [one.frame() for _ in range(2_000)]
    assert frames == [other.frame() for _ in range(2_000)]
    assert frames != [different.frame() for _ in range(2_000)]


@pytest.mark.parametrize(
    ("frame", "outcomes"),
    [
        ('[2,"1","ClearCache",{}]', {RESULT}),
        ('[2,"1","ClearCache",null]', {RESULT}),
        ('[2,"1","clearcache",{}]', {"NotImplemented"}),
        ('[2,"1","UpdateFirmware",{}]', {"NotSupported"}),
        ('[2,"1","Reset",{}]', {"ProtocolError"}),
        ('[2,"1","Reset",{"type":1}]', {"TypeConstraintViolation", "PropertyConstraintViolation"}),
        ('[2,"1","Reset",{"type":"Warm"}]', {"PropertyConstraintViolation"}),
        ('[2,"1","Reset",{"type":"Warm","a":1}]', {"PropertyConstraintViolation", "FormationViolation"}),
        ('[2,"1","RemoteStartTransaction",{"idTag":"' + "x" * 21 + '"}]', {"PropertyConstraintViolation"}),
        ('[2,"1","UnlockConnector",{"connectorId":"1"}]', {"TypeConstraintViolation"}),
        ('[2,"1","UnlockConnector",{"connectorId":1e999}]', MALFORMED),
        ('[2,"1",["Reset"],{}]', MALFORMED),
        ('[2,"1","Reset"]', MALFORMED),
        ('[2,"1",', MALFORMED),
    ],
)
def test_the_oracle_knows_table_7(frame: str, outcomes: set[str]) -> None:
    verdict = judge(frame)
    assert (verdict.call_id, verdict.due, set(verdict.outcomes)) == ("1", True, set(outcomes))


@pytest.mark.parametrize("frame", ['[3,"1",{}]', '[4,"1","a","",{}]', '[9,"1","Reset",{}]', "[2]", "[]", "x", b"[2]"])
def test_the_oracle_expects_no_answer_to_what_is_no_call(frame: str | bytes) -> None:
    assert judge(frame) == SILENCE


def test_half_of_the_frames_are_calls_with_a_mistake() -> None:
    """What everything else here stands on: the mutations are near enough to the truth to get past the front door."""
    mutator = Mutator(SEED)
    verdicts: list[Verdict] = [judge(mutator.frame()) for _ in range(5_000)]
    beyond_the_door = [verdict for verdict in verdicts if verdict.action is not None]
    assert len(beyond_the_door) > 2_500
    assert 500 < sum(not verdict.refused for verdict in verdicts) < 1_500


@pytest.mark.parametrize(
    ("frame", "answers", "complaint"),
    [
        ('[2,"1","Reset",{}]', [], "0 answers instead of 1"),
        ('[2,"1","Reset",{}]', ["ProtocolError"] * 2, "2 answers instead of 1"),
        ('[2,"1","Reset",{}]', ["FormationViolation"], "FormationViolation instead of {'ProtocolError'}"),
        ('[2,"1","Reset",{}]', [RESULT], "a CALLRESULT instead of"),
        ('[3,"1",{}]', ["GenericError"], "answers to nothing that was asked"),
    ],
)
async def test_the_fuzzer_notices(tmp_path: Path, frame: str, answers: list[str], complaint: str) -> None:
    async with a_target(tmp_path, SEED) as target:
        usual = target.peer.hear

        def hear(text: str) -> None:
            if json.loads(text)[1].startswith("probe"):
                target.peer.answers["1"] = list(answers)
                if not answers:
                    del target.peer.answers["1"]
            usual(text)

        target.peer.hear = hear  # type: ignore[method-assign]
        await target.shoot([frame])
        assert complaint in "\n".join(target.complaints)


async def test_the_fuzzer_notices_a_death_and_names_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_target(tmp_path, SEED) as target:
        await target.shoot(['[2,"1","ClearCache",{}]'])
        monkeypatch.delitem(ACTIONS, "UnlockConnector")
        with pytest.raises(Misbehaved, match=r"died of .*UnlockConnector"):
            await target.shoot(['[2,"1","UnlockConnector",{"connectorId":1}]'])


def test_memory_can_be_measured_here() -> None:
    assert resident_mb() > 10
