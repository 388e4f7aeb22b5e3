"""Area R, 8i: the local authorization list. What a list says of a tag offline is shown in area A."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED
from conformance.stories import ALICE, BOB, EVE, FULL_W, a_station, ask, clear_tag, limit_w, offline, swipe
from ocpp_gateway.central.frames import CallError
from scenario.world import World

pytestmark = pytest.mark.looptime

FAILED, MISMATCH = {"status": "Failed"}, {"status": "VersionMismatch"}
WELCOME = {"status": "Accepted"}


def entry(id_tag: str, status: str | None = "Accepted", **info: str) -> dict[str, Any]:
    return {"idTag": id_tag} | ({} if status is None else {"idTagInfo": {"status": status} | info})


async def send(world: World, version: int, kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return await ask(world, "SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=list(entries))


async def version(world: World) -> int:
    number: int = (await ask(world, "GetLocalListVersion"))["listVersion"]
    return number


async def let_in_offline(world: World, *id_tags: str) -> list[str]:
    """Which of these cards open the gate without the central system, which is never heard of again."""
    await offline(world)
    world.plug_in(1)
    welcome = []
    for id_tag in id_tags:
        await swipe(world, id_tag)
        if limit_w(world) == FULL_W:
            welcome.append(id_tag)
            await clear_tag(world)
            await swipe(world, id_tag)  # and stops again
            await clear_tag(world)
            assert limit_w(world) == 0
    return welcome


async def test_r_61_full_replaces_all(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await version(world) == 0
        assert await send(world, 3, "Full", entry(ALICE), entry(BOB)) == ACCEPTED
        assert await version(world) == 3
        assert await send(world, 2, "Full", entry(BOB), entry(EVE, "Blocked")) == ACCEPTED  # any version
        assert await version(world) == 2
        assert await let_in_offline(world, ALICE, BOB, EVE) == [BOB]


async def test_r_61_differential_adds_updates_and_deletes(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 1, "Full", entry(ALICE), entry(BOB))
        answer = await send(world, 2, "Differential", entry(ALICE, "Blocked"), entry(BOB, None), entry(EVE))
        assert answer == ACCEPTED
        assert await send(world, 5, "Differential") == ACCEPTED  # only the version
        assert await version(world) == 5
        assert await let_in_offline(world, ALICE, BOB, EVE) == [EVE]


@pytest.mark.conformance("W-09")
@pytest.mark.parametrize("without", [{}, {"localAuthorizationList": []}], ids=["absent", "empty"])
async def test_r_61_r_65_an_empty_list_empties_and_is_version_0(tmp_path: Path, without: dict[str, Any]) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 1, "Full", entry(ALICE))
        assert await ask(world, "SendLocalList", listVersion=7, updateType="Full", **without) == ACCEPTED
        assert await version(world) == 0
        assert await send(world, 1, "Differential", entry(BOB)) == ACCEPTED  # newer than the version that is told
        assert await let_in_offline(world, ALICE, BOB) == [BOB]


async def test_r_62_an_old_difference_changes_nothing(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 5, "Full", entry(ALICE))
        for old in (5, 4, 1):
            assert await send(world, old, "Differential", entry(BOB), entry(ALICE, None)) == MISMATCH
        assert await version(world) == 5
        assert await let_in_offline(world, ALICE, BOB) == [ALICE]


@pytest.mark.parametrize(
    ("number", "kind", "entries"),
    [
        (6, "Full", [entry(BOB), entry(BOB.lower())]),
        (6, "Differential", [entry(BOB), entry(BOB)]),
        (6, "Full", [entry(BOB), entry(EVE, None)]),
        (6, "Full", [entry(f"TAG{number}") for number in range(251)]),
        (0, "Full", [entry(BOB)]),
        (0, "Differential", []),
        (-1, "Full", [entry(BOB)]),
        (-1, "Differential", [entry(BOB)]),
    ],
    ids=[
        "repeat in another case",
        "repeat",
        "nothing said of it",
        "too many",
        "0 with a tag",
        "0 differential",
        "-1",
        "-1 differential",
    ],
)
async def test_r_63_r_64_a_list_that_makes_no_sense_changes_nothing(
    tmp_path: Path, number: int, kind: str, entries: list[dict[str, Any]]
) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 5, "Full", entry(ALICE))
        assert await send(world, number, kind, *entries) == FAILED
        assert await version(world) == 5
        assert await let_in_offline(world, ALICE, BOB) == [ALICE]


async def test_r_63_four_differences_fill_the_list_and_a_fifth_is_too_much(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for part in range(4):
            entries = [entry(f"TAG{part * 250 + number}") for number in range(250)]
            assert await send(world, part + 1, "Differential", *entries) == ACCEPTED
        assert await send(world, 5, "Differential", entry("ONE-MORE")) == FAILED
        assert await version(world) == 4
        assert await send(world, 5, "Differential", entry("TAG0", None), entry("ONE-MORE")) == ACCEPTED


async def test_r_64_full_with_version_0_clears(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 5, "Full", entry(ALICE))
        assert await send(world, 0, "Full") == ACCEPTED
        assert await version(world) == 0
        assert await let_in_offline(world, ALICE) == []


async def test_r_67_an_accepted_list_outlasts_a_kill_at_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await send(world, 4, "Full", entry(ALICE), entry(BOB, "Expired")) == ACCEPTED
        await world.kill()
        world.start()
        await world.seconds(20)
        assert await version(world) == 4
        assert await let_in_offline(world, ALICE, BOB) == [ALICE]


async def test_r_68_a_tag_that_is_too_long_is_refused_and_nothing_stored(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await send(world, 1, "Full", entry(ALICE))
        long = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [entry(BOB), entry("x" * 21)]}
        with pytest.raises(CallError) as refused:
            await world.central.call("SITE-1", "SendLocalList", long, raw=True)
        assert refused.value.code in {"FormationViolation", "TypeConstraintViolation", "PropertyConstraintViolation"}
        assert await version(world) == 1
        assert await let_in_offline(world, ALICE, BOB) == [ALICE]
