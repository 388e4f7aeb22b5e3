"""The API does what its OpenAPI document says, whatever it is asked: for operators, for viewers and for nobody.

schemathesis makes the requests, from the document and against it. They go to a gateway over real sockets, with a
charger, a car and a central system behind it, so that the answers are real ones.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integration.site import IDENTITY, a_site
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.store import Store
from ocpp_gateway.web.app import ENDPOINTS
from ocpp_gateway.web.openapi import document
from ocpp_gateway.web.passwords import hash_password, hash_token

TOKENS = {"operator": "operators-token-of-the-test", "viewer": "viewers-token-of-the-test"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


DOCUMENT = document([one for one in ENDPOINTS if one.path != "/api/v1/events"])  # that one ends with the server
FOUND = schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
OPERATIONS = [found.ok() for found in FOUND if isinstance(found, Ok)]


@dataclass
class Gateway:
    """A gateway in a thread of its own, since schemathesis asks without a loop."""

    folder: Path
    port: int = 0
    up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self._let_in()
        async with a_site(self.folder) as site:
            listening: asyncio.Future[int] = self._loop.create_future()
            async with site.gateway(listening.set_result):
                site.charger.plug(1, "04A1B2C3", ElectricVehicle())
                await site.until(lambda: site.told("MeterValues", connectorId=1))
                self.port = await listening
                self.up.set()
                await self._over.wait()

    async def _let_in(self) -> None:
        store = await Store.open(f"sqlite:///{self.folder / 'gateway.db'}")
        await store.keep_web_password("operator", hash_password("a password that nobody guesses"))
        for role, token in TOKENS.items():
            await store.keep_web_token(role, role, hash_token(token))
        await store.close()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("openapi"))
    thread = threading.Thread(target=running.run, name="gateway")
    thread.start()
    assert running.up.wait(30)
    yield running
    running.end()
    thread.join(30)


def asked(operation: Any, gateway: Gateway, role: str | None, mode: GenerationMode) -> None:
    """Ask for it in some ways, valid or not, and look whether each answer is one that the document names."""
    headers = {} if role is None else {"Authorization": f"Bearer {TOKENS[role]}"}

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if len(str(case.path_parameters.get("identity", ""))) % 2:
            case.path_parameters["identity"] = IDENTITY  # or hardly anything would be found
        case.call_and_validate(base_url=f"http://127.0.0.1:{gateway.port}", headers=headers, checks=CHECKS)

    ask()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("role", ["operator", "viewer", None])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_documented(
    gateway: Gateway, operation: Any, role: str | None, mode: GenerationMode
) -> None:
    try:
        asked(operation, gateway, role, mode)
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # what takes no value cannot be asked with a wrong one


def test_every_endpoint_is_asked() -> None:
    assert len(OPERATIONS) == len(ENDPOINTS) - 1
