"""A real browser on a running gateway with a simulated charger: one of each, and new pages for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from browser.looking import Dashboard, Looker, Shape
from integration.site import a_site
from ocpp_gateway.simulator.options import ChargerOptions

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run")

Opening = Callable[[Dashboard, Shape], Awaitable[Looker]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; without it the tests are skipped here, and fail where everything is to be shown."""
    if not Path(CHROMIUM).exists():
        reason = "there is no chromium; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dashboard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dashboard]:
    """A gateway that is lived in: a car that left, a car that charges, and a profile."""
    ports: asyncio.Queue[int] = asyncio.Queue()
    options = ChargerOptions(serial_number="<b>SIM</b>")
    configuration = {"MeterValueSampleInterval": "2", "TransactionMessageRetryInterval": "0"}
    folder = tmp_path_factory.mktemp("dashboard")
    async with (
        a_site(folder, options=options, speed=20.0, configuration=configuration) as site,
        site.gateway(ports.put_nowait),
    ):
        shown = Dashboard(site, f"http://127.0.0.1:{await ports.get()}")
        await shown.live_in()
        yield shown


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[Opening]:
    """A new page in a browser of its own; at the end nothing may have gone wrong in any of them."""
    opened: list[Looker] = []

    async def open_it(dashboard: Dashboard, shape: Shape) -> Looker:
        opened.append(await Looker.open(browser, dashboard, shape))
        return opened[-1]

    yield open_it
    for looker in opened:
        await looker.context.close()
    assert [problem for looker in opened for problem in looker.problems] == []
