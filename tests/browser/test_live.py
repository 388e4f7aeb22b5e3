"""Values change while one looks, a limit shows as a step, and what an operator does has its effect."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import expect

from browser.conftest import Opening
from browser.looking import CHARGER, DESK, PHONE, Dashboard
from integration.site import IDENTITY
from ocpp_gateway.central.policy import USUAL, call_error

expect.set_options(timeout=10_000)
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_values_change_while_one_looks(dashboard: Dashboard, open_page: Opening) -> None:
    page = await (await open_page(dashboard, DESK)).see("/")
    second = page.locator(f'[data-charger="{IDENTITY}"] [data-connector="2"]')
    await expect(second.locator(".chip")).not_to_have_text("Charging")
    dashboard.site.charger.plug(2, "04B2")
    await expect(second.locator(".chip")).to_have_text("Charging")
    await expect(second.locator(".kw")).to_have_text("22.0 kW")
    await expect(page.locator("#sums .card", has_text="Charging")).to_contain_text("of 2 connectors")
    dashboard.site.charger.unplug(2)
    await expect(second.locator(".chip")).not_to_have_text("Charging")


async def test_a_limit_of_the_central_system_shows_as_a_step_within_two_seconds(
    dashboard: Dashboard, open_page: Opening
) -> None:
    page = await (await open_page(dashboard, DESK)).see(CHARGER)
    connector = page.locator('article[data-connector="1"]')
    chart = connector.locator('[data-chart="power"]')
    await expect(chart).to_have_attribute("data-limits", re.compile("(^| )22$"))
    began = time.monotonic()
    await dashboard.limit(8)
    # 8 A x 230 V x 3 = 5,520 W -> 55 steps of 100 W
    await expect(chart).to_have_attribute("data-limits", re.compile("(^| )22 5.5$"))
    assert time.monotonic() - began < 2
    await expect(connector.locator(".why h3")).to_have_text("Why is it 8 A?")
    await expect(connector.locator(".why")).to_contain_text("profile 7 says 8 A on 3 phases")
    await dashboard.lift()
    await expect(chart).to_have_attribute("data-limits", re.compile("(^| )22 5.5 22$"))


async def test_a_chart_begins_with_what_was_before_the_page(dashboard: Dashboard, open_page: Opening) -> None:
    page = await (await open_page(dashboard, PHONE)).see(CHARGER)
    connector = page.locator('article[data-connector="2"]')
    await expect(connector.locator('[data-chart="power"]')).to_have_attribute("data-limits", re.compile("(^| )22$"))
    chart = page.locator('article[data-connector="1"] [data-chart="power"]')
    assert int(await chart.get_attribute("data-points") or 0) > 3  # the car came before anybody looked


async def test_the_plan_names_the_source_of_each_step(dashboard: Dashboard, open_page: Opening) -> None:
    await dashboard.limit(10, connector_id=2)
    page = await (await open_page(dashboard, DESK)).see(f"{CHARGER}/profiles")
    plan = page.locator("article", has_text="Connector 2")
    await expect(plan).to_contain_text("the central system, for every transaction, profile 7")
    await expect(plan.locator("canvas")).to_be_visible()
    await expect(page.locator("tr.decides")).to_contain_text("TxDefaultProfile")
    await dashboard.lift()


async def test_what_was_opened_stays_open_while_the_list_renews_itself(
    dashboard: Dashboard, open_page: Opening
) -> None:
    page = await (await open_page(dashboard, DESK)).see(f"{CHARGER}/messages")
    await page.locator("details.pair", has_text="BootNotification").locator("summary").click()
    newest = await page.locator("details.pair").first.get_attribute("id")
    await dashboard.limit(12, connector_id=2)
    await dashboard.lift()
    await expect(page.locator("details.pair").first).not_to_have_attribute("id", newest or "")
    await expect(page.locator("details.pair[open]")).to_contain_text("chargePointVendor")


async def test_a_local_limit_is_set_and_lifted(dashboard: Dashboard, open_page: Opening) -> None:
    page = await (await open_page(dashboard, DESK)).see(CHARGER)
    connector = page.locator('article[data-connector="1"]')
    await connector.locator("summary", has_text="Actions").click()
    await connector.get_by_label("Local limit, in W").fill("6000")
    await connector.get_by_role("button", name="Set limit").click()
    await expect(page.locator("#said")).to_contain_text("Set limit: done")
    await expect(connector.locator(".why")).to_contain_text("the local operator")
    await dashboard.site.until(lambda: dashboard.register_w(1) == 6000)
    await connector.get_by_role("button", name="Lift local limit").click()
    await dashboard.site.until(lambda: dashboard.register_w(1) == 22_000)


async def test_what_the_gateway_refuses_is_told_with_its_reason(dashboard: Dashboard, open_page: Opening) -> None:
    looker = await open_page(dashboard, DESK)
    looker.expected_statuses.add(404)
    page = await looker.see(CHARGER)
    connector = page.locator('article[data-connector="2"]')
    await connector.locator("summary", has_text="Actions").click()
    await connector.get_by_role("button", name="Lift local limit").click()
    await expect(page.get_by_role("alert")).to_have_text("Refused: there is no such limit")


async def test_a_message_that_was_given_up_is_sent_again(dashboard: Dashboard, open_page: Opening) -> None:
    site, policy = dashboard.site, dashboard.site.central.policy
    policy.answer_always("MeterValues", call_error("InternalError", "<u>no</u>"))
    page = await (await open_page(dashboard, DESK)).see(f"{CHARGER}/queue")
    given_up = page.locator("tr", has_text="MeterValues").filter(has_text="InternalError")
    await expect(given_up.first).to_be_visible(timeout=15_000)
    assert await page.locator("main u").count() == 0
    policy.answer_always("MeterValues", USUAL)
    numbers = [await row.get_attribute("id") or "" for row in await given_up.all()]
    row = page.locator(f"#{numbers[0]}")
    told = len(site.told("MeterValues"))
    await row.get_by_role("button", name="Send again").click()
    await expect(row).to_have_count(0)
    await site.until(lambda: len(site.told("MeterValues")) > told)
    await expect(page.locator("#said")).to_contain_text("Send again: done")
