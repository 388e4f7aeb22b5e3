"""What the central system has not got yet, what was given up, and what each transaction rests on."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.endpoint import query_integer
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.charger import tab
from ocpp_gateway.web.pages.download import csv_file
from ocpp_gateway.web.problem import Problem

SHOWN, EXPORTED, HIGHEST = 50, 500, 2**63 - 1
COLUMNS = (
    *("number", "charge_point", "local_id", "transaction_id", "connector_id", "id_tag", "started_at", "stopped_at"),
    *("stop_reason", "meter_start_wh", "meter_stop_wh", "energy_wh", "queued_messages", "dead_letters"),
)


async def queue(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/queue`."""
    identity = request.path_params["identity"]
    return await tab(
        request,
        gateway,
        "queue",
        queued=await gateway.ledger.queued(identity, 0, SHOWN),
        dead_letters=await gateway.ledger.dead_letters(identity, 0, SHOWN),
        shown=SHOWN,
    )


async def transactions(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/transactions`, newest first."""
    before = query_integer(request, "before", HIGHEST, least=1, most=HIGHEST)
    found = await gateway.ledger.transactions(request.path_params["identity"], before, SHOWN)
    return await tab(request, gateway, "transactions", transactions=found, more=len(found) == SHOWN)


async def transactions_csv(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/transactions.csv`: all of them, newest first."""
    identity, before = request.path_params["identity"], HIGHEST
    rows: list[dict[str, Any]] = []
    while page := await gateway.ledger.transactions(identity, before, EXPORTED):
        rows += ({**row, "transaction_id": ", ".join(row["transaction_ids"].values())} for row in page)
        before = page[-1]["number"]
    return csv_file(f"{identity}-transactions.csv", COLUMNS, rows)


async def transaction(request: Request, gateway: GatewayView) -> Response:
    """`/chargers/{identity}/transactions/{local_id}`: its messages, their frames, and the registers behind them."""
    found = await gateway.ledger.transaction(request.path_params["local_id"])
    if len(found) != 1 or found[0]["charge_point"] != request.path_params["identity"]:
        raise Problem(404, "this charger has no such transaction")
    return await tab(request, gateway, "transactions", template="transaction.html", transaction=found[0])
