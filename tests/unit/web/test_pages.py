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
