"""Who may look, who may act: passwords, roles and tokens as people use them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Opening
from browser.looking import CHARGER, DESK, Dashboard
from integration.site import a_site

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOG_IN = re.compile("/log-in$")
OPERATOR, VIEWER = "a long way up the ladder", "only looking, thank you"


async def set_password(page: Page, role: str, password: str) -> None:
    await page.goto("/settings")
    form = page.locator("form", has=page.get_by_label("Of the role"))
    await form.get_by_label("Of the role").select_option(role)
    await form.get_by_label("New password").fill(password)
    await form.get_by_label("The same again").fill(password)
    await form.get_by_role("button").click()
    await expect(page).to_have_url(LOG_IN)


async def log_in(page: Page, role: str, password: str) -> None:
    await page.goto("/log-in")
    await page.get_by_label("Role").select_option(role)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()


async def test_passwords_and_roles_hold(tmp_path: Path, open_page: Opening) -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path) as site, site.gateway(ports.put_nowait):
        dashboard = Dashboard(site, f"http://127.0.0.1:{await ports.get()}")
        await site.until(lambda: site.statuses(2))
        looker = await open_page(dashboard, DESK)
        looker.expected_statuses |= {401, 403}
        page = looker.page
        await set_password(page, "operator", OPERATOR)

        await page.goto(CHARGER)
        await expect(page).to_have_url(LOG_IN)
        await log_in(page, "operator", "not that one at all")
        await expect(page.get_by_role("alert")).to_have_text("wrong password")
        await log_in(page, "operator", OPERATOR)
        await page.goto(CHARGER)
        await expect(page.locator("summary", has_text="Actions")).not_to_have_count(0)
        await set_password(page, "viewer", VIEWER)

        await log_in(page, "viewer", VIEWER)
        await looker.see(CHARGER)
        await expect(page.locator("article.connector")).to_have_count(2)
        await expect(page.locator("form[data-api]")).to_have_count(0)
        status = await page.evaluate(
            """fetch('/api/v1/limits/operator', {method: 'PUT', body: '{"power_w": 6000}', headers: {
                'content-type': 'application/json', 'x-form-token': document.body.dataset.formToken,
            }}).then(answer => answer.status)"""
        )
        assert status == 403
        await page.goto("/settings")
        await expect(page.locator("main form")).to_have_count(0)
        await page.get_by_role("button", name="Log out viewer").click()
        await expect(page.get_by_role("heading", name="ocpp-gateway")).to_be_visible()
        await page.close()  # before the gateway goes
