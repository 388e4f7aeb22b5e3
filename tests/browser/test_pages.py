"""Every page opens, on a phone as on a desk, in light and dark; it says nothing wrong, and everybody can read it."""

from __future__ import annotations

import os

import pytest

from browser.conftest import Opening
from browser.looking import AXE, CHARGER, DESK, HTML_TAG, PAGES, PHONE, Dashboard, Shape

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHAPES = [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone")]


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_page_opens_fits_the_screen_and_has_nothing_that_axe_finds_serious(
    dashboard: Dashboard, open_page: Opening, shape: Shape
) -> None:
    looker = await open_page(dashboard, shape)
    too_wide, found = {}, []
    for path in PAGES:
        page = await looker.see(path)
        assert await page.locator("h1").count() == 1, path
        await page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
        if (wide := await looker.is_too_wide_by()) > 0:
            too_wide[path] = wide
        if AXE.exists():
            found += await looker.violations()
    assert too_wide == {}
    assert found == []
    if not AXE.exists():
        reason = "axe-core is missing: run `make axe`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


async def test_the_keyboard_reaches_the_content_first_and_the_focus_shows(
    dashboard: Dashboard, open_page: Opening
) -> None:
    page = await (await open_page(dashboard, DESK)).see("/")
    await page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert await skip.inner_text() == "Skip to content"
    assert await skip.evaluate("one => one.getBoundingClientRect().left") > 0
    await page.keyboard.press("Enter")
    assert await page.locator("main:focus").count() == 1
    await page.keyboard.press("Tab")
    assert await page.locator(":focus").evaluate("one => getComputedStyle(one).outlineStyle") != "none"


async def test_fault_w_06_what_registers_and_frames_hold_is_text(dashboard: Dashboard, open_page: Opening) -> None:
    looker = await open_page(dashboard, DESK)
    for path, wanted in ((CHARGER, "serial <b>SIM</b>"), (f"{CHARGER}/messages?text=BootNotification", "<b>SIM</b>")):
        page = await looker.see(path)
        assert wanted in (await page.locator("main").text_content() or ""), path
        assert await page.locator("main b", has_text="SIM").count() == 0, path
    page = await looker.see(f"{CHARGER}/transactions")
    assert HTML_TAG[:2] in await page.locator("main").inner_text()
    assert await page.locator("main i").count() == 0


async def test_a_page_that_is_not_there_says_so_as_a_page(dashboard: Dashboard, open_page: Opening) -> None:
    looker = await open_page(dashboard, DESK)
    looker.expected_statuses.add(404)
    for path in ("/chargers/NOBODY", "/nowhere"):
        await looker.page.goto(path)
        assert await looker.page.locator("h1").inner_text() == "Nothing is here", path


async def test_searching_hides_what_does_not_fit(dashboard: Dashboard, open_page: Opening) -> None:
    page = await (await open_page(dashboard, DESK)).see(f"{CHARGER}/configuration")
    rows = page.locator("#keys tbody tr:visible")
    everything = await rows.count()
    await page.get_by_label("Find a key").fill("heartbeat")
    await page.locator("#keys tbody tr:visible", has_text="HeartbeatInterval").wait_for()
    assert 0 < await rows.count() < everything
