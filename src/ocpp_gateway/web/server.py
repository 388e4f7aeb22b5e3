"""uvicorn inside the gateway's own event loop: it takes no signals, and stops when its task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.web.patience import MOST_AT_ONCE, PatientProtocol

SHUTDOWN_S = 2


async def serve(
    app: ASGIApp, host: str, port: int, on_started: Callable[[int], None], stopping: asyncio.Event | None = None
) -> None:
    """Serves for ever; port 0 takes a free one. `on_started` gets the port once connections are accepted.

    Cancelling it sets `stopping`, lets open requests end (at most 2 s), closes the port, and ends. Raises
    ConfigurationError when the address cannot be listened on.
    """
    listener = _listen(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            http=PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=MOST_AT_ONCE,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=SHUTDOWN_S,
        ),
        lambda: on_started(listener.getsockname()[1]),
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    try:
        await asyncio.shield(serving)
    finally:
        if stopping is not None:
            stopping.set()
        server.should_exit = True
        await serving
        listener.close()


def page_address(host: str, port: int, allowed_hosts: Sequence[str] = ()) -> str:
    """An address that a person can open, for the one listened on.

    Behind a reverse proxy it is the first name that browsers call it by. Where any address is listened on, it is the
    one of this machine that leads to others; nothing is sent to find it.
    """
    if allowed_hosts:
        return f"https://{allowed_hosts[0]}"
    address = _own_address(*_LISTENS_EVERYWHERE[host]) if host in _LISTENS_EVERYWHERE else host
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


_LISTENS_EVERYWHERE = {
    "0.0.0.0": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),
    "::": (socket.AF_INET6, "2001:db8::1", "::1"),
}
"""By address: its family, somebody far away (RFC 5737, RFC 3849), and what is left where no network is."""


def _own_address(family: socket.AddressFamily, far_away: str, without_network: str) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        try:
            way.connect((far_away, 9))
        except OSError:
            return without_network
        return str(way.getsockname()[0])


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process around it."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=MOST_AT_ONCE)
    except OSError as exc:
        raise ConfigurationError(
            Mistake("web", None, None, "port" if exc.errno in _ABOUT_PORTS else "host", f"{host}:{port} {_words(exc)}")
        ) from exc


_ABOUT_PORTS = {
    errno.EADDRINUSE: "is taken by another program; choose another web.port, or stop the other one",
    errno.EACCES: "needs privileges that the gateway should not have; choose a web.port above 1023",
}


def _words(exc: OSError) -> str:
    return _ABOUT_PORTS.get(exc.errno or 0, f"cannot be listened on: {exc.strerror}")
