"""Canaries planted wherever a secret can be, looked for in all that leaves the process (faults.md W-11)."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from ruamel.yaml import YAML

from integration.site import IDENTITY, Site, a_site
from ocpp_gateway import log
from ocpp_gateway.central.frames import CallError

PASSWORD = "C4naryPassw0rd-of-16"
KEY = "C4naryKeyByChangeConfiguration"
ADDRESS = "C4naryInAnAddress"
DATA = "C4naryInDataTransfer"
TOKEN = "C4naryTokenOfTheApi"
CARDS = ("04CANARYTAG99", "04CANARYSENT88", "04CANARYLIST77")
LOGGERS = ("ocpp_gateway", "websockets", "ocpp", "pymodbus", "uvicorn", "asyncio", "httpx2", "alembic", "sqlalchemy")
SHOWN = ("", "/messages", "/registers", "/configuration", "/health", "/history")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that everybody logs, at DEBUG."""
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    stream = io.StringIO()
    log.configure("DEBUG", "json", dict.fromkeys(LOGGERS, "DEBUG"), stream=stream)
    root.setLevel("DEBUG")
    yield stream
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)
    for name, at in levels.items():
        logging.getLogger(name).setLevel(at)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


async def fetched(port: int, path: str, data: bytes | None = None, method: str = "GET", **headers: str) -> bytes:
    """A body of the API, of an error too."""

    def get() -> bytes:
        url = f"http://127.0.0.1:{port}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return bytes(exc.read())

    return await asyncio.to_thread(get)


async def plant(site: Site) -> None:
    """Have the central system say every secret, and a card be shown."""
    await site.until(lambda: site.statuses(2))
    for action, payload in (
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY}),
        ("ChangeConfiguration", {"key": "WifiPassphrase", "value": KEY}),
        ("GetDiagnostics", {"location": f"ftp://user:{ADDRESS}@127.0.0.1:1/in/", "retries": 0}),
        ("GetDiagnostics", {"location": f"http://127.0.0.1:1/in/?signature={ADDRESS}", "retries": 0}),
        ("UpdateFirmware", {"location": f"https://user:{ADDRESS}@h/f", "retrieveDate": "2026-11-22T09:00:00Z"}),
        ("DataTransfer", {"vendorId": "x", "data": DATA}),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": CARDS[2]}]}),
        ("RemoteStartTransaction", {"connectorId": 2, "idTag": CARDS[1]}),
    ):
        try:
            await site.central.call(IDENTITY, action, payload)
        except CallError:  # what it does not support is in the frames all the same
            continue
    site.charger.plug(1, CARDS[0])
    await site.until(lambda: site.told("StartTransaction"))
    await site.until(lambda: site.told("MeterValues", connectorId=1))


async def bundle_by_command(folder: Path, config: Path) -> tuple[str, bytes]:
    """What `support-bundle` says, and writes."""
    file = folder / "bundle.zip"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocpp_gateway", "support-bundle", "-c", str(config), "-o", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode(), file.read_bytes()


def unpacked(bundle: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def assert_no_canary(outputs: dict[str, str]) -> None:
    secrets = (PASSWORD, KEY, ADDRESS, DATA, TOKEN, *CARDS)
    found = [(name, secret) for name, text in outputs.items() for secret in secrets if leaks(text, secret)]
    assert found == []


def leaks(text: str, secret: str) -> bool:
    """As it is, in hex as a register would hold it, or in base64 as HTTP would."""
    basic = base64.b64encode(f"{IDENTITY}:{secret}".encode()).decode()
    return secret in text or secret.encode().hex() in text.lower() or basic in text


async def test_fault_w_11_no_bundle_log_or_error_shows_a_canary(tmp_path: Path, logged: io.StringIO) -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path, authorization={"mode": "charger", "free_id_tag": CARDS[0]}) as site:
        site.server.passwords = {IDENTITY: PASSWORD.encode()}
        site.config["central_system"] |= {"security_profile": 1, "password": PASSWORD}
        config = tmp_path / "gateway.yaml"
        async with site.gateway(ports.put_nowait):
            port = await ports.get()
            await plant(site)
            with config.open("w") as stream:
                YAML().dump(site.config | {"web": {"port": port}}, stream)
            said, running = await bundle_by_command(tmp_path, config)
            here = f"/api/v1/chargers/{IDENTITY}"
            paths = (*(here + path for path in SHOWN), "/api/v1/log", "/metrics")
            shown = {path: (await fetched(port, path)).decode() for path in paths}
            for wrong in (b"{", b'{"power_w": "x"}', json.dumps({"power_w": 1, "password": PASSWORD}).encode()):
                shown[f"PUT {wrong!r}"] = (await fetched(port, "/api/v1/limits/operator", wrong, "PUT")).decode()
            shown["wrong token"] = (await fetched(port, here, Authorization=f"Bearer {TOKEN}")).decode()
        stopped_said, stopped = await bundle_by_command(tmp_path, config)
    running_files, stopped_files = unpacked(running), unpacked(stopped)
    assert {"frames.jsonl", "modbus.jsonl", "log.jsonl", "transactions.json"} <= running_files.keys()
    for told in ("AuthorizationKey", "WifiPassphrase", "DataTransfer", "SendLocalList", "StartTransaction"):
        assert told in running_files["frames.jsonl"], "what would have told the secret is there"
    assert "04***99" in running_files["frames.jsonl"]
    assert b"04***99".hex() in running_files["modbus.jsonl"]
    assert "04***99" in stopped_files["transactions.json"]
    assert "websockets" in logged.getvalue()
    assert "does not run" in stopped_said
    assert_no_canary({"log": logged.getvalue(), "said": said + stopped_said} | shown)
    assert_no_canary({f"running {name}": text for name, text in running_files.items()})
    assert_no_canary({f"stopped {name}": text for name, text in stopped_files.items()})
