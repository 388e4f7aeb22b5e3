from __future__ import annotations

import asyncio
import base64
import ssl
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, NegotiationError
from websockets.typing import Subprotocol

from hand_made_charge_point import IDENTITY, HandMadeChargePoint, meter_values, start, stop
from ocpp_gateway.central.server import SUBPROTOCOL, CentralServer, identity_of
from ocpp_gateway.central.system import CentralSystem

KEY = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")


def dial(
    server: CentralServer, path: str = IDENTITY, subprotocols: tuple[str, ...] = (SUBPROTOCOL,), **options: Any
) -> AbstractAsyncContextManager[ClientConnection]:
    offered = [Subprotocol(name) for name in subprotocols]
    return connect(f"{server.url}/{path}", subprotocols=offered, proxy=None, ping_interval=None, **options)


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


async def test_a_whole_session_over_a_real_websocket(server: CentralServer) -> None:
    async with dial(server) as websocket:
        station = HandMadeChargePoint(websocket)
        await station.boot()
        await station.call("StartTransaction", start())
        await station.call("MeterValues", meter_values())
        await station.call("StopTransaction", stop())

    assert server.central.violations == []
    assert [row.energy_wh for row in server.central.transactions] == [5000]
    assert websocket.subprotocol == SUBPROTOCOL


async def test_a_command_reaches_the_charge_point(server: CentralServer) -> None:
    async with dial(server) as websocket:
        station = HandMadeChargePoint(websocket)
        await station.boot()
        asking = asyncio.create_task(server.central.call(IDENTITY, "GetLocalListVersion"))
        request = await station.receive()
        await station.send(3, request[1], {"listVersion": 0})

        assert await asking == {"listVersion": 0}


async def test_a_closed_connection_is_forgotten(server: CentralServer) -> None:
    async with dial(server):
        await server.central.wait_for(lambda: server.central.connected == (IDENTITY,))

    await server.central.wait_for(lambda: server.central.connected == ())


async def test_a_binary_message_is_a_violation_and_the_connection_lives(server: CentralServer) -> None:
    async with dial(server) as websocket:
        station = HandMadeChargePoint(websocket)
        await station.boot()
        await websocket.send(b"\xff\xfe")
        await station.call("Heartbeat", {})

    assert [violation[:4] for violation in server.central.violations] == ["T-12"]


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/SITE-1", "SITE-1"),
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/a%2Fb", "a/b"),
        ("/%C3%BC?x=/y", "ü"),
        ("/", ""),
        ("/%FF", ""),
    ],
)
def test_the_identity_is_the_last_segment_of_the_path(path: str, identity: str) -> None:
    assert identity_of(path) == identity


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("RDAM%20123", []),
        ("a%2fb", []),
        ("a%2Fb~.-_", []),
        ("/SITE-1", ["T-01"]),
        ("RDAM+1", ["T-02"]),
        ("%53ITE-1", ["T-02"]),
    ],
)
async def test_t_01_t_02_the_path_is_judged(server: CentralServer, path: str, rules: list[str]) -> None:
    async with dial(server, path):
        await server.central.wait_for(lambda: server.central.connected)

    assert [violation[:4] for violation in server.central.violations] == rules


async def test_t_03_a_client_without_the_subprotocol_is_told_by_a_close(server: CentralServer) -> None:
    async with dial(server, subprotocols=("ocpp2.0.1",)) as websocket:
        with pytest.raises(ConnectionClosed):
            await websocket.recv()

    assert websocket.subprotocol is None
    assert [violation[:4] for violation in server.central.violations] == ["T-03"]


async def test_the_subprotocol_can_be_left_out(server: CentralServer) -> None:
    server.subprotocol = None
    async with dial(server) as websocket:
        assert websocket.subprotocol is None
        assert (await HandMadeChargePoint(websocket).boot())["status"] == "Accepted"


