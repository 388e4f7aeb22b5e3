"""What the browser tests do and see: a dashboard that is lived in, and somebody who looks at it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from integration.site import IDENTITY, Site
from ocpp_gateway.registers.vocabulary import Table

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
HTML_TAG = "<i>04A1</i>"

CHARGER = f"/chargers/{IDENTITY}"
TABS = ("", "/registers", "/messages", "/queue", "/transactions", "/profiles", "/configuration", "/health")
PAGES = ("/", "/log", "/support", "/settings", "/about", *(f"{CHARGER}{tab}" for tab in TABS))


@dataclass(frozen=True, slots=True)
class Shape:
    """What somebody looks with."""

    width: int
    height: int
    scheme: str


DESK = Shape(1280, 800, "light")
PHONE = Shape(390, 844, "dark")


@dataclass
class Dashboard:
    """A running gateway: its site, and where its pages are."""

    site: Site
    url: str

    async def live_in(self) -> None:
        """One transaction is over, and one runs."""
        site = self.site
        await site.until(lambda: site.statuses(2))
        for connector_id in (2, 1):
            site.charger.plug(connector_id, HTML_TAG)
            await site.until(lambda number=connector_id: site.told("StartTransaction", connectorId=number))  # type: ignore[misc]
        site.charger.unplug(2)

    async def limit(self, limit_a: float, connector_id: int = 1) -> None:
        """The central system limits a connector; on return the register holds it."""
        profile = {
            "chargingProfileId": 7,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
            },
        }
        request = {"connectorId": connector_id, "csChargingProfiles": profile}
        await self.site.server.central.call(IDENTITY, "SetChargingProfile", request)

    async def lift(self) -> None:
        """The central system takes its limit back."""
        await self.site.server.central.call(IDENTITY, "ClearChargingProfile", {"id": 7})

    def register_w(self, connector_id: int) -> int:
        """What the charger's limit register holds."""
        return 100 * self.site.charger.read(Table.HOLDING, 240 + 16 * connector_id, 1)[0]


@dataclass
class Looker:
    """Somebody in front of a browser, and everything that went wrong there."""

    dashboard: Dashboard
    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    @classmethod
    async def open(cls, browser: Browser, dashboard: Dashboard, shape: Shape) -> Looker:
        scheme: Any = shape.scheme
        context = await browser.new_context(
            viewport={"width": shape.width, "height": shape.height}, color_scheme=scheme, base_url=dashboard.url
        )
        context.set_default_timeout(10_000)
        looker = cls(dashboard, context, await context.new_page())
        looker.page.on("console", looker._on_console)
        looker.page.on("pageerror", lambda error: looker.problems.append(f"script: {error}"))
        looker.page.on("request", looker._on_request)
        looker.page.on("response", looker._on_response)
        return looker

    async def see(self, path: str) -> Page:
        """Open a page; its stream stands."""
        await self.page.goto(path, wait_until="load")
        await self.page.locator("#stream.up, body:not(:has(#stream))").first.wait_for()
        return self.page

    async def is_too_wide_by(self) -> int:
        """Pixels by which the page is wider than the screen."""
        wide: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wide

    async def violations(self) -> list[str]:
        """What axe-core finds serious or critical: the rule, and the first elements that break it."""
        await self.page.evaluate(_axe())
        found: list[dict[str, Any]] = await self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)"
        )
        path = urlsplit(self.page.url).path
        return [
            f"{path}: {one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def _on_console(self, message: ConsoleMessage) -> None:
        refused = re.search(r"status of (\d+)", message.text)
        if refused is not None and int(refused[1]) in self.expected_statuses:
            return
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith(self.dashboard.url):
            self.problems.append(f"a request to another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.problems.append(f"{response.status}: {response.url}")


@functools.cache
def _axe() -> str:
    return AXE.read_text()
