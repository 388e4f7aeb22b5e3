"""What Prometheus scrapes: it can be read, every metric says what it is, and the documents know each of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from ocpp_gateway.web import metrics
from ocpp_gateway.web.access import Access, Role
from ocpp_gateway.web.app import create_app
from ocpp_gateway.web.figures import ChargerFigures, ConnectorFigures, GatewayFigures, QueueFigures
from ocpp_gateway.yaml_document import parse_yaml
from unit.web.asking import Ask, View, asking

ROOT = Path(__file__).parents[3]
AWKWARD = 'RDAM "1"\\n\n{Köln}'


def connector(connector_id: int, **changes: Any) -> ConnectorFigures:
    figures: dict[str, Any] = {
        "connector_id": connector_id,
        "status": "Charging",
        "power_w": 7360.5,
        "limit_w": 11_000,
        "limited_by": "tx_profile",
        "energy_wh": 120_034,
        "in_transaction": True,
        "in_safe_state": False,
    }
    return ConnectorFigures(**figures | changes)


def charger(charge_point: str = "SITE-1", **changes: Any) -> ChargerFigures:
    figures: dict[str, Any] = {
        "charge_point": charge_point,
        "answers": True,
        "last_poll_age_s": 0.4,
        "round_times": [(0.01, 5), (0.1, 9), (float("inf"), 10)],
        "round_times_sum_s": 1.25,
        "missed_rounds": 1,
        "lost_links": 2,
        "refused_writes": 3,
        "implausible_values": 4,
        "restarts": 0,
        "connected": True,
        "accepted": True,
        "connections": 6,
        "certificate_ends_s": {"central_system": 1_900_000_000.0, "client": 1_800_000_000.0},
        "calls": {("sent", "MeterValues", "answered"): 41, ("received", "unknown", "refused"): 1},
        "queue": QueueFigures(waiting=7, oldest_age_s=61.5, dead_letters=1, thinned=0),
        "transactions_started": 5,
        "transactions_ended": {"EVDisconnected": 3, "Remote": 1},
        "power_w": 7360.5,
        "limit_w": 22_000,
        "limited_by": "installation",
        "connectors": [connector(1), connector(2, status="Available", in_transaction=False, limited_by="gate")],
    }
    return ChargerFigures(**figures | changes)


def gateway(*chargers: ChargerFigures, **changes: Any) -> GatewayFigures:
    figures: dict[str, Any] = {
        "version": "1.2.3",
        "uptime_s": 86_400.0,
        "tasks": 14,
        "read_only": False,
        "healthy": True,
        "store_failing": False,
        "store_short_of_room": False,
        "clock_synchronised": True,
        "clock_offset_s": -0.25,
        "chargers": chargers or (charger(),),
    }
    return GatewayFigures(**figures | changes)


def families(figures: GatewayFigures) -> dict[str, Any]:
    text = metrics.exposition(figures, "")[0].decode()
    return {family.name: family for family in parse(text)}


def samples(figures: GatewayFigures) -> dict[tuple[Any, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(figures).values()
        for sample in family.samples
    }


NAMES = [metrics.PREFIX + row.name for row in metrics.ROWS] + [metrics.PREFIX + metrics.POLL_SECONDS]


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_is_told_with_its_help_and_type(name: str) -> None:
    family = families(gateway())[name.removesuffix("_total")]
    assert family.documentation.endswith(".")
    assert family.type == (
        "counter" if name.endswith("_total") else "histogram" if name.endswith("poll_seconds") else "gauge"
    )
    assert family.samples


def test_every_name_begins_with_the_name_of_the_product() -> None:
    assert {name for name in families(gateway()) if not name.startswith("ocpp_gateway_")} == set()


def test_the_figures_are_the_samples() -> None:
    told = samples(gateway(charger("A"), charger("B", connected=False)))
    assert told["ocpp_gateway_central_system_connected", ("charge_point", "A")] == 1
    assert told["ocpp_gateway_central_system_connected", ("charge_point", "B")] == 0
    assert told["ocpp_gateway_connector_power_watts", ("charge_point", "A"), ("connector", "1")] == 7360.5
    assert told["ocpp_gateway_transactions_running", ("charge_point", "A")] == 1
    assert told["ocpp_gateway_queue_oldest_age_seconds", ("charge_point", "A")] == 61.5
    assert told["ocpp_gateway_build_info", ("version", "1.2.3")] == 1
    assert (
        told[
            "ocpp_gateway_messages_total",
            ("action", "MeterValues"),
            ("charge_point", "A"),
            ("direction", "sent"),
            ("result", "answered"),
        ]
        == 41
    )
    assert told["ocpp_gateway_charger_poll_seconds_bucket", ("charge_point", "A"), ("le", "0.1")] == 9
    assert told["ocpp_gateway_charger_poll_seconds_count", ("charge_point", "A")] == 10


def test_what_is_not_known_is_not_told() -> None:
    unknown = charger(queue=None, power_w=None, last_poll_age_s=None, connectors=[connector(1, power_w=None)])
    names = {name for name, *_ in samples(gateway(unknown, clock_offset_s=None))}
    for name in ("queue_messages", "charger_power_watts", "connector_power_watts", "clock_offset_seconds"):
        assert f"ocpp_gateway_{name}" not in names


def test_an_empty_queue_is_of_age_0_and_one_whose_age_nobody_knows_has_none() -> None:
    key = ("ocpp_gateway_queue_oldest_age_seconds", ("charge_point", "SITE-1"))
    assert samples(gateway(charger(queue=QueueFigures(0, None, 0, 0))))[key] == 0
    assert key not in samples(gateway(charger(queue=QueueFigures(1, None, 0, 0))))


def test_an_identity_may_hold_what_the_format_escapes() -> None:
    assert ("ocpp_gateway_charger_answers", ("charge_point", AWKWARD)) in samples(gateway(charger(AWKWARD)))


def test_open_metrics_is_told_to_whoever_asks_for_it() -> None:
    body, content_type = metrics.exposition(gateway(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    families = parse_openmetrics(body.decode())  # type: ignore[no-untyped-call]
    assert "ocpp_gateway_messages" in {family.name for family in families}


# ---------------------------------------------------------------- who may ask


async def test_metrics_are_open_on_loopback_without_a_password(ask: Ask, view: View) -> None:
    view.measured = gateway()
    answer = await ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'charge_point="SITE-1"' in answer.body


async def test_fault_w_16_metrics_tell_nobody_unknown_which_chargers_there_are(ask_public: Ask, view: View) -> None:
    view.measured = gateway()
    answer = await ask_public("/metrics", host="gateway.example")
    assert answer.status == 401
    assert "SITE-1" not in str(answer)


async def test_fault_w_16_a_token_of_a_viewer_is_enough_for_metrics(view: View, public: Access) -> None:
    view.measured = gateway()
    token = await public.add_token("prometheus", Role.VIEWER, who="a test")
    ask = asking(create_app(view, public, host="0.0.0.0", allowed_hosts=("gateway.example",)))
    answer = await ask("/metrics", host="gateway.example", headers={"authorization": f"Bearer {token}"})
    assert answer.status == 200


# ---------------------------------------------------------------- the documents and what is deployed


def test_the_documents_hold_the_table_of_all_metrics() -> None:
    assert metrics.table() in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def told_names() -> set[str]:
    """Every name of a series that a scrape may hold."""
    return {sample.name for family in families(gateway()).values() for sample in family.samples}


def named_in(expression: str) -> set[str]:
    return set(re.findall(r"\bocpp_gateway_\w+", expression))


RULES = parse_yaml((ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"), "alerts.yaml").data
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])
def test_every_alert_is_about_metrics_that_exist_and_says_what_to_do(alert: dict[str, Any]) -> None:
    assert named_in(alert["expr"])
    assert named_in(alert["expr"]) <= told_names() | {"ocpp_gateway"}
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    heading = alert["annotations"]["runbook_url"].partition("#")[2]
    assert heading == alert["alert"].lower()
    assert f"\n### {alert['alert']}\n" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_panel_of_the_dashboard_is_about_metrics_that_exist() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/ocpp-gateway.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    expressions += [variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    assert len(expressions) > 15
    for expression in expressions:
        assert named_in(expression), expression
        assert named_in(expression) <= told_names(), expression


def test_no_two_panels_lie_on_each_other() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/ocpp-gateway.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
