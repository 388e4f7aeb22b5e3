"""The central system behind real websockets, with switches for everything that goes wrong on the way there."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ocpp_gateway.central.frames import ConnectionClosedError
from ocpp_gateway.central.system import CentralSystem

SUBPROTOCOL = "ocpp1.6"


class WebSocketConnection:
    """A websocket as a `Connection`."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket

    async def send(self, text: str | bytes, /) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as closed:
            raise _translated(closed) from closed

    async def recv(self) -> str | bytes:
        try:
            return await self._websocket.recv()
        except ConnectionClosed as closed:
            raise _translated(closed) from closed

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._websocket.close(code, reason)


class CentralServer:
    """Listens for charge points; the last segment of the path, percent-decoded, is the identity.

    `passwords`: the basic-auth password (its bytes) of each identity; every other identity is then refused with 401.
    The switches hold for the connections that follow: `status` answers the handshake with that HTTP status, `headers`
    go along with it; `subprotocol` is what the handshake selects, None leaves it out; `close_at_once` closes right
    after the handshake.
    """

    def __init__(
        self,
        central: CentralSystem,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        passwords: Mapping[str, bytes] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.central = central
        self.host, self.port = host, port
        self.passwords = passwords
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.subprotocol: str | None = SUBPROTOCOL
        self.close_at_once = False
        self._tls = tls
        self._server: Server | None = None
        self._reachable = asyncio.Event()
        self._reachable.set()

    @property
    def url(self) -> str:
        """Where the server listens; a charge point appends `/` and its identity."""
        return f"{'ws' if self._tls is None else 'wss'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listens; on the port of before when it was closed. Raises OSError when the port is taken."""
        self._server = await serve(
            self._serve,
            self.host,
            self.port,
            ssl=self._tls,
            process_request=self._admit,
            select_subprotocol=self._select_subprotocol,
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Ends every connection and stops listening; the port refuses connections then."""
        self.recover()
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()
        await self.central.close()

    def abort_connections(self) -> None:
        """Cuts every TCP connection, without a close frame."""
        for websocket in self._websockets():
            websocket.transport.abort()

    def black_hole(self) -> None:
        """From now on nothing is read or answered, not even a ping or a handshake; TCP stays up."""
        self._reachable.clear()
        for websocket in self._websockets():
            websocket.transport.pause_reading()

    def recover(self) -> None:
        """Ends the black hole."""
        self._reachable.set()
        for websocket in self._websockets():
            websocket.transport.resume_reading()

    async def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        """The HTTP answer that refuses a handshake; None admits it."""
        await self._reachable.wait()
        if self.central.offline:
            websocket.transport.abort()
            return websocket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
        if self.status is not None:
            response = websocket.respond(self.status, "")
            response.headers.update(self.headers)
            return response
        identity = identity_of(request.path)
        if not identity:
            return websocket.respond(HTTPStatus.NOT_FOUND, "the path must end with an identity\n")
        if self.passwords is not None and not self._authenticated(identity, request):
            response = websocket.respond(HTTPStatus.UNAUTHORIZED, "wrong user or password\n")
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
            return response
        if "//" in request.path:
            self.central.judge.report(identity, "T-01", f"an empty segment in the path {request.path!r}")
        if not request.path.upper().endswith("/" + quote(identity, safe="").upper()):
            self.central.judge.report(identity, "T-02", f"the identity is not percent-encoded in {request.path!r}")
        return None

    def _authenticated(self, identity: str, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            return False
        password = (self.passwords or {}).get(identity)
        if password is None or scheme.casefold() != "basic":
            return False
        return hmac.compare_digest(given, identity.encode() + b":" + password)

    def _select_subprotocol(self, _websocket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        if self.subprotocol == SUBPROTOCOL and SUBPROTOCOL not in offered:
            return None  # the connection closes right after the handshake, as OCPP-J §3.2 wants it
        return None if self.subprotocol is None else Subprotocol(self.subprotocol)

    async def _serve(self, websocket: ServerConnection) -> None:
        if websocket.request is None or self.close_at_once:
            return
        identity = identity_of(websocket.request.path)
        if self.subprotocol == SUBPROTOCOL and websocket.subprotocol != SUBPROTOCOL:
            self.central.judge.report(identity, "T-03", f"{SUBPROTOCOL} was not offered")
            return
        await self.central.serve(WebSocketConnection(websocket), identity)

    def _websockets(self) -> tuple[ServerConnection, ...]:
        return tuple(self._server.connections) if self._server else ()


def identity_of(path: str) -> str:
    """The last segment of a request path, percent-decoded; empty when there is none (OCPP-J §3.1.1)."""
    try:
        return unquote(path.split("?", 1)[0].rpartition("/")[2], errors="strict")
    except UnicodeDecodeError:
        return ""


def _translated(closed: ConnectionClosed) -> ConnectionClosedError:
    frame = closed.rcvd or closed.sent
    return ConnectionClosedError(frame.code, frame.reason) if frame else ConnectionClosedError()
