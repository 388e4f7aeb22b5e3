"""GetDiagnostics from the central system's question to the file on its server, through a whole gateway."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.central.frames import CallError

CANARY = "C4nary-password"
TAG = "04CANARYTAG99"


class FileServer:
    """Takes what is put there, once `open` is set, and answers with `status`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.status = "201 Created"
        self.open = asyncio.Event()
        self.open.set()
        self.location = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = next(line.split()[1] for line in head.splitlines() if line.startswith("content-length:"))
        self.files[head.split(" ")[1]] = await reader.readexactly(int(size))
        await self.open.wait()
        writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def a_file_server() -> AsyncIterator[FileServer]:
    server = FileServer()
    async with await asyncio.start_server(server.talk, "127.0.0.1", 0) as listening:
        server.location = f"http://user:{CANARY}@127.0.0.1:{listening.sockets[0].getsockname()[1]}/in/"
        yield server


def statuses(site: Site) -> list[str]:
    return [frame.payload["status"] for frame in site.told("DiagnosticsStatusNotification")]


async def ask(site: Site, action: str, **payload: Any) -> dict[str, Any]:
    return await site.central.call(IDENTITY, action, payload)


@contextlib.asynccontextmanager
async def a_running_site(folder: Path) -> AsyncIterator[Site]:
    async with a_site(folder, central_system={"password": CANARY}) as site, site.gateway():
        await site.until(lambda: site.statuses(2) == ["Available"])
        yield site


@pytest.mark.conformance("R-50")
async def test_r_45_the_file_that_was_named_is_uploaded_and_told(tmp_path: Path) -> None:
    async with a_running_site(tmp_path) as site, a_file_server() as server:
        site.charger.plug(1, TAG)
        await site.until(lambda: site.told("Authorize"))
        answer = await ask(site, "GetDiagnostics", location=server.location)
        await site.until(lambda: len(statuses(site)) == 2)

        assert statuses(site) == ["Uploading", "Uploaded"]
        (path, content), *others = server.files.items()
        assert path == f"/in/{answer['fileName']}".lower()
        assert others == []
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            bundle = {name: archive.read(name).decode() for name in archive.namelist()}
        frames = [json.loads(line)["frame"] for line in bundle["frames.jsonl"].splitlines()]
        assert {"BootNotification", "StatusNotification", "GetDiagnostics"} <= {
            frame[2] for frame in frames if frame[0] == 2
        }
        assert json.loads(bundle["charge_point.json"])["identity"] == IDENTITY
        assert json.loads(bundle["settings.json"])["charger"]["central_system"]["password"] == "**********"
        for name, text in bundle.items():
            assert CANARY not in text, name
            assert TAG not in text, name
        assert site.central.violations == []


async def test_r_46_each_try_is_told_until_one_succeeds(tmp_path: Path) -> None:
    async with a_running_site(tmp_path) as site, a_file_server() as server:
        server.status = "503 Later"
        await ask(site, "GetDiagnostics", location=server.location, retries=2, retryInterval=1)
        await site.until(lambda: len(statuses(site)) == 2)
        server.status = "200 OK"
        await site.until(lambda: "Uploaded" in statuses(site))
        assert statuses(site) == ["Uploading", "UploadFailed", "Uploading", "Uploaded"]


@pytest.mark.conformance("R-45")
async def test_r_48_a_trigger_tells_uploading_while_it_lasts_and_idle_otherwise(tmp_path: Path) -> None:
    """And no second upload begins beside the first: its answer names no file."""
    async with a_running_site(tmp_path) as site, a_file_server() as server:
        server.open.clear()
        await ask(site, "GetDiagnostics", location=server.location)
        await site.until(lambda: server.files)
        assert await ask(site, "GetDiagnostics", location=server.location) == {}
        await ask(site, "TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
        await site.until(lambda: len(statuses(site)) == 2)
        server.open.set()
        await site.until(lambda: "Uploaded" in statuses(site))
        await ask(site, "TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
        await site.until(lambda: len(statuses(site)) == 4)
        assert statuses(site) == ["Uploading", "Uploading", "Uploaded", "Idle"]


async def test_r_45_what_cannot_be_uploaded_to_gets_no_file_name_and_no_status(tmp_path: Path) -> None:
    async with a_running_site(tmp_path) as site:
        for location in ("file:///etc/passwd", "gopher://host/", "C:"):
            assert await ask(site, "GetDiagnostics", location=location) == {}
        await ask(site, "TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
        await site.until(lambda: statuses(site))
        assert statuses(site) == ["Idle"]


async def test_r_49_update_firmware_is_not_supported_and_so_its_profile_is_not_listed(tmp_path: Path) -> None:
    async with a_running_site(tmp_path) as site:
        with pytest.raises(CallError, match="NotSupported"):
            await ask(site, "UpdateFirmware", location="ftp://h/f", retrieveDate="2026-11-22T09:00:00Z")
        keys = await ask(site, "GetConfiguration", key=["SupportedFeatureProfiles", "SupportedFileTransferProtocols"])
        values = {key["key"]: key["value"] for key in keys["configurationKey"]}
        assert "FirmwareManagement" not in values["SupportedFeatureProfiles"]
        assert values["SupportedFileTransferProtocols"] == "HTTP,HTTPS,FTP,FTPS,SFTP"  # asyncssh is here
