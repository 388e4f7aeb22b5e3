"""The handshake and its failures, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.typing import Subprotocol

from ocpp_gateway.errors import ConfigurationError, PeerError
from ocpp_gateway.ocpp16 import connection
from ocpp_gateway.ocpp16.connection import Endpoint, WebSocket, basic_authorization, connect
from ocpp_gateway.ocpp16.frames import MAX_BYTES
from ocpp_gateway.settings.tls import client_context

KEY = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")

Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


@asynccontextmanager
async def server(
    handler: Handler = echo, *, subprotocols: tuple[str, ...] | None = ("ocpp1.6",), **options: Any
) -> AsyncIterator[str]:
    """A websocket server; yields `host:port`."""
    offered = None if subprotocols is None else [Subprotocol(name) for name in subprotocols]
    async with serve(handler, "127.0.0.1", 0, subprotocols=offered, **options) as serving:
        port = next(iter(serving.sockets)).getsockname()[1]
        yield f"127.0.0.1:{port}"


async def open_to(url: str, *, ping_interval_s: float = 0, **endpoint: Any) -> WebSocket:
    return await connect(Endpoint(url, "SITE-1", **endpoint), ping_interval_s=lambda: ping_interval_s)


async def problem(url: str, **endpoint: Any) -> str:
    with pytest.raises(PeerError) as caught:
        await open_to(url, **endpoint)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- a good handshake


@pytest.mark.conformance("T-12", "T-23")
async def test_t_03_frames_go_both_ways_over_the_subprotocol_ocpp1_6() -> None:
    seen: list[Request] = []

    def look(websocket: ServerConnection, request: Request) -> None:
        seen.append(request)

    async with server(process_request=look) as place:
        websocket = await open_to(f"ws://{place}/ocpp/SITE-1", password=lambda: KEY)
        await websocket.send('[2,"1","Heartbeat",{}]')
        assert await websocket.recv() == '[2,"1","Heartbeat",{}]'
        await websocket.close()

    headers = seen[0].headers
    assert headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert headers["Authorization"] == basic_authorization("SITE-1", KEY)
    assert "Sec-WebSocket-Extensions" not in headers  # T-23


async def test_without_a_password_no_authorization_is_sent() -> None:
    seen: list[Request] = []
    async with server(process_request=lambda _, request: seen.append(request)) as place:
        await (await open_to(f"ws://{place}/SITE-1")).close()

    assert "Authorization" not in seen[0].headers


@pytest.mark.conformance("W-25")
def test_t_07_t_08_the_bytes_of_the_key_are_the_password() -> None:
    assert basic_authorization("AL1000", KEY) == "Basic QUwxMDAwOgABAgMEBQYH////////////////"


def test_t_09_the_user_is_the_identity_as_it_is() -> None:
    header = basic_authorization("RDAM ä:123", b"pw")

    assert base64.b64decode(header.removeprefix("Basic ")) == "RDAM ä:123:pw".encode()


@pytest.mark.conformance("W-25")
async def test_t_11_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    async with server() as place:
        await (await open_to(f"ws://{place}/SITE-1")).close()


# ---------------------------------------------------------------- a bad one


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (200, "a web page and no websocket is at this address; check the path in central_system.url"),
        (400, "another subprotocol than ocpp1.6; check that central_system.url is its OCPP 1.6J address"),
        (401, "wrong password"),
        (403, "SITE-1 may not connect"),
        (404, "SITE-1 is unknown there"),
        (429, "less often"),
        (500, "500: the central system has a problem"),
        (418, "418: the central system refuses"),
    ],
)
async def test_t_05_t_06_a_refused_handshake_says_what_to_do(status: int, says: str) -> None:
    def refuse(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(HTTPStatus(status), "")

    async with server(process_request=refuse) as place:
        said = await problem(f"ws://{place}/ocpp/SITE-1?token=S3cret", password=lambda: b"S3cret")

    assert says in said
    assert said.startswith(f"ws://{place}/ocpp/SITE-1: ")
    assert "S3cret" not in said


async def test_t_04_a_server_that_offers_only_ocpp2_0_1_refuses_with_400_and_what_to_do_is_said() -> None:
    async with server(subprotocols=("ocpp2.0.1",)) as place:
        assert "another subprotocol than ocpp1.6" in await problem(f"ws://{place}/SITE-1")


async def test_t_06_the_status_of_an_http_1_0_answer_is_understood() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        assert "wrong password" in await problem(f"ws://127.0.0.1:{port}/SITE-1")


@pytest.mark.parametrize("subprotocols", [None, ("ocpp2.0.1",)])
@pytest.mark.conformance("W-25")
async def test_t_04_a_server_that_does_not_agree_to_ocpp1_6_hears_nothing(subprotocols: tuple[str, ...] | None) -> None:
    heard: list[str | bytes] = []

    async def listen(websocket: ServerConnection) -> None:
        heard.extend([message async for message in websocket])

    def agree_to_nothing(websocket: ServerConnection, offered: Any) -> None:
        return None

    async with server(listen, subprotocols=subprotocols, select_subprotocol=agree_to_nothing) as place:
        assert "subprotocol ocpp1.6" in await problem(f"ws://{place}/SITE-1")

    assert heard == []


async def test_t_04_a_server_that_picks_another_subprotocol_is_refused() -> None:
    def pick(websocket: ServerConnection, offered: Any) -> Subprotocol:
        return Subprotocol("ocpp2.0.1")

    async with server(select_subprotocol=pick) as place:
        assert "subprotocol ocpp1.6" in await problem(f"ws://{place}/SITE-1")


async def test_fault_o_04_redirects_are_not_followed() -> None:
    async with server() as elsewhere:

        def redirect(websocket: ServerConnection, request: Request) -> Response:
            response = websocket.respond(HTTPStatus.MOVED_PERMANENTLY, "")
            response.headers["Location"] = f"ws://{elsewhere}/SITE-1"
            return response

        async with server(process_request=redirect) as place:
            assert "301: redirects are not followed" in await problem(f"ws://{place}/SITE-1")


async def test_a_closed_port_says_so() -> None:
    async with server() as place:
        pass

    assert "connection refused" in await problem(f"ws://{place}/SITE-1")


async def test_an_unknown_host_says_so() -> None:
    assert "cannot be resolved" in await problem("ws://no-such-host.invalid/SITE-1")


async def test_something_that_is_no_websocket_server_says_so() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        assert "check ws:// or wss://" in await problem(f"ws://127.0.0.1:{port}/SITE-1")


async def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OPEN_TIMEOUT_S", 0.1)
    finished = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await finished.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        assert "no answer within 0.1 s" in await problem(f"ws://127.0.0.1:{port}/SITE-1")
        finished.set()


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA, folder: Path) -> ssl.SSLContext:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return client_context(ca_file=folder / "ca.pem")


async def test_z_03_a_server_of_the_trusted_ca_is_spoken_to(authority: trustme.CA, tmp_path: Path) -> None:
    async with server(ssl=serving_context(authority.issue_cert("127.0.0.1"))) as place:
        websocket = await open_to(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))
        await websocket.send("x")
        assert await websocket.recv() == "x"
        await websocket.close()


async def test_fault_o_02_another_ca_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    async with server(ssl=serving_context(trustme.CA().issue_cert("127.0.0.1"))) as place:
        said = await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))

    assert "CA is not trusted; put its root certificate in central_system.ca_file" in said


async def test_fault_o_02_another_name_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    async with server(ssl=serving_context(authority.issue_cert("cpms.example.com"))) as place:
        said = await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))

    assert "the server's certificate is for another" in said


async def test_fault_o_02_an_expired_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    old = authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    async with server(ssl=serving_context(old)) as place:
        assert "has expired" in await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))


async def test_fault_t_01_a_certificate_of_a_day_to_come_is_refused_with_a_hint_at_the_clock(
    authority: trustme.CA, tmp_path: Path
) -> None:
    future = authority.issue_cert("127.0.0.1", not_before=datetime(2090, 1, 1, tzinfo=UTC))
    async with server(ssl=serving_context(future)) as place:
        said = await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))

    assert "is not valid yet; check this machine's clock" in said


async def test_z_04_tls_below_1_2_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    context = serving_context(authority.issue_cert("127.0.0.1"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with server(ssl=context) as place:
        assert "TLS" in await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))

    assert client_context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_tls_to_a_plain_server_says_so(authority: trustme.CA, tmp_path: Path) -> None:
    async with server() as place:
        said = await problem(f"wss://{place}/SITE-1", tls=trusting(authority, tmp_path))

    assert "wss://" in said


async def test_z_05_a_client_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    ours = authority.issue_cert("SITE-1.example.com", common_name="SITE-1")
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = serving_context(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    async with server(ssl=context) as place:
        tls = client_context(ca_file=tmp_path / "ca.pem", certificate_file=tmp_path / "client.pem")
        websocket = await open_to(f"wss://{place}/SITE-1", tls=tls)
        await websocket.send("x")
        assert await websocket.recv() == "x"
        await websocket.close()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"ca_file": "missing.pem"}, "missing.pem: central_system.ca_file: No such file"),
        ({"ca_file": "text.pem"}, "text.pem: central_system.ca_file: does not hold PEM certificates"),
        ({"certificate_file": "missing.pem"}, "client_certificate_file: No such file"),
        ({"certificate_file": "text.pem"}, "does not hold a PEM certificate and its unencrypted key"),
        ({"certificate_file": "text.pem", "key_file": "missing.pem"}, "missing.pem"),
    ],
)
def test_a_tls_file_that_cannot_be_used_is_named(files: dict[str, str], says: str, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")

    with pytest.raises(ConfigurationError) as caught:
        client_context(**{key: tmp_path / name for key, name in files.items()})

    assert says in str(caught.value)


# ---------------------------------------------------------------- a connection, and its end


async def test_a_close_by_the_server_is_told_with_its_reason() -> None:
    async def close(websocket: ServerConnection) -> None:
        await websocket.close(1001, "maintenance")

    async with server(close) as place:
        websocket = await open_to(f"ws://{place}/SITE-1")
        with pytest.raises(PeerError, match=r"closed by the central system \(1001 maintenance\)"):
            await websocket.recv()
        with pytest.raises(PeerError):
            await websocket.send("x")


async def test_fault_o_19_a_frame_that_is_too_large_closes_the_connection() -> None:
    async def shout(websocket: ServerConnection) -> None:
        await websocket.send("x" * (MAX_BYTES + 1))
        await websocket.wait_closed()

    async with server(shout) as place:
        websocket = await open_to(f"ws://{place}/SITE-1")
        with pytest.raises(PeerError):
            await websocket.recv()


async def test_t_12a_a_binary_message_is_received_as_bytes() -> None:
    async def send_bytes(websocket: ServerConnection) -> None:
        await websocket.send(b"\xff\xfe")
        await websocket.wait_closed()

    async with server(send_bytes) as place:
        websocket = await open_to(f"ws://{place}/SITE-1")
        assert await websocket.recv() == b"\xff\xfe"
        await websocket.close()


@asynccontextmanager
async def counting_pings() -> AsyncIterator[tuple[str, asyncio.Queue[Frame]]]:
    pings: asyncio.Queue[Frame] = asyncio.Queue()

    class Listening(ServerConnection):
        def process_event(self, event: Event) -> None:
            if isinstance(event, Frame) and event.opcode is Opcode.PING:
                pings.put_nowait(event)
            super().process_event(event)

    async with server(create_connection=Listening) as place:
        yield place, pings


async def test_t_41_pings_are_sent_at_the_interval() -> None:
    async with counting_pings() as (place, pings):
        websocket = await open_to(f"ws://{place}/SITE-1", ping_interval_s=0.02)
        for _ in range(3):
            await pings.get()
        assert websocket.ping_s is not None
        assert 0 < websocket.ping_s < 5
        await websocket.close()


@pytest.mark.conformance("W-25")
async def test_t_41_pings_are_switched_on_and_off_on_the_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_INTERVAL_CHECK_S", 0.001)
    interval_s = 0.0

    async def echo_often(websocket: WebSocket) -> None:
        for _ in range(50):
            await websocket.send("x")
            await websocket.recv()

    async with counting_pings() as (place, pings):
        websocket = await connect(Endpoint(f"ws://{place}/SITE-1", "SITE-1"), ping_interval_s=lambda: interval_s)
        await echo_often(websocket)
        assert pings.empty()

        interval_s = 0.005
        for _ in range(3):
            await pings.get()

        interval_s = 0.0
        await echo_often(websocket)
        while not pings.empty():
            pings.get_nowait()
        await echo_often(websocket)
        assert pings.empty()
        await websocket.close()


async def test_t_24_a_ping_is_answered_while_nobody_takes_our_messages() -> None:
    answered = asyncio.Event()

    async def ping(websocket: ServerConnection) -> None:
        await websocket.send("never taken")
        await (await websocket.ping())
        answered.set()
        await websocket.wait_closed()

    async with server(ping) as place:
        websocket = await open_to(f"ws://{place}/SITE-1")
        async with asyncio.timeout(5):
            await answered.wait()
        await websocket.close()


async def test_t_42_a_missing_pong_ends_a_half_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PONG_TIMEOUT_S", 0.05)

    over = asyncio.Event()

    async def stop_reading(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await over.wait()
        websocket.transport.abort()

    async with server(stop_reading) as place:
        websocket = await open_to(f"ws://{place}/SITE-1", ping_interval_s=0.01)
        with pytest.raises(PeerError, match="no pong within"):
            await websocket.recv()
        await websocket.close()
        over.set()


async def test_closing_ends_the_pings() -> None:
    async with server() as place:
        websocket = await open_to(f"ws://{place}/SITE-1", ping_interval_s=30)
        await websocket.close(1000)

        await asyncio.wait([websocket._pinging])
        assert websocket._pinging.cancelled()


def test_an_endpoint_shows_no_secret() -> None:
    endpoint = Endpoint("wss://user:S3cret@host/SITE-1?token=S3cret", "SITE-1", password=lambda: b"S3cret")

    assert endpoint.shown == "wss://host/SITE-1"
    assert "lambda" not in repr(endpoint)
