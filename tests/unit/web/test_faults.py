"""Faults that come in as text: scripts in registers, SQL in filters, line ends in names; and what no request can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.charger.records import TransactionRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import LedgerDesk, Store
from ocpp_gateway.web.app import ENDPOINTS
from ocpp_gateway.web.openapi import document
from ocpp_gateway.web.pages.download import csv_cell
from unit.web.asking import Ask, View

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</script><svg onload=alert(1)>",
    '=HYPERLINK("http://evil")',
    "\u2028\u2029",
]

INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE charging_transaction; --",
    '" OR 1=1 --',
    "1) UNION SELECT password_hash FROM web_password --",
    "%' ESCAPE '!",
    "SITE-1'/*",
    "\\'; SELECT 1",
    "%",
    "_" * 6,
    "\x00",
]


@pytest.fixture
async def ledger(tmp_path: Path, view: View) -> Any:
    """The view's ledger is a store's, with one transaction in it."""
    store = await Store.open(f"sqlite:///{tmp_path / 'gateway.db'}")
    at = Instant(None, "boot", 1.0)
    await store.commit(
        "SITE-1",
        [
            TransactionRecord(
                local_id="6f0c8e7a",
                connector_id=1,
                id_tag="=1+1",
                meter_start_wh=0,
                started_at=at,
                last_meter_wh=0,
                last_sample_at=at,
            )
        ],
    )
    view.ledger = LedgerDesk(store)
    yield store
    await store.close()


# ---------------------------------------------------------------- W-06


@pytest.mark.parametrize("text", SCRIPTS)
async def test_fault_w_06_scripts_leave_as_json_that_no_browser_takes_for_a_page(
    ask: Ask, view: View, text: str
) -> None:
    place = view.place("SITE-1")
    assert place is not None
    place.told = [{"key": "tag", "value": text}]
    for path in ("registers", "messages", "configuration"):
        answer = await ask(f"/api/v1/chargers/SITE-1/{path}")
        assert answer.json() == place.told
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_fault_w_06_no_cell_of_a_table_is_a_formula(start: str) -> None:
    assert csv_cell(start) == f"'{start}"
    assert csv_cell(-1) == -1  # a number is no formula


async def test_fault_w_06_a_card_that_is_a_formula_is_text_in_the_table(ask: Ask, ledger: Store) -> None:
    answer = await ask("/api/v1/transactions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert ",'=1+1," in answer.body


# ---------------------------------------------------------------- W-07


@pytest.mark.parametrize("text", INJECTIONS)
async def test_fault_w_07_sql_in_a_filter_is_a_name_that_nothing_has(ask: Ask, ledger: Store, text: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    assert (await ask(f"/api/v1/transactions?charger={quoted}")).json() == []
    assert (await ask(f"/api/v1/dead-letters?charger={quoted}")).json() == []
    assert (await ask(f"/api/v1/transactions/{quoted}")).status == 404
    assert (await ask(f"/api/v1/transactions?limit={quoted}")).status == 422
    (left,) = (await ask("/api/v1/transactions")).json()
    assert left["local_id"] == "6f0c8e7a"


# ---------------------------------------------------------------- W-08


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: evil=1", "a\nX: y", "\x1b[2J\x1b[31mroot", "a\x00b", "a\u0085b"])
async def test_fault_w_08_line_ends_get_into_no_header_and_no_line(
    ask: Ask, view: View, ledger: Store, text: str
) -> None:
    """That a line of the log escapes them is in test_log.py."""
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    view.known[text] = {"identity": text, "connectors": []}
    for path in (f"chargers/{quoted}", f"transactions?charger={quoted}", f"chargers/{quoted}/support-bundle"):
        answer = await ask(f"/api/v1/{path}")
        assert answer.status in {200, 404}  # no route takes a line end
        assert "set-cookie" not in answer.headers
        assert all(character >= " " for value in answer.headers.values() for character in value)
    await ask("/api/v1/limits/operator", "PUT", body={"power_w": 4200, "charger": text})
    told = (await ask("/api/v1/audit")).body
    assert view.audited
    assert all(character >= " " for character in told)


# ---------------------------------------------------------------- W-15


def test_fault_w_15_no_endpoint_writes_a_register_or_names_a_profile() -> None:
    """Power is lowered by limits alone, and they are members of a minimum; all else is an order to the core."""
    changing = {(one.method, one.path) for one in ENDPOINTS if one.method != "GET"}
    charger = "/api/v1/chargers/{identity:path}"
    connector = f"{charger}/connectors/{{connector_id:int}}"
    assert changing == {
        ("PUT", "/api/v1/limits/{source}"),
        ("DELETE", "/api/v1/limits/{source}"),
        ("POST", f"{connector}/start"),
        ("POST", f"{connector}/stop"),
        ("PUT", f"{connector}/availability"),
        ("POST", f"{charger}/reconnect"),
        ("POST", f"{charger}/test-connection"),
        ("POST", "/api/v1/transactions/{name}/resend"),
        ("POST", "/api/v1/dead-letters/{seq:int}/resend"),
        ("PUT", "/api/v1/log/levels/{part}"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/{name}"),
    }
    taken = {name for one in ENDPOINTS if one.body for name in one.body.model_fields}
    limit = {"power_w", "charger", "connector_id", "lifetime_s", "failsafe_w"}
    assert taken == limit | {"id_tag", "operative", "side", "level", "name", "role"}


def test_the_document_names_every_endpoint_and_refers_to_nothing_that_is_not_in_it() -> None:
    made = document(ENDPOINTS)
    assert sum(len(operations) for operations in made["paths"].values()) == len(ENDPOINTS)
    text = json.dumps(made)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= made["components"]["schemas"].keys()
    ids = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
