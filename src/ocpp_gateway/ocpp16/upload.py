"""One file to where a central system wants it, once: HTTP(S), FTP(S), and SFTP where `asyncssh` is installed.

The address comes from the central system, so it is not trusted: it may neither name this machine, nor lead
elsewhere by a redirect, nor smuggle commands; and what it holds of credentials is used and never shown (R-47, O-28).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.client import responses
from importlib import import_module
from importlib.util import find_spec
from ipaddress import IPv6Address, ip_address
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

import aioftp
import httpx2

from ocpp_gateway.errors import ConfigurationError, PeerError
from ocpp_gateway.log import shown_url
from ocpp_gateway.settings.tls import client_context

SILENCE_TIMEOUT_S = 30.0
MAX_LOCATION = 4096
NO_SUCH_METHOD = {404, 405, 501}
"""What a server says that takes no PUT there; many of them take the file as a form."""

FTP_PORT, IMPLICIT_FTPS_PORT, SFTP_PORT = 21, 990, 22

# They write URLs and commands with what is secret in them; their level is not the operator's to change.
for _name in ("httpx2", "aioftp.client"):
    logging.getLogger(_name).disabled = True


class UploadFailed(PeerError):
    """The file did not arrive. One line for people, without anything secret and without the server's own words."""


def schemes() -> tuple[str, ...]:
    """The kinds of addresses that files can be sent to; `sftp` with the extra of that name."""
    return ("http", "https", "ftp", "ftps", *(("sftp",) if find_spec("asyncssh") else ()))


