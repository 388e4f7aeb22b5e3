"""A real websocket to the central system: the handshake as OCPP-J wants it, and every failure as one useful line."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.typing import Subprotocol

from ocpp_gateway.errors import PeerError
from ocpp_gateway.ocpp16.frames import MAX_BYTES
from ocpp_gateway.ocpp16.rpc import Connection

SUBPROTOCOL = Subprotocol("ocpp1.6")
OPEN_TIMEOUT_S = 20.0
PONG_TIMEOUT_S = 10.0
PING_INTERVAL_CHECK_S = 10.0
"""A changed WebSocketPingInterval counts after this long at the latest, without a reconnect (T-41)."""

CLOSE_TIMEOUT_S = 3.0
PROTOCOL_ERROR = 1002

# At DEBUG the library writes whole frames and the Authorization header; its level is not the operator's to change.
_quiet = logging.getLogger("ocpp_gateway.websockets")
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one charge point connects, and how it proves who it is.

    `url` is complete, the identity in it. `password` gives the bytes for basic authentication, asked for at each
    connection, None for none; the bytes of an AuthorizationKey, not its hexadecimal text (T-08). `tls` is needed
    for `wss://`.
    """

    url: str
    identity: str
    password: Callable[[], bytes | None] = field(default=lambda: None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The URL as it may be shown: a query might hold a token."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def basic_authorization(identity: str, password: bytes) -> str:
    """The Authorization header's value (T-07); the user is the identity before percent-encoding (T-09)."""
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode("ascii")


class WebSocket:
    """An open connection that negotiated `ocpp1.6`; see `rpc.Connection`. Made by `connect`."""

    def __init__(self, websocket: ClientConnection, ping_interval_s: Callable[[], float]) -> None:
        self._websocket = websocket
        self._ping_interval_s = ping_interval_s
        self._pinging = asyncio.create_task(self._ping(), name="ocpp pings")
        self._problem: str | None = None
        self.ping_s: float | None = None  # how long the last pong took; None before the first

    @property
    def certificate_ends_s(self) -> float | None:
        """Until when the central system's certificate is valid, as Unix time; None without TLS."""
        tls: ssl.SSLObject | None = self._websocket.transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert()
        return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None

    async def send(self, text: str, /) -> None:
        """Sends a text message; returns when the socket has taken it. Raises PeerError once the connection is gone."""
        try:
            await self._websocket.send(text)
        except ConnectionClosed as exc:
            raise self._gone(exc) from exc

    async def recv(self) -> str | bytes:
        """The next message, bytes if it was a binary one. Raises PeerError once the connection is gone."""
        try:
            return await self._websocket.recv()
        except ConnectionClosed as exc:
            raise self._gone(exc) from exc

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes within `CLOSE_TIMEOUT_S`, with or without the other side's consent."""
        self._pinging.cancel()
        await self._websocket.close(code, reason)

    def _gone(self, exc: ConnectionClosed) -> PeerError:
        self._pinging.cancel()
        if self._problem is not None:
            return PeerError(self._problem)
        if exc.rcvd is None:
            return PeerError("the network connection broke")
        said = f"{exc.rcvd.code} {exc.rcvd.reason}".strip()
        return PeerError(f"closed by the central system ({said})")

    async def _ping(self) -> None:
        """Our own pings, since the library's cannot change their interval; a missing pong ends the socket (T-42)."""
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            interval_s = self._ping_interval_s()
            left_s = last_s + interval_s - loop.time() if interval_s > 0 else PING_INTERVAL_CHECK_S
            if left_s > 0:
                await asyncio.sleep(min(left_s, PING_INTERVAL_CHECK_S))
                continue
            try:
                async with asyncio.timeout(PONG_TIMEOUT_S):
                    self.ping_s = await (await self._websocket.ping())
            except TimeoutError:
                self._problem = f"no pong within {PONG_TIMEOUT_S:g} s"
                self._websocket.transport.abort()  # a closing handshake would wait for the same silent peer
                return
            except ConnectionClosed:
                return
            last_s = loop.time()


async def connect(endpoint: Endpoint, *, ping_interval_s: Callable[[], float]) -> WebSocket:
    """A connection over which OCPP 1.6 may be spoken. `ping_interval_s` gives WebSocketPingInterval as it stands.

    Raises PeerError: one line that says what is wrong and where to look.
    """
    password = endpoint.password()
    headers = {} if password is None else {"Authorization": basic_authorization(endpoint.identity, password)}
    try:
        websocket = await _Connect(
            endpoint.url,
            subprotocols=[SUBPROTOCOL],
            additional_headers=headers,
            ssl=endpoint.tls,
            logger=_quiet,
            proxy=None,  # T-11: the environment does not decide where charging data goes
            compression=None,  # T-23
            max_size=MAX_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
        )
    except (InvalidHandshake, InvalidURI, OSError, EOFError, ValueError) as exc:
        problem = f"{endpoint.shown}: {problem_of(exc, endpoint)}"
        raise PeerError(problem, retry_after_s=_retry_after_s(exc)) from exc
    if websocket.subprotocol != SUBPROTOCOL:  # the library takes a server that negotiates nothing (T-04)
        await websocket.close(PROTOCOL_ERROR, "subprotocol ocpp1.6 is required")
        raise PeerError(f"{endpoint.shown}: {_NO_SUBPROTOCOL}")
    return WebSocket(websocket, ping_interval_s)


def certificate_ends_s(connection: Connection) -> float | None:
    """Until when the certificate of a connection's other end is valid, as Unix time; None where there is none."""
    return connection.certificate_ends_s if isinstance(connection, WebSocket) else None


def ping_s(connection: Connection) -> float | None:
    """How long the other end of a connection took for the last pong; None where nobody knows."""
    return connection.ping_s if isinstance(connection, WebSocket) else None


class _Connect(websocket_connect):
    """Follows no redirect: who may send us elsewhere could have us send transactions there."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


def _retry_after_s(exc: Exception) -> float:
    """The Retry-After of a refused handshake, in s; 0 without one. A date is not read: whose clock would it be by?"""
    asked = exc.response.headers.get("Retry-After", "") if isinstance(exc, InvalidStatus) else ""
    return float(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else 0.0


# ---------------------------------------------------------------- what went wrong, for people

_NO_SUBPROTOCOL = (
    "the server did not agree to the subprotocol ocpp1.6; check that central_system.url is its OCPP 1.6J address"
)

_STATUS = {
    200: "200 OK: a web page and no websocket is at this address; check the path in central_system.url",
    400: "400 Bad Request: the server takes no OCPP 1.6J connection here, most often because it offers another "
    "subprotocol than ocpp1.6; check that central_system.url is its OCPP 1.6J address",
    401: "401 Unauthorized: wrong password; check central_system.password (or password_file, authorization_key) "
    "for charge point {identity}",
    403: "403 Forbidden: charge point {identity} may not connect; check that it is enabled at the central system",
    404: "404 Not Found: charge point {identity} is unknown there; check identity, and the path in central_system.url",
    426: "426 Upgrade Required: no websocket at this address; check the path in central_system.url",
    429: "429 Too Many Requests: the central system asks us to come less often",
}

_HTTP_1_0 = re.compile(r"HTTP/1\.0 ([2-5]\d\d)\b")
"""The status in what the library says of an answer that it does not read: some proxies still speak HTTP/1.0."""

# OpenSSL's X509_V_ERR_*
_CERTIFICATE = {
    9: "the server's certificate is not valid yet; check this machine's clock",
    10: "the server's certificate has expired; tell its operator, or check this machine's clock",
    18: "the server's certificate is self-signed; put it, or its CA, in central_system.ca_file",
    19: "the server's CA is not trusted; put its root certificate in central_system.ca_file",
    20: "the server's CA is not trusted; put its root certificate in central_system.ca_file",
    21: "the server's CA is not trusted; put its root certificate in central_system.ca_file",
    62: "the server's certificate is for another name; check the host in central_system.url",
    64: "the server's certificate is for another address; check the host in central_system.url",
}


def problem_of(exc: Exception, endpoint: Endpoint) -> str:
    """Why no connection came about, in words that say what to do; never a secret, never more than a line."""
    place = urlsplit(endpoint.url)
    match exc:
        case InvalidStatus():
            return _status_problem(exc.response.status_code, endpoint.identity)
        case NegotiationError():
            return _NO_SUBPROTOCOL
        case ssl.SSLCertVerificationError():
            return _CERTIFICATE.get(exc.verify_code, f"the server's certificate is not valid: {exc.verify_message}")
        case ssl.SSLError():
            return f"no TLS connection ({exc.reason or exc}); check wss:// and the port, or the client certificate"
        case TimeoutError():
            return f"no answer within {OPEN_TIMEOUT_S:g} s; check host, port and firewall"
        case socket.gaierror():
            return f"the host name {place.hostname} cannot be resolved; check central_system.url and DNS"
        case ConnectionRefusedError():
            return "connection refused; check host and port, and that the central system runs"
        case InvalidMessage() if old := _HTTP_1_0.search(str(exc.__cause__)):
            return _status_problem(int(old[1]), endpoint.identity)
        case InvalidMessage() | EOFError() | ConnectionResetError():
            return "the server broke off the handshake; check ws:// or wss:// and the port (TLS has to be 1.2 or newer)"
        case InvalidURI():
            return "not a websocket address; check central_system.url"
        case OSError():
            return f"no connection: {exc.strerror or exc}"
        case _:
            return f"no websocket handshake: {_line(exc)}"


def _status_problem(status: int, identity: str) -> str:
    if 300 <= status < 400:
        return f"{status}: redirects are not followed; put the final address in central_system.url"
    if status >= 500:
        return f"{status}: the central system has a problem; it will be tried again"
    return _STATUS.get(status, f"{status}: the central system refuses the connection").format(identity=identity)


def _line(exc: Any) -> str:
    return " ".join(str(exc).split())[:200]
