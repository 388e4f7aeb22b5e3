"""The tries of an upload in virtual time, and where a file goes for what address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from ocpp_gateway.charger.events import Event, StartTransfer, TransferChanged
from ocpp_gateway.ocpp16.transfer import TRY_TIMEOUT_S, Uploads
from ocpp_gateway.ocpp16.upload import Destination, UploadFailed, destination_of

UPLOADING = ("Uploading", False)
UPLOADED = ("Uploaded", True)
FAILED, FAILED_FOR_GOOD = ("UploadFailed", False), ("UploadFailed", True)
SECRET = "C4nary"

Outcome = Callable[[], Awaitable[None]]


def transfer(**changes: Any) -> StartTransfer:
    usual: dict[str, Any] = {
        "location": f"ftp://user:{SECRET}@files.example/in/",
        "file_name": "d.zip",
        "retries": 0,
        "retry_interval_s": 60,
        "start_time": None,
        "stop_time": None,
    }
    return StartTransfer(**(usual | changes))


async def arrives() -> None:
    """The file arrives."""


async def is_refused() -> None:
    raise UploadFailed("connection refused")


async def hangs() -> None:
    await asyncio.Event().wait()


class Bench:
    """Uploads with a server whose answers are given, one a try; what was told, and when."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.told: list[tuple[str, bool]] = []
        self.told_at_s: list[float] = []
        self.sent: list[tuple[str, str, bytes]] = []
        self.bundles = 0
        self._outcomes = iter(outcomes)
        self._last = asyncio.Event()
        self.uploads = Uploads(charge_point="SITE-1", post=self._post, make_bundle=self._bundle, send=self._send)

    async def run(self, *transfers: StartTransfer) -> None:
        """Each of the transfers until its end, one after the other."""
        running = asyncio.create_task(self.uploads.run())
        for one in transfers:
            self._last.clear()
            self.uploads.start(one)
            await self._last.wait()
        assert not running.done()
        running.cancel()

    async def _post(self, event: Event) -> None:
        assert isinstance(event, TransferChanged)
        self.told.append((event.status, event.last))
        self.told_at_s.append(asyncio.get_running_loop().time())
        if event.last:
            self._last.set()

    async def _bundle(self, _: StartTransfer) -> bytes:
        self.bundles += 1
        return b"zip"

    async def _send(self, destination: Destination, file_name: str, content: bytes, /) -> None:
        self.sent.append((destination.host, file_name, content))
        await next(self._outcomes)()


pytestmark = pytest.mark.looptime(start=0)


async def test_r_45_an_upload_is_told_by_its_beginning_and_its_end() -> None:
    bench = Bench(arrives)
    await bench.run(transfer())
    assert bench.told == [UPLOADING, UPLOADED]
    assert bench.sent == [("files.example", "d.zip", b"zip")]


async def test_r_46_two_retries_are_three_tries_each_told_and_the_interval_apart() -> None:
    bench = Bench(is_refused, is_refused, is_refused)
    await bench.run(transfer(retries=2, retry_interval_s=90))
    assert bench.told == [UPLOADING, FAILED, UPLOADING, FAILED, UPLOADING, FAILED_FOR_GOOD]
    assert bench.told_at_s == [0, 0, 90, 90, 180, 180]


async def test_r_46_no_try_follows_one_that_succeeds_and_all_send_one_bundle() -> None:
    bench = Bench(is_refused, arrives)
    await bench.run(transfer(retries=5))
    assert bench.told == [UPLOADING, FAILED, UPLOADING, UPLOADED]
    assert bench.bundles == 1


async def test_a_try_that_hangs_ends_in_time() -> None:
    bench = Bench(hangs)
    await bench.run(transfer())
    assert bench.told == [UPLOADING, FAILED_FOR_GOOD]
    assert bench.told_at_s == [0, TRY_TIMEOUT_S]


async def test_an_address_of_no_use_fails_the_upload_and_not_the_task() -> None:
    bench = Bench(arrives)
    await bench.run(transfer(location="file:///etc/passwd"), transfer())
    assert bench.told == [UPLOADING, FAILED_FOR_GOOD, UPLOADING, UPLOADED]


@pytest.mark.parametrize("outcome", [arrives, is_refused, hangs])
async def test_r_47_no_credential_of_the_location_is_logged(outcome: Outcome) -> None:
    with structlog.testing.capture_logs() as lines:
        await Bench(outcome).run(transfer())
    assert "ftp://files.example/in/" in str(lines)
    assert SECRET not in str(lines)
    assert "user" not in str(lines)


# ---------------------------------------------------------------- where the file goes

WHERE = [
    # the location of GetDiagnostics, and where d.zip goes
    ("http://h/in/", "http://h/in/d.zip"),
    ("http://h/in", "http://h/in/d.zip"),
    ("http://h", "http://h/d.zip"),
    ("https://h:8443/", "https://h:8443/d.zip"),
    ("HTTP://h/in", "http://h/in/d.zip"),
    ("http://[::1]:8080/in", "http://[::1]:8080/in/d.zip"),
    ("ftp://h/in/diagnostics.zip", "ftp://h/in/diagnostics.zip"),
    ("ftp://h/charger/v1.6", "ftp://h/charger/v1.6/d.zip"),
    ("ftp://h/in.d/", "ftp://h/in.d/d.zip"),
    ("https://h/bucket/key?signature=abc", "https://h/bucket/key?signature=abc"),
    (f"ftp://user:{SECRET}@h/in/", "ftp://h/in/d.zip"),
]


@pytest.mark.parametrize(("location", "where"), WHERE, ids=[location for location, _ in WHERE])
def test_a_location_is_a_directory_unless_it_names_a_file(location: str, where: str) -> None:
    destination = destination_of(location)
    assert destination.url(destination.path_of("d.zip")) == where


def test_user_and_password_are_decoded_and_never_shown() -> None:
    destination = destination_of("ftp://us%40er:p%2Fa%3A%40ss@h/in")
    assert (destination.user, destination.password) == ("us@er", "p/a:@ss")
    assert "p/a" not in repr(destination)
    assert "us@er" not in repr(destination)


UNUSABLE = [
    pytest.param("file:///etc/passwd", id="a file of this machine"),
    pytest.param("gopher://h/", id="an unknown kind"),
    pytest.param("http:///in", id="no host"),
    pytest.param("http://[::1/in", id="half an address"),
    pytest.param("http://h:99999/in", id="no port"),
    pytest.param("ftp://h/in%0d%0aDELE%20x/", id="a command in the path"),
    pytest.param("ftp://u%0d%0aDELE:p@h/", id="a command in the user"),
    pytest.param("ftp://u:p%0aDELE@h/", id="a command in the password"),
    pytest.param("http://h/in\r\nX: y", id="a header"),
    pytest.param("http://h/%ff", id="no text"),
    pytest.param("http://h/" + "a" * 10_000_000, id="10 MB"),
    pytest.param("", id="nothing"),
]


@pytest.mark.parametrize("location", UNUSABLE)
def test_fault_o_28_an_address_of_no_use_is_refused_before_anything_is_sent(location: str) -> None:
    with pytest.raises(UploadFailed) as refused:
        destination_of(location)
    assert len(str(refused.value)) < 200
