"""Pictures of the dashboard for the documentation, of a demo that has run for a while: `make screenshots`."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from browser.conftest import CHROMIUM, FLAGS

RUNS_S = 58.0
"""Until cars have come and gone, and a limit holds DEMO-2: the demo plays the same every time."""

PICTURES: tuple[tuple[str, str, int, int, str], ...] = (
    ("overview", "/", 1200, 560, "light"),
    ("charger", "/chargers/DEMO-2", 1200, 760, "light"),
    ("charger-dark", "/chargers/DEMO-1", 1200, 760, "dark"),
    ("messages", "/chargers/DEMO-1/messages", 1200, 620, "light"),
    ("phone", "/chargers/DEMO-2", 390, 844, "light"),
)
"""Name, path, width, height, colours."""


async def main(folder: Path) -> None:
    """Run a demo, and write all pictures to that folder, which is there."""
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocpp_gateway", "demo"), stdout=asyncio.subprocess.PIPE
    )
    assert demo.stdout is not None
    try:
        while (found := re.search(rb"dashboard is at (http://\S+)/ ", await demo.stdout.readline())) is None:
            pass
        reading = asyncio.create_task(demo.stdout.read(), name="what the demo prints")
        print(f"the demo runs for {RUNS_S:.0f} s")
        await asyncio.sleep(RUNS_S)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            for picture in PICTURES:
                await _take(browser, found[1].decode(), folder, picture)
            await browser.close()
    finally:
        demo.terminate()
        await demo.wait()
    await reading


async def _take(browser: Browser, url: str, folder: Path, picture: tuple[str, str, int, int, str]) -> None:
    name, path, width, height, colours = picture
    scheme: Any = colours
    page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB")
    await page.goto(url + path)
    await page.locator("#stream.up").wait_for()
    await page.wait_for_timeout(1500)  # the chart's history, and the first values
    await page.screenshot(path=folder / f"{name}.png")
    await page.close()
    print(folder / f"{name}.png")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
