from __future__ import annotations

import json

import pytest

from ocpp_gateway.web.guard import HEADERS
from unit.web.asking import Ask, Fault, View

# ---------------------------------------------------------------- health


async def test_healthz_is_ok_or_says_where_to_look(ask: Ask, view: View) -> None:
    assert (await ask("/healthz"))[::2] == (200, "ok\n")
    view.parts["store"] = "cannot write; see the log"
    assert (await ask("/healthz"))[::2] == (503, "store: cannot write; see the log\n")


async def test_readyz_is_ok_or_says_what_is_missing(ask: Ask, view: View) -> None:
    assert (await ask("/readyz"))[::2] == (200, "ok\n")
    view.conditions["poll"] = "no charger has answered yet"
    assert (await ask("/readyz"))[::2] == (503, "poll: no charger has answered yet\n")


async def test_fault_w_16_health_names_no_charger(ask: Ask, view: View) -> None:
    for view.parts["store"] in ("ok", "cannot write; see the log"):
        for path in ("/healthz", "/readyz"):
            assert "SITE-1" not in str(await ask(path))


# ---------------------------------------------------------------- chargers


async def test_all_chargers_are_listed(ask: Ask) -> None:
    status, headers, body = await ask("/api/v1/chargers")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == [{"identity": "SITE-1", "connectors": []}]


async def test_one_charger_is_found_by_its_identity(ask: Ask) -> None:
    assert json.loads((await ask("/api/v1/chargers/SITE-1")).body)["identity"] == "SITE-1"


@pytest.mark.parametrize(
    ("identity", "path"), [("RDAM 123", "RDAM%20123"), ("a/b?c", "a%2Fb%3Fc"), ("Köln", "K%C3%B6ln")]
)
async def test_an_identity_is_percent_decoded_once(ask: Ask, view: View, identity: str, path: str) -> None:
    view.known[identity] = {"identity": identity}
    assert json.loads((await ask(f"/api/v1/chargers/{path}")).body) == {"identity": identity}


@pytest.mark.parametrize(
    "path", ["/api/v1/chargers/NOBODY", "/nothing", "/api/v1/chargers/..%2f..%2fetc%2fpasswd", "//"]
)
async def test_what_is_not_there_is_a_problem_as_json(ask: Ask, path: str) -> None:
    status, headers, body = await ask(path)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(body)["title"] == "Not Found"


async def test_nothing_can_be_changed(ask: Ask) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        status, headers, _ = await ask("/api/v1/chargers/SITE-1", method=method)
        assert (status, headers["content-type"]) == (405, "application/problem+json")


async def test_a_fault_of_ours_is_a_problem_without_details(ask: Ask, view: View) -> None:
    view.fault = Fault("a secret of the inside")
    status, headers, body = await ask("/healthz")
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in body
    assert headers["x-content-type-options"] == "nosniff"


# ---------------------------------------------------------------- who may ask


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "192.168.1.5", ""])
@pytest.mark.parametrize("path", ["/healthz", "/api/v1/chargers", "/nothing"])
async def test_fault_w_04_another_host_name_is_refused(ask: Ask, path: str, host: str) -> None:
    assert (await ask(path, host=host)).status == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]", "[::1]:8080", "LOCALHOST"])
async def test_this_machines_own_names_are_answered(ask: Ask, host: str) -> None:
    assert (await ask("/healthz", host=host))[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/chargers", "/nothing"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
async def test_fault_w_14_every_answer_carries_the_security_headers(ask: Ask, path: str, host: str) -> None:
    headers = (await ask(path, host=host)).headers
    assert {name: headers.get(name.lower()) for name in HEADERS} == HEADERS
