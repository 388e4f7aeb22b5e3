"""Area A while the central system is there: who is asked, who may charge, and who may end it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    EVE,
    FULL_W,
    a_station,
    ask,
    charging,
    clear_tag,
    configure,
    frames,
    limit_w,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy, call_error, late, no_answer

pytestmark = pytest.mark.looptime


@pytest.mark.conformance("W-29")
async def test_a_01_a_car_without_a_card_gets_nothing_and_is_not_called_suspended(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert limit_w(world, 1) == limit_w(world, 2) == 0
        world.plug_in(1)
        await world.seconds(120)
        assert world.charger.connector(1).session_energy_wh == 0
        assert told(world, "Authorize") == told(world, "StartTransaction") == []
        # The charger itself shows SuspendedEVSE: that is our own gate.
        assert statuses(world) == ["Available", "Preparing", "Finishing"]


async def test_a_05_a_07_an_unknown_card_is_asked_for_and_the_answer_awaited(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("Authorize", late(8))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, ALICE)
        await world.seconds(7)
        assert told(world, "Authorize") == [{"idTag": ALICE}]
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0
        await world.seconds(10)
        asked, started = frames(world, "Authorize", "StartTransaction")
        assert 8 <= (started.at - asked.at).total_seconds() < 9
        assert limit_w(world) == FULL_W


async def test_a_04_case_is_passed_on_and_compared_without(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world, "aBc-Xyz ~1")
        assert told(world, "Authorize") == [{"idTag": "aBc-Xyz ~1"}]
        assert told(world, "StartTransaction")[0]["idTag"] == "aBc-Xyz ~1"
        await clear_tag(world)
        await swipe(world, "ABC-xyz ~1")
        assert told(world, "StopTransaction")[0]["idTag"] == "ABC-xyz ~1"
        assert len(told(world, "Authorize")) == 1


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
async def test_a_08_a_refused_card_starts_nothing_and_changes_no_status(tmp_path: Path, status: str) -> None:
    policy = Policy(id_tags={EVE: {"status": status}})
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, EVE)
        await world.seconds(50)
        assert told(world, "Authorize") == [{"idTag": EVE}]
        assert told(world, "StartTransaction") == []
        assert statuses(world) == ["Available", "Preparing"]
        assert limit_w(world) == 0
        assert world.charger.connector(1).session_energy_wh == 0


@pytest.mark.parametrize("answer", [call_error("InternalError"), no_answer()], ids=["callerror", "no answer"])
async def test_a_09_without_an_answer_nobody_is_authorised(tmp_path: Path, answer: object) -> None:
    policy = Policy()
    policy.answer_always("Authorize", answer)  # type: ignore[arg-type]
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, AllowOfflineTxForUnknownId=True)  # the connection is there: no offline rule applies
        world.plug_in(1, ALICE)
        await world.seconds(55)
        assert len(told(world, "Authorize")) == 1
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0


@pytest.mark.conformance("X-10", "X-11", "X-14")
async def test_a_10_the_card_that_started_stops_without_being_asked_for(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await clear_tag(world)
        await swipe(world, ALICE)
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["idTag"], stop.get("reason", "Local")) == (transaction_id, ALICE, "Local")
        assert len(told(world, "Authorize")) == 1
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "Finishing"


@pytest.mark.conformance("X-14", "X-20")
async def test_a_11_another_card_does_not_stop(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await swipe(world, BOB)
        assert told(world, "StopTransaction") == []
        assert limit_w(world) == FULL_W
        assert statuses(world)[-1] == "Charging"


async def test_a_11_a_card_of_another_group_does_not_stop(tmp_path: Path) -> None:
    groups = {ALICE: {"status": "Accepted", "parentIdTag": "ONE"}, BOB: {"status": "Accepted", "parentIdTag": "TWO"}}
    async with a_station(tmp_path, policy=Policy(id_tags=groups)) as world:
        await charging(world)
        await swipe(world, BOB)
        assert told(world, "Authorize") == [{"idTag": ALICE}, {"idTag": BOB}]
        assert told(world, "StopTransaction") == []
        assert limit_w(world) == FULL_W


FAMILY = {tag: {"status": "Accepted", "parentIdTag": "FAMILY"} for tag in (ALICE, BOB)}


@pytest.mark.conformance("X-11", "X-14")
async def test_a_12_a_card_of_the_same_group_is_asked_for_and_stops_with_its_own_name(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags=FAMILY)) as world:
        await charging(world)
        await swipe(world, BOB)
        assert told(world, "Authorize") == [{"idTag": ALICE}, {"idTag": BOB}]
        (stop,) = told(world, "StopTransaction")
        assert (stop["idTag"], stop.get("reason", "Local")) == (BOB, "Local")
        asked, stopped = frames(world, "Authorize", "StopTransaction")[1:]
        assert asked.payload == {"idTag": BOB}
        assert stopped.action == "StopTransaction"


@pytest.mark.conformance("A-24")
async def test_a_12_the_group_may_be_known_from_start_transaction_alone(tmp_path: Path) -> None:
    policy = Policy(id_tags=FAMILY)
    async with a_station(tmp_path, policy=policy) as world:
        # RemoteStart asks no Authorize, so only StartTransaction.conf tells the group.
        assert await ask(world, "RemoteStartTransaction", idTag=ALICE, connectorId=1) == {"status": "Accepted"}
        world.plug_in(1)
        await world.seconds(30)
        await swipe(world, BOB)
        assert told(world, "Authorize") == [{"idTag": BOB}]
        assert told(world, "StopTransaction")[0]["idTag"] == BOB


async def test_a_13_a_card_that_is_named_like_the_group_is_not_the_group(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags=FAMILY)) as world:
        await charging(world)
        await swipe(world, "FAMILY")
        assert told(world, "StopTransaction") == []
        assert limit_w(world) == FULL_W


async def test_a_24_the_group_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags=FAMILY)) as world:
        transaction_id = await charging(world)
        await world.kill()
        world.start()
        await world.seconds(30)
        assert told(world, "StopTransaction") == []
        await swipe(world, BOB)
        assert [(stop["transactionId"], stop["idTag"]) for stop in told(world, "StopTransaction")] == [
            (transaction_id, BOB)
        ]


@pytest.mark.parametrize("status", ["Invalid", "ConcurrentTx"])
async def test_a_25_a_27_a_start_that_is_refused_is_stopped_as_deauthorized(tmp_path: Path, status: str) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, ALICE)
        await world.central.wait_for(lambda: told(world, "Authorize"), 60)
        policy.id_tags = {ALICE: {"status": status}}  # between Authorize and StartTransaction
        await world.seconds(30)
        (stop,) = told(world, "StopTransaction")
        assert stop["reason"] == "DeAuthorized"
        assert "idTag" not in stop
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "Finishing"


async def test_a_25_without_stop_transaction_on_invalid_id_only_the_energy_ends(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, StopTransactionOnInvalidId=False)
        world.plug_in(1, ALICE)
        await world.central.wait_for(lambda: told(world, "Authorize"), 60)
        policy.id_tags = {ALICE: {"status": "Blocked"}}
        await world.seconds(60)
        assert told(world, "StopTransaction") == []
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "SuspendedEVSE"
        world.unplug(1)
        await world.seconds(20)
        assert [stop["reason"] for stop in told(world, "StopTransaction")] == ["EVDisconnected"]


async def test_a_28_a_remote_start_is_authorised_first_if_the_key_says_so(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags={EVE: {"status": "Blocked"}})) as world:
        await configure(world, AuthorizeRemoteTxRequests=True)
        world.plug_in(1)
        world.plug_in(2)
        await world.seconds(20)
        assert await ask(world, "RemoteStartTransaction", idTag=EVE, connectorId=1) == {"status": "Accepted"}
        assert await ask(world, "RemoteStartTransaction", idTag=ALICE, connectorId=2) == {"status": "Accepted"}
        await world.seconds(20)
        assert told(world, "Authorize") == [{"idTag": EVE}, {"idTag": ALICE}]
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE]
        assert (limit_w(world, 1), limit_w(world, 2)) == (0, FULL_W)


async def test_a_28_a_remote_start_asks_nobody_if_the_key_says_so(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy()) as world:
        await configure(world, AuthorizeRemoteTxRequests=False)
        world.plug_in(1)
        await world.seconds(20)
        await ask(world, "RemoteStartTransaction", idTag=ALICE, connectorId=1)
        await world.seconds(5)
        assert told(world, "Authorize") == []
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE]


async def test_a_30_a_card_while_finishing_stops_nothing_again_and_may_start_anew(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await clear_tag(world)
        await swipe(world, ALICE)
        assert statuses(world)[-1] == "Finishing"
        await clear_tag(world)
        await swipe(world, ALICE)
        assert len(told(world, "StopTransaction")) == 1
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, ALICE]
        assert statuses(world)[-3:] == ["Finishing", "Preparing", "Charging"]


@pytest.mark.conformance("A-02")
async def test_a_31_in_charger_mode_a_car_without_a_card_is_billed_to_the_unknown_tag(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        world.plug_in(1)
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == ["UNKNOWN"]
        assert told(world, "Authorize") == []
