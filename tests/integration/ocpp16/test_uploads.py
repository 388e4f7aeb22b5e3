"""Uploads against real servers: HTTP by hand, FTP by aioftp, SFTP by asyncssh, each with and without TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aioftp
import asyncssh
import pytest
import trustme

from ocpp_gateway.charger.events import Event, StartTransfer, TransferChanged
from ocpp_gateway.ocpp16 import upload as module
from ocpp_gateway.ocpp16.transfer import Uploads
from ocpp_gateway.ocpp16.upload import UploadFailed, destination_of, upload

HERE = "127.0.0.1"
CONTENT = bytes(range(256)) * 4096  # 1 MiB: more than any buffer on the way
USER, PASSWORD = "c4nary-user", "C4nary p@ss/word"
CREDENTIALS = "c4nary-user:C4nary%20p%40ss%2Fword@"


async def send(location: str, *, ca_file: Path | None = None, central_host: str = HERE) -> None:
    """One try."""
    async with asyncio.timeout(10):
        await upload(destination_of(location), "d.zip", CONTENT, ca_file=ca_file, central_host=central_host)


async def problem_of(location: str, **options: Any) -> str:
    with pytest.raises(UploadFailed) as failed:
        await send(location, **options)
    return str(failed.value)


# ---------------------------------------------------------------- servers

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that talks like that, whatever the other side does; tidy at its end."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(OSError, EOFError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, HERE, 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


# ---------------------------------------------------------------- HTTP


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Takes one request a connection, keeps it, and answers by method with these lines."""

    answers: dict[str, str]
    requests: list[Request] = field(default_factory=list)
    base: str = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, path, _ = first.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method, path, headers, body))
        writer.write(self.answers[method].encode())
        await writer.drain()


def answer(status: str, *headers: str) -> str:
    return "\r\n".join([f"HTTP/1.1 {status}", "content-length: 0", "connection: close", *headers, "", ""])


@contextlib.asynccontextmanager
async def http_server(tls: ssl.SSLContext | None = None, **answers: str) -> AsyncIterator[HttpServer]:
    server = HttpServer(answers)
    async with listening(server.talk, tls) as port:
        server.base = f"{'https' if tls else 'http'}://{HERE}:{port}"
        yield server


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "204 No Content"])
async def test_r_45_a_file_is_put_into_the_directory(status: str) -> None:
    async with http_server(PUT=answer(status)) as server:
        await send(f"{server.base}/in/")
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("PUT", "/in/d.zip", CONTENT)
    assert request.headers["content-type"] == "application/zip"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("refusal", ["404 Not Found", "405 Method Not Allowed", "501 Not Implemented"])
async def test_a_server_without_put_gets_the_file_as_a_form(refusal: str) -> None:
    async with http_server(PUT=answer(refusal), POST=answer("200 OK")) as server:
        await send(f"{server.base}/in")
    put, post = server.requests
    assert (put.method, put.path, post.method, post.path) == ("PUT", "/in/d.zip", "POST", "/in")
    assert post.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="d.zip"' in post.body
    assert CONTENT in post.body


async def test_user_and_password_go_as_basic_authentication() -> None:
    async with http_server(PUT=answer("200 OK")) as server:
        await send(server.base.replace("://", f"://{CREDENTIALS}") + "/in/")
    (request,) = server.requests
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert "c4nary" not in request.path.lower()


@pytest.mark.parametrize(
    ("put", "problem"),
    [
        pytest.param(answer("401 Unauthorized"), "the server answered 401 Unauthorized", id="401"),
        pytest.param(answer("500 Oops"), "the server answered 500 Internal Server Error", id="500"),
        pytest.param(
            answer("307 There", "location: http://127.0.0.1:1/"),
            "the server answered 307; redirects are not followed",
            id="redirect",
        ),
        pytest.param("SSH-2.0-OpenSSH\r\n", "RemoteProtocolError", id="no HTTP"),
        pytest.param("", "RemoteProtocolError", id="nothing"),
    ],
)
async def test_what_a_server_refuses_is_told_in_one_line(put: str, problem: str) -> None:
    async with http_server(PUT=put) as server:
        assert problem in await problem_of(f"{server.base}/in/")
    assert len(server.requests) == 1


async def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_TIMEOUT_S", 0.1)

    async def ignore(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    for scheme in ("http", "ftp"):
        async with listening(ignore) as port:
            assert await problem_of(f"{scheme}://{HERE}:{port}/in/") == "no answer within 0.1 s"


# ---------------------------------------------------------------- FTP


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "in").mkdir(parents=True)
    return folder


