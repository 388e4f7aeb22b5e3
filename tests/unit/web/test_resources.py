"""The resources of the API one by one: what is asked of the gateway, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.web.access import Access, Role
from unit.web.asking import Ask, One, View

CHARGER = "/api/v1/chargers/SITE-1"


@pytest.fixture
def place(view: View) -> One:
    found = view.place("SITE-1")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("request_", "acted"),
    [
        (("POST", "/connectors/1/start", {"id_tag": "04A1"}), ("start", 1, "04A1")),
        (("POST", "/connectors/2/stop", {}), ("stop", 2)),
        (("PUT", "/connectors/0/availability", {"operative": False}), ("availability", 0, False)),
        (("POST", "/reconnect", {"side": "charger"}), ("reconnect", "charger")),
    ],
)
async def test_an_action_is_done_and_noted(
    ask: Ask, view: View, place: One, request_: tuple[str, str, Any], acted: tuple[Any, ...]
) -> None:
    method, path, body = request_
    answer = await ask(CHARGER + path, method, body=body)
    assert answer.status in {200, 204}
    assert place.acted == [acted]
    ((who, _, detail),) = view.audited
    assert who == "local operator"
    assert detail.startswith("SITE-1")

    place.objection = "no transaction runs here"
    refused = await ask(CHARGER + path, method, body=body)
    assert (refused.status, refused.json()["detail"]) == (409, "no transaction runs here")
    assert len(view.audited) == 1


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/connectors/1/start", {}, "/id_tag"),
        ("/connectors/1/start", {"id_tag": "x" * 21}, "/id_tag"),
        ("/connectors/1/start", {"id_tag": "a\nb"}, "/id_tag"),
        ("/connectors/1/stop", {"now": True}, "/now"),
        ("/reconnect", {"side": "mars"}, "/side"),
    ],
)
async def test_a_wrong_body_says_where(ask: Ask, place: One, path: str, body: Any, pointer: str) -> None:
    answer = await ask(CHARGER + path, "POST", body=body)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert place.acted == []


async def test_a_viewer_acts_on_nothing(ask: Ask, access: Access, view: View, place: One) -> None:
    token = await access.add_token("wall", Role.VIEWER, who="test")
    headers = {"authorization": f"Bearer {token}"}
    assert (await ask(f"{CHARGER}/connectors/1/stop", "POST", body={}, headers=headers)).status == 403
    assert place.acted == []
    assert [action for _, action, _ in view.audited] == ["refused"]


async def test_messages_are_asked_for_by_filter_and_page(ask: Ask, place: One) -> None:
    place.told = [{"number": number} for number in (9, 8)]
    answer = await ask(f"{CHARGER}/messages?limit=2&action=Heartbeat&direction=sent&before=10")
    assert place.asked == {
        "limit": 2,
        "before": 10,
        "action": "Heartbeat",
        "direction": "sent",
        "result": None,
        "text": None,
    }
    assert answer.headers["link"] == (
        f'<{CHARGER}/messages?limit=2&action=Heartbeat&direction=sent&before=8>; rel="next"'
    )
    assert "link" not in (await ask(f"{CHARGER}/messages?limit=3")).headers


@pytest.mark.parametrize("query", ["direction=up", "result=maybe", "limit=0", "limit=501", "text=" + "x" * 201])
async def test_a_wrong_query_says_where(ask: Ask, query: str) -> None:
    answer = await ask(f"{CHARGER}/messages?{query}")
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "?" + query.partition("=")[0])


@pytest.mark.parametrize("path", ["", "/registers", "/messages", "/queue", "/profiles", "/health", "/support-bundle"])
async def test_of_a_charger_that_is_not_there_nothing_is_told(ask: Ask, path: str) -> None:
    assert (await ask(f"/api/v1/chargers/SITE-9{path}")).status == 404


async def test_a_plan_of_no_connector_is_not_found(ask: Ask) -> None:
    assert (await ask(f"{CHARGER}/connectors/1/schedule?duration_s=60")).json()["covered_s"] == 60
    assert (await ask(f"{CHARGER}/connectors/9/schedule")).status == 404


async def test_a_level_of_the_log_is_set_and_noted(ask: Ask, view: View) -> None:
    answer = await ask("/api/v1/log/levels/modbus", "PUT", body={"level": "DEBUG"})
    assert answer.json()["levels"]["modbus"] == "DEBUG"
    assert view.audited == [("local operator", "log_level_set", "modbus: DEBUG")]
    assert (await ask("/api/v1/log/levels/kitchen", "PUT", body={"level": "DEBUG"})).status == 404


async def test_a_token_is_made_shown_once_used_and_ended(ask: Ask, access: Access) -> None:
    made = await ask("/api/v1/tokens", "POST", body={"name": "prometheus", "role": "viewer"})
    assert made.status == 201
    headers = {"authorization": f"Bearer {made.json()['token']}"}
    assert (await ask(CHARGER, headers=headers)).status == 200
    assert (await ask("/api/v1/tokens", headers=headers)).status == 403
    assert (await ask("/api/v1/tokens")).json() == [{"name": "prometheus", "role": "viewer"}]
    assert (await ask("/api/v1/tokens/prometheus", "DELETE")).status == 204
    assert (await ask(CHARGER, headers=headers)).status == 401
    assert (await ask("/api/v1/tokens/prometheus", "DELETE")).status == 404


async def test_the_audit_log_is_for_operators_and_in_pages(ask: Ask, access: Access, view: View) -> None:
    view.audited = [("operator", "asked", str(number)) for number in range(3)]
    page = await ask("/api/v1/audit?limit=2")
    assert [entry["number"] for entry in page.json()] == [3, 2]
    assert page.headers["link"] == '</api/v1/audit?limit=2&before=2>; rel="next"'
    token = await access.add_token("wall", Role.VIEWER, who="test")
    assert (await ask("/api/v1/audit", headers={"authorization": f"Bearer {token}"})).status == 403