@dataclass(frozen=True, slots=True)
class Destination:
    """An address a central system gave, taken apart. `path` and `query` are as they were; user and password decoded."""

    shown: str
    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def path_of(self, file_name: str) -> str:
        """Where the file goes. The address is a directory (OCPP 1.6 §6.25), unless it shows that it names a file:
        by a query, as addresses signed for one object have, or by an ending such as `.zip`.
        """
        ending = PurePosixPath(self.path).suffix.removeprefix(".")
        if self.query or (ending and not ending.isdigit() and not self.path.endswith("/")):  # `/v1.6` is no file
            return self.path
        return f"{self.path.removesuffix('/')}/{file_name}"

    def url(self, path: str) -> str:
        """The address with that path, without the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return urlunsplit((self.scheme, host if self.port is None else f"{host}:{self.port}", path, self.query, ""))


def destination_of(location: str) -> Destination:
    """The address taken apart. Raises UploadFailed for one that cannot be used."""
    try:
        parts = urlsplit(location)
        user = None if parts.username is None else unquote(parts.username, errors="strict")
        password = unquote(parts.password or "", errors="strict")
        shown, host, port = shown_url(location), parts.hostname, parts.port
        decoded = unquote(parts.path, errors="strict")
    except ValueError as exc:
        raise UploadFailed("the location is no address") from exc
    if parts.scheme not in schemes() or not host or len(location) > MAX_LOCATION:
        raise UploadFailed(f"the location is no address of the kinds {', '.join(schemes())}")
    if any(not text.isprintable() for text in (location, host, user or "", password, decoded)):
        raise UploadFailed("the location holds control characters")
    return Destination(shown, parts.scheme, host, port, parts.path, parts.query, user, password)


async def upload(
    destination: Destination, file_name: str, content: bytes, *, ca_file: Path | None, central_host: str | None
) -> None:
    """Sends the file, or raises UploadFailed. The caller bounds the whole; each silence is bounded here.

    A server's certificate is verified against the system's roots and those in `ca_file`. `central_host` is where
    the central system is: it may be this machine, then so may the destination.
    """
    try:
        if destination.host != central_host:
            await _refuse_this_machine(destination.host)
        secure = destination.scheme in {"https", "ftps"}
        tls = await asyncio.to_thread(_trusting, ca_file) if secure else None
        await _SENDERS[destination.scheme](destination, file_name, content, tls)
    except (ConfigurationError, OSError, EOFError) as exc:
        raise UploadFailed(_problem(exc)) from exc
    except (ValueError, LookupError, OverflowError) as exc:  # what a strange FTP server makes of aioftp
        raise UploadFailed(_problem(exc)) from exc


async def _refuse_this_machine(host: str) -> None:
    """A central system elsewhere has no business with what listens here, or beside us on the link (O-28)."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SILENCE_TIMEOUT_S):
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    for *_, address in found:
        ip = ip_address(str(address[0]).partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast:
            raise UploadFailed("the location names this machine, or none that could be meant")


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    context = client_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


# ---------------------------------------------------------------- one function a protocol

Sender = Callable[[Destination, str, bytes, ssl.SSLContext | None], Awaitable[None]]


async def _http(destination: Destination, file_name: str, content: bytes, tls: ssl.SSLContext | None) -> None:
    auth = None if destination.user is None else httpx2.BasicAuth(destination.user, destination.password)
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # spares the library reading the roots for plain HTTP
    async with httpx2.AsyncClient(
        auth=auth,
        verify=tls or nobody,
        timeout=SILENCE_TIMEOUT_S,
        follow_redirects=False,
        trust_env=False,  # as for the websocket, the environment does not decide where data goes (T-11)
    ) as client:
        try:
            status = await _put(client, destination.url(destination.path_of(file_name)), content)
            if status in NO_SUCH_METHOD:
                status = await _post_form(client, destination.url(destination.path or "/"), file_name, content)
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            raise UploadFailed(_problem(exc)) from exc
    if 300 <= status < 400:
        raise UploadFailed(f"the server answered {status}; redirects are not followed")
    if not 200 <= status < 300:
        raise UploadFailed(f"the server answered {status} {responses.get(status, '')}".rstrip())


async def _put(client: httpx2.AsyncClient, url: str, content: bytes) -> int:
    headers = {"Content-Type": "application/zip"}
    async with client.stream("PUT", url, content=content, headers=headers) as response:
        return response.status_code  # its body is nobody's, however long


async def _post_form(client: httpx2.AsyncClient, url: str, file_name: str, content: bytes) -> int:
    async with client.stream("POST", url, files={"file": (file_name, content, "application/zip")}) as response:
        return response.status_code


async def _ftp(destination: Destination, file_name: str, content: bytes, tls: ssl.SSLContext | None) -> None:
    if tls is None or destination.port == FTP_PORT:
        await _ftp_session(destination, file_name, content, explicit_tls=tls)
        return
    try:
        await _ftp_session(destination, file_name, content, implicit_tls=tls)
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError:  # it greets in plain text first: TLS by AUTH (RFC 4217), on a port of its own
        await _ftp_session(destination, file_name, content, explicit_tls=tls)


async def _ftp_session(
    destination: Destination,
    file_name: str,
    content: bytes,
    *,
    implicit_tls: ssl.SSLContext | None = None,
    explicit_tls: ssl.SSLContext | None = None,
) -> None:
    """Login, STOR, QUIT. The path is relative to the login directory; `//` or `/%2F` at its start make it absolute."""
    client = aioftp.Client(socket_timeout=SILENCE_TIMEOUT_S, connection_timeout=SILENCE_TIMEOUT_S, ssl=implicit_tls)
    path = unquote(destination.path_of(file_name).removeprefix("/"))
    try:
        await client.connect(
            destination.host, destination.port or (FTP_PORT if implicit_tls is None else IMPLICIT_FTPS_PORT)
        )
        if explicit_tls is not None:
            await client.upgrade_to_tls(explicit_tls)
        if destination.user is None:
            await client.login()
        else:
            await client.login(destination.user, destination.password)
        if implicit_tls is not None:
            await client.command("PBSZ 0", "200")
            await client.command("PROT P", "200")
        await _store(client, path, content)
        await client.quit()
    except aioftp.AIOFTPException as exc:
        raise UploadFailed(_problem(exc)) from exc
    finally:
        client.close()


async def _store(client: aioftp.Client, path: str, content: bytes) -> None:
    """STOR; the library's own leaves its data connection open when the server refuses."""
    _, data = await client.get_passive_connection()
    try:
        await client.command(f"STOR {path}", "1xx")
        data.write(content)
        await data.drain()
    finally:
        data.close()
    await client.command(None, "2xx", "1xx")


async def _sftp(destination: Destination, file_name: str, content: bytes, _: ssl.SSLContext | None) -> None:
    """To a server whose key is in ~/.ssh/known_hosts of the user that the gateway runs as; with the password alone."""
    asyncssh = import_module("asyncssh")
    path = unquote(destination.path_of(file_name))
    try:
        async with (
            asyncssh.connect(
                destination.host,
                destination.port or SFTP_PORT,
                username=destination.user or "anonymous",
                password=destination.password,
                client_keys=None,
                agent_path=None,
                config=None,
                connect_timeout=SILENCE_TIMEOUT_S,
                login_timeout=SILENCE_TIMEOUT_S,
            ) as connection,
            connection.start_sftp_client() as client,
            client.open(path.removeprefix("/~/"), "wb") as file,
        ):
            await file.write(content)
    except asyncssh.HostKeyNotVerifiable as exc:
        raise UploadFailed("the server's key is not in ~/.ssh/known_hosts of the gateway's user") from exc
    except asyncssh.Error as exc:
        raise UploadFailed(f"the SSH server refuses: {type(exc).__name__}") from exc


_SENDERS: dict[str, Sender] = {"http": _http, "https": _http, "ftp": _ftp, "ftps": _ftp, "sftp": _sftp}


# ---------------------------------------------------------------- what went wrong, for people

_FTP_ANSWERS = {
    "530": "530: it does not take the user and the password in the location",
    "550": "550: there is no such directory, or the user may not write there",
    "552": "552: there is no room",
    "553": "553: it does not take the file's name",
}


def _problem(exc: BaseException) -> str:
    """Why, in one line. A server's own words are left out: they might hold what it was told."""
    match exc:
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not valid: {exc.verify_message}"
        case aioftp.StatusCodeError():
            code = str(exc.received_codes[-1])
            return f"the server answered {_FTP_ANSWERS.get(code, code if code.isdigit() else 'nothing that is FTP')}"
        case TimeoutError() | httpx2.TimeoutException():
            return f"no answer within {SILENCE_TIMEOUT_S:g} s"
        case socket.gaierror():
            return "the host name cannot be resolved"
        case ConnectionRefusedError():
            return "connection refused"
        case httpx2.ConnectError() | OSError():
            return f"no connection: {_line(exc)}"
        case _:
            return f"the server does not keep to the protocol: {type(exc).__name__}"


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200] or type(exc).__name__
