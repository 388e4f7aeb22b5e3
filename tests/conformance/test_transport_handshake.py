"""Area T, before the first frame: address, subprotocol, authentication, and doors that stay shut."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from pydantic import SecretStr

from conformance.stories import ask, told
from conformance.wire import actions, knocks_at
from integration.site import a_site
from ocpp_gateway.gateway import endpoint
from ocpp_gateway.settings import CentralSystem
from scenario.world import IDENTITY, a_world

AWKWARD = "RDAM 123/ä?#%"
KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


@pytest.mark.conformance("T-07", "T-08", "T-09", "W-25")
async def test_t_01_t_02_t_03_an_awkward_identity_arrives_as_it_is_with_its_key(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        site.server.passwords = {AWKWARD: bytes.fromhex(KEY)}  # the user is checked as well: it is the identity
        site.config["central_system"] = {
            "url": site.server.url + "/",
            "security_profile": 1,
            "authorization_key": KEY,
        }
        site.config["chargers"][0]["identity"] = AWKWARD
        async with site.gateway():
            await site.until(lambda: site.told("StatusNotification", connectorId=2))
        assert {frame.identity for frame in site.central.frames} == {AWKWARD}
        # The judge would have named an empty path segment (T-01), double encoding (T-02), a missing subprotocol (T-03).
        assert site.central.violations == []


def test_t_07_the_test_vector_of_the_specification() -> None:
    central = CentralSystem(url="ws://127.0.0.1:9/", authorization_key=SecretStr(KEY))
    place = endpoint("AL1000", central)
    assert (place.url, place.password()) == ("ws://127.0.0.1:9/AL1000", bytes.fromhex(KEY))


@pytest.mark.looptime
@pytest.mark.conformance("T-40", "W-25")
@pytest.mark.parametrize("subprotocol", [None, "ocpp2.0.1"])
async def test_t_04_without_ocpp1_6_nothing_is_said_and_it_is_tried_again(
    tmp_path: Path, subprotocol: str | None
) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        assert world.server is not None
        world.server.subprotocol = subprotocol
        knocks = knocks_at(world)
        world.start()
        await world.seconds(100)
        assert knocks == pytest.approx([0, 8, 19, 36, 65, 94], abs=1)
        assert list(world.central.frames) == []
        world.server.subprotocol = "ocpp1.6"
        await world.seconds(30)
        assert actions(world)[0] == "BootNotification"


@pytest.mark.looptime
@pytest.mark.conformance("T-06", "W-25")
@pytest.mark.parametrize("status", [401, 403, 404, 503])
async def test_t_05_a_refused_charge_point_asks_again_for_hours_and_never_often(tmp_path: Path, status: int) -> None:
    async with a_world(tmp_path, websocket=True, started=False, idle_poll_interval_s=600.0) as world:
        assert world.server is not None
        world.server.status = status
        knocks = knocks_at(world)
        world.start()
        await world.until("01:00")
        waits = [later - earlier for earlier, later in itertools.pairwise(knocks)]
        assert waits[:4] == pytest.approx([8, 11, 17, 29], abs=0.1)
        assert waits[4:] == pytest.approx([29] * len(waits[4:]), abs=0.1)
        assert knocks[-1] > 3570
        world.server.status = None
        await world.seconds(30)
        assert actions(world) == ["BootNotification", *["StatusNotification"] * 3]
        assert world.central.violations == []


@pytest.mark.looptime
async def test_t_40_a_server_that_closes_after_the_handshake_is_not_stormed(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        assert world.server is not None
        world.server.close_at_once = True
        knocks = knocks_at(world)
        world.start()
        await world.seconds(60)
        assert knocks == pytest.approx([0, 8, 19, 36], abs=1)
        world.server.close_at_once = False
        await world.seconds(10)
        assert len(knocks) == 5
        assert len(told(world, "BootNotification")) == 1
        assert world.central.violations == []


@pytest.mark.looptime
async def test_t_40_after_a_good_connection_the_next_comes_within_five_seconds(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        knocks = knocks_at(world)
        world.start()
        await world.seconds(30)
        await world.central.drop_connections()  # accepted for half a minute only: as good as none
        await world.seconds(100)
        await world.central.drop_connections()
        await world.seconds(30)
        assert knocks == pytest.approx([0, 38, 133], abs=0.5)
        assert world.central.violations == []


@pytest.mark.looptime
@pytest.mark.conformance("T-46")
async def test_t_47_a_second_connection_of_the_same_name_leaves_one_in_use(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True) as world:
        assert world.server is not None
        await world.seconds(20)
        world.server.black_hole()  # the old connection stays half open
        await world.seconds(400)  # its Heartbeat at 300 s gets no answer
        world.server.recover()
        await world.seconds(120)
        assert world.central.connected == (IDENTITY,)
        assert (await ask(world, "GetConfiguration", key=["HeartbeatInterval"]))["configurationKey"]
        assert world.central.violations == []


@pytest.mark.looptime
async def test_t_48_the_end_of_the_process_says_goodbye_with_everything_kept(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, connector_max_power_w=11_000) as world:
        await world.seconds(20)
        world.plug_in(1, "04A1B2C3", wants_wh=60_000)
        await world.seconds(60)
        await world.kill()
        await asyncio.sleep(1)
        assert list(world.central.closings) == [(IDENTITY, 1001)]
        world.start()
        await world.seconds(60)
        assert [t.running for t in world.central.transactions] == [True]
        assert world.central.violations == []