@contextlib.asynccontextmanager
async def ftp_server(root: Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server where USER may write; with TLS from the first byte on, if at all."""
    server = aioftp.Server([aioftp.User(USER, PASSWORD, base_path=root), aioftp.User(base_path=root / "in")], ssl=tls)
    await server.start(HERE, 0)
    try:
        yield f"{'ftps' if tls else 'ftp'}://{CREDENTIALS}{HERE}:{server.server_port}"
    finally:
        await server.close()


async def test_a_file_arrives_by_ftp_in_the_directory_of_the_location(root: Path) -> None:
    async with ftp_server(root) as base:
        await send(f"{base}/in/")
        await send(f"{base}/named.zip")
    assert (root / "in" / "d.zip").read_bytes() == CONTENT
    assert (root / "named.zip").read_bytes() == CONTENT


async def test_without_a_user_the_login_is_anonymous(root: Path) -> None:
    async with ftp_server(root) as base:
        await send(base.replace(CREDENTIALS, ""))
    assert (root / "in" / "d.zip").read_bytes() == CONTENT


async def test_a_wrong_password_is_told_without_it(root: Path) -> None:
    async with ftp_server(root) as base:
        problem = await problem_of(base.replace("C4nary%20", "wrong") + "/in/")
    assert problem == "the server answered 530: it does not take the user and the password in the location"


async def test_a_directory_that_is_not_there_is_told(root: Path) -> None:
    async with ftp_server(root) as base:
        assert "550" in await problem_of(f"{base}/nowhere/")


STRANGE = [
    pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="HTTP"),
    pytest.param(b"220 hello\r\n230 in\r\n200 ok\r\n229 no port at all\r\n", id="no port"),
    pytest.param(b"220 hello\r\n230 in\r\n200 ok\r\n229 (|||99999999|)\r\n", id="no such port"),
    pytest.param(b"220 hello\r\n230 in\r\n200 ok\r\n500 no\r\n227 (1,2)\r\n", id="half an address"),
    pytest.param(b"220 \xff\xfe\r\n", id="no text"),
    pytest.param(b"220 " + b"a" * 200_000, id="a line without end"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
@pytest.mark.parametrize("said", STRANGE)
async def test_fault_o_28_whatever_a_server_says_is_a_failed_upload_and_no_bug(said: bytes, scheme: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.write_eof()
        await reader.read()

    async with listening(talk) as port:
        assert len(await problem_of(f"{scheme}://{HERE}:{port}/in/")) < 300


# ---------------------------------------------------------------- TLS


@dataclass
class Authority:
    """A CA, its roots in a file, and what a server of it shows."""

    ca_file: Path
    serving: ssl.SSLContext


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    ca = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(HERE).configure_cert(serving)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return Authority(tmp_path / "ca.pem", serving)


async def test_https_trusts_the_central_systems_ca(authority: Authority) -> None:
    async with http_server(authority.serving, PUT=answer("200 OK")) as server:
        await send(f"{server.base}/in/", ca_file=authority.ca_file)
    assert server.requests[0].body == CONTENT


async def test_ftps_may_speak_tls_from_the_first_byte_on(authority: Authority, root: Path) -> None:
    async with ftp_server(root, authority.serving) as base:
        await send(f"{base}/in/", ca_file=authority.ca_file)
    assert (root / "in" / "d.zip").read_bytes() == CONTENT


class ExplicitFtps:
    """A server that greets in plain text and wants AUTH TLS (RFC 4217); aioftp's has implicit TLS alone."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.commands: list[str] = []
        self.received = b""
        self._tls = tls

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with listening(self._take, self._tls) as port:
            answers = {"AUTH": "234 go", "USER": "331 and?", "PASS": "230 in", "STOR": "150 go", "QUIT": "221 bye"}
            answers["EPSV"] = f"229 (|||{port}|)"
            writer.write(b"220 hello\r\n")
            while line := await reader.readline():
                command = line.decode("latin-1").partition(" ")[0].strip()  # or what a ClientHello has before a newline
                self.commands.append(command)
                self._taken = asyncio.get_running_loop().create_future()
                writer.write(f"{answers.get(command, '200 ok')}\r\n".encode())
                if command == "AUTH":
                    await writer.start_tls(self._tls)
                if command == "STOR":
                    await self._taken
                    writer.write(b"226 done\r\n")

    async def _take(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self.received = await reader.read()
        self._taken.set_result(None)


async def test_ftps_may_begin_in_plain_text_and_turn_to_tls_before_the_login(authority: Authority) -> None:
    server = ExplicitFtps(authority.serving)
    async with listening(server.talk) as port:
        await send(f"ftps://{CREDENTIALS}{HERE}:{port}/in/", ca_file=authority.ca_file)
    assert server.commands[-9:] == ["AUTH", "PBSZ", "PROT", "USER", "PASS", "TYPE", "EPSV", "STOR", "QUIT"]
    assert server.received == CONTENT


async def test_ftps_of_another_ca_gets_no_password(authority: Authority, root: Path) -> None:
    server = ExplicitFtps(authority.serving)
    async with listening(server.talk) as port:
        assert "certificate is not valid" in await problem_of(f"ftps://{CREDENTIALS}{HERE}:{port}/in/")
    assert "USER" not in server.commands
    async with ftp_server(root, authority.serving) as base:
        assert "certificate is not valid" in await problem_of(f"{base}/in/")


async def test_https_of_another_ca_gets_nothing(authority: Authority, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for ca_file in (None, tmp_path / "other.pem"):
        async with http_server(authority.serving, PUT=answer("200 OK")) as server:
            assert "CERTIFICATE_VERIFY_FAILED" in await problem_of(f"{server.base}/in/", ca_file=ca_file)
        assert server.requests == []


async def test_a_ca_file_that_is_gone_is_a_failed_upload(tmp_path: Path) -> None:
    assert "No such file" in await problem_of(f"https://{HERE}:1/", ca_file=tmp_path / "gone.pem")


# ---------------------------------------------------------------- SFTP


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the user that the gateway runs as."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class OneUser(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextlib.asynccontextmanager
async def sftp_server(root: Path, home: Path) -> AsyncIterator[str]:
    """The address of a server whose key the gateway's user knows."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        OneUser, HERE, 0, server_host_keys=[key], sftp_factory=partial(asyncssh.SFTPServer, chroot=str(root).encode())
    )
    port = server.sockets[0].getsockname()[1]
    (home / ".ssh" / "known_hosts").write_bytes(f"[{HERE}]:{port} ".encode() + key.export_public_key())
    try:
        yield f"sftp://{CREDENTIALS}{HERE}:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_file_arrives_by_sftp(root: Path, home: Path) -> None:
    async with sftp_server(root, home) as base:
        await send(f"{base}/in/")
        await send(f"{base}/~/named.zip")
    assert (root / "in" / "d.zip").read_bytes() == CONTENT
    assert (root / "named.zip").read_bytes() == CONTENT


async def test_an_sftp_server_of_unknown_key_gets_no_password(root: Path, home: Path) -> None:
    async with sftp_server(root, home) as base:
        (home / ".ssh" / "known_hosts").write_text("")
        assert "not in ~/.ssh/known_hosts" in await problem_of(f"{base}/in/")


async def test_an_sftp_server_that_refuses_is_told(root: Path, home: Path) -> None:
    async with sftp_server(root, home) as base:
        assert "PermissionDenied" in await problem_of(base.replace("C4nary%20", "wrong") + "/in/")
        assert "SFTPNoSuchFile" in await problem_of(f"{base}/nowhere/")


# ---------------------------------------------------------------- this machine


@pytest.mark.parametrize("host", [HERE, "localhost", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "ftp"])
async def test_fault_o_28_a_central_system_elsewhere_cannot_name_this_machine(scheme: str, host: str) -> None:
    problem = await problem_of(f"{scheme}://{host}:8080/readyz/", central_host="cpms.example.com")
    assert "names this machine" in problem


# ---------------------------------------------------------------- all of it


async def run_upload(location: str, *, retries: int = 0) -> list[tuple[str, bool]]:
    """What the central system is told of an upload."""
    told: list[tuple[str, bool]] = []
    last = asyncio.Event()

    async def post(event: Event) -> None:
        assert isinstance(event, TransferChanged)
        told.append((event.status, event.last))
        if event.last:
            last.set()

    async def bundle(_: StartTransfer) -> bytes:
        return CONTENT

    uploads = Uploads(
        charge_point="SITE-1",
        post=post,
        make_bundle=bundle,
        send=partial(upload, ca_file=None, central_host=HERE),
    )
    running = asyncio.create_task(uploads.run())
    uploads.start(StartTransfer(location, "d.zip", retries, 0, None, None))
    async with asyncio.timeout(10):
        await last.wait()
    running.cancel()
    return told


async def test_r_46_a_refused_connection_is_tried_again_as_often_as_asked() -> None:
    async with http_server() as server:
        base = server.base
    told = await run_upload(f"{base}/in/", retries=2)
    again, for_good = ("UploadFailed", False), ("UploadFailed", True)
    assert told == [("Uploading", False), again, ("Uploading", False), again, ("Uploading", False), for_good]


@pytest.fixture
def everything_logged() -> Iterator[Callable[[], str]]:
    """What any logger says at its most talkative, unredacted."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    names = ["", "httpx2", "httpcore2", "aioftp", "aioftp.client", "asyncssh", "ocpp_gateway"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield stream.getvalue
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def test_fault_w_11_no_logger_says_a_credential_or_a_token(
    root: Path, home: Path, everything_logged: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """R-47: of ours and of the libraries, at DEBUG, for uploads that succeed and that fail."""
    logging.getLogger("aioftp.server").setLevel(logging.CRITICAL)  # the other side's business
    async with http_server(PUT=answer("200 OK")) as server:
        await run_upload(server.base.replace("://", f"://{CREDENTIALS}") + "/in/?signature=c4nary-token")
    async with http_server(PUT=answer("403 Forbidden")) as server:
        await run_upload(server.base.replace("://", f"://{CREDENTIALS}") + "/in/")
    async with ftp_server(root) as base:
        assert ("Uploaded", True) in await run_upload(f"{base}/in/")
        assert ("UploadFailed", True) in await run_upload(base.replace("C4nary", "c4nary-wrong") + "/in/")
    said = everything_logged() + "".join(capsys.readouterr())
    assert "diagnostics_uploaded" in said
    assert "diagnostics_not_uploaded" in said
    assert "c4nary" not in said.lower()
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in said
