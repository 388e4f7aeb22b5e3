from __future__ import annotations

import asyncio
import http.client
import signal
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp

from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.web.access import Access
from ocpp_gateway.web.app import create_app
from ocpp_gateway.web.guard import own_hosts
from ocpp_gateway.web.server import page_address, serve
from unit.web.asking import View


@pytest.fixture
def app(view: View, access: Access) -> ASGIApp:
    return create_app(view, access)


async def start(app: ASGIApp) -> tuple[asyncio.Task[None], int]:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, started.set_result))
    return serving, await started


async def stop(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_it_answers_in_the_loop_that_runs_it(app: ASGIApp) -> None:
    serving, port = await start(app)

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            assert response.getheader("server") is None
            return response.status, response.read()
        finally:
            connection.close()

    assert await asyncio.to_thread(ask) == (200, b"ok\n")
    await stop(serving)


async def test_a_port_in_use_is_one_line_that_says_what_to_do(app: ASGIApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            await serve(app, "127.0.0.1", port, lambda _: None)
    assert str(caught.value) == (
        f"web: port: 127.0.0.1:{port} is taken by another program; choose another web.port, or stop the other one"
    )


async def test_an_address_of_another_machine_is_one_line(app: ASGIApp) -> None:
    with pytest.raises(ConfigurationError, match=r"^web: host: 192\.0\.2\.1:0 cannot be listened on: "):
        await serve(app, "192.0.2.1", 0, lambda _: None)


async def test_cancelling_ends_the_server_and_frees_its_port(app: ASGIApp) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, started.set_result))
    port = await started
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # an idle client does not hold it up
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_signals_are_left_to_the_process(app: ASGIApp) -> None:

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, started.set_result))
    await started
    assert {number: signal.getsignal(number) for number in before} == before
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


@pytest.mark.parametrize(
    ("host", "allowed", "shown"),
    [
        pytest.param("192.0.2.7", (), "http://192.0.2.7:8080", id="one address"),
        pytest.param("2001:db8::7", (), "http://[2001:db8::7]:8080", id="one address of IPv6"),
        pytest.param("127.0.0.1", ("gateway.example.com", "gw"), "https://gateway.example.com", id="behind a proxy"),
    ],
)
def test_the_address_of_the_page_is_the_one_that_is_listened_on(
    host: str, allowed: tuple[str, ...], shown: str
) -> None:
    assert page_address(host, 8080, allowed) == shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_address_of_a_page_that_listens_everywhere_can_be_opened(host: str) -> None:
    shown = urlsplit(page_address(host, 8080))
    assert shown.port == 8080
    assert shown.hostname is not None
    address = ip_address(shown.hostname)
    assert not address.is_unspecified
    assert own_hosts(host)(str(address))
