"""Secrets planted wherever one can be, and everything that the web and the log say searched for them (W-11)."""

from __future__ import annotations

import asyncio
import io
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import structlog

from integration.site import IDENTITY, a_site
from ocpp_gateway import log
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.web.app import ENDPOINTS

PASSWORD, USERINFO, KEY, QUERY = "canary-password-1", "canary-userinfo-2", "canary-key-3", "canary-query-4"
KEY_HEX = KEY.encode().hex()
CARD = "04A1CANARYB2C3"
SECRETS = (PASSWORD, USERINFO, KEY, KEY_HEX, KEY_HEX.upper(), QUERY)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, at every level of every part, libraries included; all as before after the test."""
    root, stream = logging.getLogger(), io.StringIO()
    names = [*log.AREAS.values(), *log.QUIET, "ocpp_gateway"]
    before = (
        root.handlers[:],
        root.level,
        logging.raiseExceptions,
        {name: logging.getLogger(name).level for name in names},
    )
    log.configure("DEBUG", "json", dict.fromkeys([*log.AREAS, *log.QUIET], "DEBUG"), stream=stream)
    yield stream
    root.handlers[:], root.level, logging.raiseExceptions = before[:3]
    for name, level in before[3].items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def paths() -> list[str]:
    """Every endpoint that can be asked without a body, of this charger; but for the stream."""
    filled = {
        "{identity:path}": IDENTITY,
        "{connector_id:int}": "1",
        "{name}": "1",
        "{source}": "operator",
    }
    found = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET" and "events" not in endpoint.path]
    for name, value in filled.items():
        found = [path.replace(name, value) for path in found]
    return found


async def test_fault_w_11_no_planted_secret_is_said_anywhere(tmp_path: Path, written: io.StringIO) -> None:
    async with a_site(tmp_path) as site:
        site.config["central_system"] |= {"security_profile": 1, "password": PASSWORD}
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with site.gateway(port.set_result):
            await site.until(lambda: site.statuses(1) == ["Available"])
            for key in ("AuthorizationKey", "SomebodysOwnKey"):
                await site.central.call(IDENTITY, "ChangeConfiguration", {"key": key, "value": KEY_HEX})
            location = f"ftp://me:{USERINFO}@127.0.0.1:1/there?token={QUERY}"
            await site.central.call(IDENTITY, "GetDiagnostics", {"location": location, "retries": 0})
            site.charger.plug(1, CARD, ElectricVehicle())
            await site.until(lambda: site.told("MeterValues", connectorId=1))
            await site.until(lambda: site.told("DiagnosticsStatusNotification", status="UploadFailed"))
            said = {}
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{await port}", timeout=30) as client:
                for path in [*paths(), "/", f"/chargers/{IDENTITY}/messages", f"/chargers/{IDENTITY}/configuration"]:
                    answer = await client.get(path)
                    assert answer.status_code == 200, path
                    said[path] = unpacked(answer.content)
    said["the log"] = written.getvalue()
    assert '"event": "central_system_connected"' in said["the log"]
    assert "ChangeConfiguration" in said[f"/api/v1/chargers/{IDENTITY}/messages"]
    hits = [(where, secret) for where, text in said.items() for secret in SECRETS if secret in text]
    assert hits == []
    # The ledger is what is billed by: whole cards are there, and nowhere else.
    with_card = {where for where, text in said.items() if CARD in text}
    assert with_card == {"/api/v1/transactions", "/api/v1/transactions.csv", "/api/v1/transactions/1"}


def unpacked(content: bytes) -> str:
    """A body as text; of a zip what is in it."""
    if not content.startswith(b"PK"):
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())
