"""Pages filled with what the gateway may tell, without a browser."""

from __future__ import annotations

from unit.web.asking import Ask, View

PAGE = {"accept": "text/html"}


async def test_the_log_shows_lines_of_a_charger_and_lines_of_none(ask: Ask, view: View) -> None:
    at = {"timestamp": "2026-11-22T09:00:00Z", "level": "info", "logger": "ocpp_gateway"}
    view.lines = [
        at | {"event": "gateway_started", "chargers": 1},
        at | {"event": "charger_lost", "charge_point": "a/b"},
    ]
    answer = await ask("/log", headers=PAGE)
    assert answer.status == 200
    assert "gateway_started</b> <span" in answer.body
    assert "chargers=1" in answer.body
    assert 'charger_lost</b> <span class="faint">a/b' in answer.body


async def test_a_full_disk_stands_on_the_first_page_and_beside_the_health(ask: Ask, view: View) -> None:
    view.known.clear()
    assert "Store</a>" not in (await ask("/?part=sums")).body
    view.parts["store"] = "the disk is full"
    for path in ("/", "/?part=sums"):
        assert '<a href="/log">Store</a> <span>the disk is full</span>' in (await ask(path)).body
    assert "<dt>Store</dt><dd>the disk is full</dd>" in (await ask("/support")).body