async def test_another_subprotocol_can_be_selected(server: CentralServer) -> None:
    server.subprotocol = "ocpp2.0.1"
    with pytest.raises(NegotiationError):
        async with dial(server):
            pass


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        pytest.param(basic("AL1000", KEY), True, id="right"),
        pytest.param(basic("AL1000", KEY.hex().encode()), False, id="the hex text instead of the bytes"),
        pytest.param(basic("AL1001", KEY), False, id="other user"),
        pytest.param({}, False, id="none"),
        pytest.param({"Authorization": "Basic %%%"}, False, id="no base64"),
        pytest.param({"Authorization": "Bearer " + basic("AL1000", KEY)["Authorization"][6:]}, False, id="bearer"),
    ],
)
async def test_t_07_t_08_basic_authentication(headers: dict[str, str], admitted: bool) -> None:
    async with CentralServer(CentralSystem(), passwords={"AL1000": KEY}) as server:
        try:
            async with dial(server, "AL1000", additional_headers=headers) as websocket:
                await HandMadeChargePoint(websocket).boot()
            status = 101
        except InvalidStatus as refused:
            status = refused.response.status_code

    assert status == (101 if admitted else 401)


def test_the_test_vector_of_basic_authentication() -> None:
    assert basic("AL1000", KEY)["Authorization"] == "Basic QUwxMDAwOgABAgMEBQYH////////////////"  # OCPP-J §6.2.2


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503, 301])
async def test_the_handshake_can_be_answered_by_any_status(server: CentralServer, status: int) -> None:
    server.status, server.headers = status, {"Retry-After": "7"}
    with pytest.raises(InvalidStatus) as refused:
        async with dial(server):
            pass

    assert refused.value.response.status_code == status
    assert refused.value.response.headers["Retry-After"] == "7"


async def test_a_path_without_identity_is_not_found(server: CentralServer) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        async with dial(server, ""):
            pass


async def test_it_can_close_right_after_the_handshake(server: CentralServer) -> None:
    server.close_at_once = True
    async with dial(server) as websocket:
        with pytest.raises(ConnectionClosed):
            await websocket.recv()

    assert server.central.connected == ()


async def test_connections_can_be_cut(server: CentralServer) -> None:
    async with dial(server) as websocket:
        await HandMadeChargePoint(websocket).boot()
        server.abort_connections()
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()

    assert closed.value.rcvd is None  # no close frame came
    await server.central.wait_for(lambda: not server.central.connected)


async def test_connections_can_be_closed(server: CentralServer) -> None:
    async with dial(server) as websocket:
        await HandMadeChargePoint(websocket).boot()
        await server.central.drop_connections(code=1012)
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1012


async def test_offline_accepts_nobody(server: CentralServer) -> None:
    await server.central.go_offline()
    with pytest.raises((InvalidMessage, ConnectionError)):
        async with dial(server):
            pass

    server.central.go_online()
    async with dial(server) as websocket:
        await HandMadeChargePoint(websocket).boot()


async def test_closed_it_refuses_connections_and_comes_back_on_its_port(server: CentralServer) -> None:
    port = server.port
    await server.close()
    with pytest.raises(ConnectionRefusedError):
        async with dial(server):
            pass

    await server.start()
    assert server.port == port
    async with dial(server) as websocket:
        await HandMadeChargePoint(websocket).boot()


async def test_a_black_hole_answers_neither_ping_nor_handshake(server: CentralServer) -> None:
    async with dial(server) as websocket:
        station = HandMadeChargePoint(websocket)
        await station.boot()
        server.black_hole()
        pong = asyncio.ensure_future(await websocket.ping())
        await station.send(2, "unheard", "Heartbeat", {})
        with pytest.raises(TimeoutError):
            async with dial(server, "other", open_timeout=0.2):
                pass
        assert not pong.done()
        assert server.central.calls("Heartbeat") == []

        server.recover()
        await pong
        assert (await station.receive())[1] == "unheard"


async def test_the_newest_of_two_connections_wins(server: CentralServer) -> None:
    async with dial(server) as old, dial(server) as new:
        await HandMadeChargePoint(new).boot()
        with pytest.raises(ConnectionClosed):
            await old.recv()
        await HandMadeChargePoint(new).call("Heartbeat", {}, "on the new one")


async def test_tls(server: CentralServer) -> None:
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    async with CentralServer(CentralSystem(), tls=ours) as secure:
        async with dial(secure, ssl=theirs) as websocket:
            await HandMadeChargePoint(websocket).boot()
        with pytest.raises(ssl.SSLCertVerificationError):
            async with dial(secure, ssl=ssl.create_default_context()):
                pass
