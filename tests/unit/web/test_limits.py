"""The limits that others than the central system set, as they come in."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.web import passwords
from ocpp_gateway.web.access import Access, Role
from unit.web.asking import Ask, View

GRID = {"power_w": 4200, "lifetime_s": 60}


async def put(ask: Ask, body: Any, source: str = "grid") -> Any:
    return await ask(f"/api/v1/limits/{source}", "PUT", body=body)


async def test_a_limit_is_kept_answered_and_removed(ask: Ask, view: View) -> None:
    answer = await put(ask, GRID | {"connector_id": 1, "failsafe_w": 1400})
    assert answer.status == 200
    assert answer.json()["power_w"] == 4200
    [limit] = view.limited.values()
    assert (limit.source, limit.connector_id, limit.lifetime_s, limit.failsafe_w) == ("grid", 1, 60.0, 1400)
    assert (await ask("/api/v1/limits")).json() == [answer.json()]
    assert (await ask("/api/v1/limits/grid?connector_id=1", "DELETE")).status == 204
    assert (await ask("/api/v1/limits/grid?connector_id=1", "DELETE")).status == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lifetime_s": 60}, "/power_w"),
        (GRID | {"power_w": -1}, "/power_w"),
        (GRID | {"power_w": 4200.5}, "/power_w"),
        (GRID | {"power_w": True}, "/power_w"),
        (GRID | {"power_w": "4200"}, "/power_w"),
        (GRID | {"power_w": 10**30}, "/power_w"),
        (GRID | {"lifetime_s": 0}, "/lifetime_s"),
        (GRID | {"connector_id": -1}, "/connector_id"),
        (GRID | {"watts": 1}, "/watts"),
        ([], "/"),
    ],
)
async def test_fault_s_05_a_wrong_value_is_named_with_its_place(ask: Ask, view: View, body: Any, pointer: str) -> None:
    answer = await put(ask, body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert view.limited == {}


@pytest.mark.parametrize("body", [b"{", b'{"power_w": NaN}', b'{"power_w": 1e999}', b"\xff", b"[" * 60_000])
async def test_fault_s_05_what_is_not_json_is_refused(ask: Ask, view: View, body: bytes) -> None:
    answer = await ask("/api/v1/limits/grid", "PUT", body=body, headers={"content-type": "application/json"})
    assert answer.status in (400, 422)
    assert view.limited == {}


async def test_fault_w_02_a_form_is_no_limit(ask: Ask, view: View) -> None:
    assert (await ask("/api/v1/limits/grid", "PUT", form={"power_w": "4200"})).status == 415
    assert view.limited == {}


@pytest.mark.parametrize("source", ["installation", "gate", "Grid", "a" * 33, "gr%20id"])
async def test_nobody_speaks_under_the_gateways_own_names(ask: Ask, view: View, source: str) -> None:
    assert (await put(ask, GRID, source)).status == 422
    assert view.limited == {}


async def test_nobody_guesses_which_charger_is_meant(ask: Ask, view: View) -> None:
    view.known["SITE-2"] = {}
    answer = await put(ask, GRID)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/charger")
    assert (await put(ask, GRID | {"charger": "SITE-9"})).status == 404
    assert (await put(ask, GRID | {"charger": "SITE-2", "connector_id": 9})).status == 404
    assert (await put(ask, GRID | {"charger": "SITE-2"})).status == 200


async def test_fault_c_14_a_gateway_that_writes_nothing_takes_no_limit_and_removes_none(ask: Ask, view: View) -> None:
    view.read_only = True
    assert (await put(ask, GRID)).status == 409
    assert view.limited == {}
    view.read_only = False
    await put(ask, GRID)
    view.read_only = True
    assert (await ask("/api/v1/limits/grid", "DELETE")).status == 409
    assert len(view.limited) == 1


async def test_a_charger_whose_tasks_do_not_run_takes_none(ask: Ask, view: View) -> None:
    view.runs = False
    assert (await put(ask, GRID)).status == 503


async def test_a_heartbeat_is_no_news_for_the_audit_log(ask: Ask, view: View) -> None:
    for power_w in (4200, 4200, 4200, 1400):
        await put(ask, GRID | {"power_w": power_w})
    assert view.audited == [
        ("local operator", "limit_set", "grid: SITE-1/0: 4200 W"),
        ("local operator", "limit_set", "grid: SITE-1/0: 1400 W"),
    ]


async def test_fault_w_13_a_viewers_token_changes_nothing_and_leaves_a_line(
    ask_public: Ask, public: Access, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "COST", 2**4)
    token = await public.add_token("grafana", Role.VIEWER, who="operator")
    headers = {"authorization": f"Bearer {token}"}
    for method, path in (("PUT", "/api/v1/limits/grid"), ("DELETE", "/api/v1/limits/grid")):
        assert (await ask_public(path, method, headers=headers, body=GRID)).status == 403
    assert view.limited == {}
    assert ("token grafana", "refused", "PUT /api/v1/limits/grid") in view.audited
    assert (await ask_public("/api/v1/limits", headers=headers)).status == 200


async def test_why_is_asked_by_connector_and_0_is_the_station(ask: Ask, view: View) -> None:
    view.known["a/b"] = {}
    assert (await ask("/api/v1/chargers/SITE-1/connectors/0/why")).json() == {"connector_id": 0}
    assert (await ask("/api/v1/chargers/a%2Fb/connectors/1/why")).status == 200
    for path in ("SITE-1/connectors/3/why", "SITE-9/connectors/1/why", "SITE-1/connectors/-1/why"):
        assert (await ask(f"/api/v1/chargers/{path}")).status == 404
