"""`/metrics` for Prometheus: one row a metric, read from the gateway's figures when it is asked for.

docs/operations.md holds the same table; `python -m ocpp_gateway.web.metrics` prints it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isinf

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.endpoint import Endpoint
from ocpp_gateway.web.figures import ChargerFigures, ConnectorFigures, GatewayFigures
from ocpp_gateway.web.gateway_view import GatewayView

PREFIX = "ocpp_gateway_"

Sample = tuple[Sequence[str], float | None]
"""The values of the labels beside those of the metric's kind, and the value; None is unknown, and not told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. `read` gives its samples; a name that ends in `_total` is a counter, every other one a gauge."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[GatewayFigures], Iterable[Sample]]

    def family(self, figures: GatewayFigures) -> Metric:
        """The metric with its samples."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(PREFIX + self.name, self.help, labels=self.labels)
        for labels, value in self.read(figures):
            if value is not None:
                family.add_metric(labels, value)
        return family


def _of_gateway(
    name: str, help_: str, read: Callable[[GatewayFigures], float | None], labels: tuple[str, ...] = ()
) -> Row:
    return Row(name, help_, labels, lambda figures: [((), read(figures))])


def _of_charger(name: str, help_: str, read: Callable[[ChargerFigures], float | None]) -> Row:
    return _of_charger_by((), name, help_, lambda charger: [((), read(charger))])


def _of_charger_by(
    labels: tuple[str, ...], name: str, help_: str, read: Callable[[ChargerFigures], Iterable[Sample]]
) -> Row:
    def samples(figures: GatewayFigures) -> Iterator[Sample]:
        for charger in figures.chargers:
            for values, value in read(charger):
                yield (charger.charge_point, *values), value

    return Row(name, help_, ("charge_point", *labels), samples)


def _of_connector(
    name: str,
    help_: str,
    read: Callable[[ConnectorFigures], float | None],
    label: tuple[str, Callable[[ConnectorFigures], str]] | None = None,
) -> Row:
    def samples(charger: ChargerFigures) -> Iterator[Sample]:
        for connector in charger.connectors:
            more = () if label is None else (label[1](connector),)
            yield (str(connector.connector_id), *more), read(connector)

    return _of_charger_by(("connector", *(() if label is None else (label[0],))), name, help_, samples)


ROWS: tuple[Row, ...] = (
    # ------------------------------------------------------------ the gateway
    Row(
        "build_info",
        "Always 1; its label is the version that runs.",
        ("version",),
        lambda gateway: [((gateway.version,), 1)],
    ),
    _of_gateway("uptime_seconds", "Since the process began.", lambda gateway: gateway.uptime_s),
    _of_gateway("tasks", "Tasks of the event loop; whoever asks or watches takes some.", lambda gateway: gateway.tasks),
    _of_gateway("healthy", "1 while /healthz says ok.", lambda gateway: gateway.healthy),
    _of_gateway("read_only", "1 when nothing is ever written to a charger.", lambda gateway: gateway.read_only),
    _of_gateway("store_failing", "1 while the store cannot be written.", lambda gateway: gateway.store_failing),
    _of_gateway(
        "store_short_of_room",
        "1 while the disk is so full that meter values are thinned for starts and stops.",
        lambda gateway: gateway.store_short_of_room,
    ),
    _of_gateway(
        "clock_synchronised",
        "1 while the kernel says that something (NTP) keeps the system clock right.",
        lambda gateway: gateway.clock_synchronised,
    ),
    _of_gateway(
        "clock_offset_seconds",
        "How far the central system's clock was ahead of ours when it last told its time.",
        lambda gateway: gateway.clock_offset_s,
    ),
    # ------------------------------------------------------------ a charger
    _of_charger("charger_answers", "1 while the Modbus link to the charger is up.", lambda it: it.answers),
    _of_charger(
        "charger_last_poll_age_seconds", "Since all fast registers were last read.", lambda it: it.last_poll_age_s
    ),
    _of_charger("charger_missed_polls_total", "Polls that the charger left incomplete.", lambda it: it.missed_rounds),
    _of_charger("charger_lost_links_total", "Modbus links that broke.", lambda it: it.lost_links),
    _of_charger("charger_refused_writes_total", "Limits that the charger did not take.", lambda it: it.refused_writes),
    _of_charger(
        "charger_implausible_values_total",
        "Register values that cannot be true, counted when they change.",
        lambda it: it.implausible_values,
    ),
    _of_charger(
        "charger_restarts_total", "Times that the charger's tasks failed and began again.", lambda it: it.restarts
    ),
    _of_charger("charger_power_watts", "What the charger draws as a whole.", lambda it: it.power_w),
    _of_charger("charger_limit_watts", "The limit commanded to the charger as a whole.", lambda it: it.limit_w),
    _of_charger_by(
        ("source",),
        "charger_limited_by",
        "Always 1; its label is the source that sets the charger's limit.",
        lambda it: [((it.limited_by,), 1)],
    ),
    # ------------------------------------------------------------ its central system
    _of_charger("central_system_connected", "1 while there is a websocket.", lambda it: it.connected),
    _of_charger(
        "central_system_accepted", "1 while the central system accepts the charge point.", lambda it: it.accepted
    ),
    _of_charger("central_system_connections_total", "Websockets made.", lambda it: it.connections),
    _of_charger_by(
        ("certificate",),
        "certificate_expiry_timestamp_seconds",
        "Until when a certificate is valid, as Unix time: the central system's own, or our client certificate.",
        lambda it: [((whose,), ends_s) for whose, ends_s in it.certificate_ends_s.items()],
    ),
    _of_charger_by(
        ("direction", "action", "result"),
        "messages_total",
        "OCPP questions that we sent or received, by how they ended: answered, refused (CALLERROR), timeout, lost.",
        lambda it: it.calls.items(),
    ),
    _of_charger(
        "queue_messages",
        "Transaction messages that wait for the central system.",
        lambda it: None if it.queue is None else it.queue.waiting,
    ),
    _of_charger(
        "queue_oldest_age_seconds",
        "Age of the oldest message that waits; 0 when none does, absent when no clock tells.",
        lambda it: None if it.queue is None else 0 if it.queue.waiting == 0 else it.queue.oldest_age_s,
    ),
    _of_charger(
        "dead_letters",
        "Messages that were given up and wait for an operator.",
        lambda it: None if it.queue is None else it.queue.dead_letters,
    ),
    _of_charger(
        "queue_thinned_total",
        "Meter values that were taken out of a full queue, undelivered.",
        lambda it: None if it.queue is None else it.queue.thinned,
    ),
    # ------------------------------------------------------------ transactions
    _of_charger(
        "transactions_running",
        "Transactions that run.",
        lambda it: sum(connector.in_transaction for connector in it.connectors),
    ),
    _of_charger("transactions_started_total", "Transactions that began.", lambda it: it.transactions_started),
    _of_charger_by(
        ("reason",),
        "transactions_ended_total",
        "Transactions that ended, by OCPP's reason.",
        lambda it: [((reason,), ended) for reason, ended in it.transactions_ended.items()],
    ),
    # ------------------------------------------------------------ a connector
    _of_connector(
        "connector_status",
        "Always 1; its label is the connector's OCPP status.",
        lambda it: 1,
        ("status", lambda it: it.status),
    ),
    _of_connector("connector_power_watts", "What the connector draws.", lambda it: it.power_w),
    _of_connector("connector_limit_watts", "The limit commanded to the connector.", lambda it: it.limit_w),
    _of_connector(
        "connector_limited_by",
        "Always 1; its label is the source that sets the connector's limit.",
        lambda it: 1,
        ("source", lambda it: it.limited_by),
    ),
    _of_connector(
        "connector_safe_state",
        "1 while the connector is held at 0 W because the charger did not take a limit.",
        lambda it: it.in_safe_state,
    ),
    _of_connector("connector_energy_watt_hours_total", "The connector's meter.", lambda it: it.energy_wh),
)

POLL_SECONDS = "charger_poll_seconds"
POLL_SECONDS_HELP = "How long the charger took to answer a poll of its fast registers."


def poll_seconds(figures: GatewayFigures) -> Metric:
    """The one histogram."""
    family = HistogramMetricFamily(PREFIX + POLL_SECONDS, POLL_SECONDS_HELP, labels=("charge_point",))
    for charger in figures.chargers:
        buckets = [("+Inf" if isinf(bound_s) else str(bound_s), count) for bound_s, count in charger.round_times]
        family.add_metric((charger.charge_point,), buckets, charger.round_times_sum_s)
    return family


class Scrape(Collector):
    """The metrics of one moment."""

    def __init__(self, figures: GatewayFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        yield from (row.family(self._figures) for row in ROWS)
        yield poll_seconds(self._figures)


def exposition(figures: GatewayFigures, accept: str) -> tuple[bytes, str]:
    """What Prometheus reads, and its content type, as `accept` (the header) asks for it."""
    registry = CollectorRegistry()
    registry.register(Scrape(figures))
    ProcessCollector(namespace=PREFIX.removesuffix("_"), registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


async def _metrics(request: Request, gateway: GatewayView) -> Response:
    figures = await gateway.figures()
    body, content_type = await asyncio.to_thread(exposition, figures, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/metrics",
        _metrics,
        "Everything that is measured, for Prometheus",
        answers={200: None},
        media_type="text/plain",
    ),
)


def table() -> str:
    """The metrics as a table of Markdown."""
    rows = [(row.name, "counter" if row.name.endswith("_total") else "gauge", row.labels, row.help) for row in ROWS]
    rows.append((POLL_SECONDS, "histogram", ("charge_point",), POLL_SECONDS_HELP))
    lines = ["| `ocpp_gateway_…` | type | labels | what it tells |", "|---|---|---|---|"]
    for name, kind, labels, help_ in rows:
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {help_} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
