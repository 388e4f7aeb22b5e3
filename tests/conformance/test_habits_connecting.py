"""How real central systems and their proxies take a connection: paths with a slash, doors that shut at once."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from conformance.stories import a_station, charging, frames, statuses, told
from conformance.wire import knocks_at
from ocpp_gateway.central.server import SUBPROTOCOL, WebSocketConnection
from ocpp_gateway.ocpp16.connection import Endpoint, connect
from ocpp_gateway.settings import CentralSystem as CentralSystemSettings
from scenario.world import IDENTITY, World, a_world

pytestmark = pytest.mark.looptime


def reach(world: World, url: str) -> None:
    """The gateway is configured with that URL of a central system. Before it starts."""
    endpoint = Endpoint(CentralSystemSettings(url=url, security_profile=0).url_for(IDENTITY), IDENTITY)
    world.connect = partial(connect, endpoint, ping_interval_s=lambda: 0.0)


@contextlib.asynccontextmanager
async def a_door_with_a_trailing_slash(world: World) -> AsyncIterator[str]:
    """The central system behind one path, /ws/ocpp/SITE-1/ with its slash; gives where that is."""

    async def admit(websocket: ServerConnection, request: Request) -> Response | None:
        right = request.path == f"/ws/ocpp/{IDENTITY}/"
        return None if right else websocket.respond(HTTPStatus.NOT_FOUND, f"no route to {request.path}")

    async def talk(websocket: ServerConnection) -> None:
        await world.central.serve(WebSocketConnection(websocket), IDENTITY)

    door = serve(
        talk,
        "127.0.0.1",
        0,
        process_request=admit,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        ping_interval=None,
        compression=None,
    )
    async with door as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws/ocpp"
        await world.kill()
        await world.central.drop_connections()


@pytest.mark.conformance("T-01")
async def test_a_central_system_that_wants_a_trailing_slash_is_given_one(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world, a_door_with_a_trailing_slash(world) as url:
        reach(world, f"{url}/{{identity}}/")
        world.start()
        await world.seconds(20)
        assert statuses(world) == ["Available"]
        assert world.central.violations == []


@pytest.mark.conformance("T-01", "T-05")
async def test_a_slash_at_the_end_of_the_url_is_none_at_the_end_of_the_path(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        assert world.server is not None
        async with a_door_with_a_trailing_slash(world) as url:
            reach(world, f"{url}/")  # without {identity} the identity comes last
            world.start()
            await world.seconds(60)
            assert world.central.connected == ()
        reach(world, f"{world.server.url}/ws/ocpp/")  # and that server judges the path
        world.start()
        await world.seconds(20)
        assert statuses(world) == ["Available"]
        assert world.central.violations == []


@pytest.mark.conformance("T-40", "T-46", "X-30")
async def test_a_close_right_after_the_handshake_costs_nothing(tmp_path: Path) -> None:
    """As behind a proxy whose backend is down: in the middle of a session, for ten minutes."""
    async with a_station(tmp_path, started=False) as world:
        knocks = knocks_at(world)
        world.start()
        await world.seconds(20)
        assert world.server is not None
        transaction_id = await charging(world)
        world.server.close_at_once = True
        await world.central.drop_connections()
        before = len(knocks)
        await world.seconds(300)
        world.unplug(1)
        await world.seconds(300)
        assert 10 < len(knocks) - before < 40  # with back-off: no storm
        world.server.close_at_once = False
        await world.seconds(60)
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (transaction_id, "EVDisconnected")
        assert len(told(world, "StartTransaction")) == len(told(world, "BootNotification")) == 1
        samples = [value["meterValue"][0]["timestamp"] for value in told(world, "MeterValues")]
        assert samples == sorted(set(samples))
        assert len(samples) >= 5
        assert frames(world, "MeterValues", "StopTransaction")[-1].action == "StopTransaction"
        assert statuses(world)[-1] == "Available"
