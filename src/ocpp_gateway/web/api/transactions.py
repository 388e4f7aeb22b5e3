"""The ledger as JSON: what each transaction rests on, what was given up, and the order to send that again."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocpp_gateway.errors import NoDeadLetter
from ocpp_gateway.web import answers
from ocpp_gateway.web.access import Role
from ocpp_gateway.web.answers import Many
from ocpp_gateway.web.api.actions import Nothing
from ocpp_gateway.web.endpoint import Endpoint, Parameter, audit, paged, query_integer, query_text, read_json
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.pages.download import csv_file
from ocpp_gateway.web.pages.ledger import COLUMNS
from ocpp_gateway.web.problem import Problem

PAGE, MOST = 50, 500
_HIGHEST = 2**63 - 1


async def _transactions(request: Request, gateway: GatewayView) -> Response:
    before = query_integer(request, "before", _HIGHEST, least=1, most=_HIGHEST)
    limit = _limit(request)
    rows = await gateway.ledger.transactions(query_text(request, "charger"), before, limit)
    return paged(request, rows, limit, "before", "number")


async def _transactions_csv(request: Request, gateway: GatewayView) -> Response:
    charger, before = query_text(request, "charger"), _HIGHEST
    rows: list[dict[str, Any]] = []
    while page := await gateway.ledger.transactions(charger, before, MOST):
        rows += ({**row, "transaction_id": ", ".join(row["transaction_ids"].values())} for row in page)
        before = page[-1]["number"]
    return csv_file("transactions.csv", COLUMNS, rows)


async def _transaction(request: Request, gateway: GatewayView) -> Response:
    return JSONResponse(await _the_one(request, gateway))


async def _dead_letters(request: Request, gateway: GatewayView) -> Response:
    after = query_integer(request, "after", 0, least=0, most=_HIGHEST)
    limit = _limit(request)
    rows = await gateway.ledger.dead_letters(query_text(request, "charger"), after, limit)
    return paged(request, rows, limit, "after", "seq")


async def _resend_transaction(request: Request, gateway: GatewayView) -> Response:
    await read_json(request, Nothing)
    found = await _the_one(request, gateway)
    return await _queued(request, gateway, await gateway.ledger.resend_transaction(found["local_id"]))


async def _resend_message(request: Request, gateway: GatewayView) -> Response:
    await read_json(request, Nothing)
    seq = request.path_params["seq"]
    if seq > _HIGHEST:
        raise Problem(404, f"there is no dead letter {seq}")
    try:
        queued = await gateway.ledger.resend_message(seq)
    except NoDeadLetter as exc:
        raise Problem(404, str(exc)) from exc
    return await _queued(request, gateway, queued)


async def _queued(request: Request, gateway: GatewayView, queued: list[dict[str, Any]]) -> Response:
    for row in queued:
        detail = f"{row['charge_point']}: {row['action']}, message {row['seq']}"
        await audit(request, gateway, "message_resent", detail)
    return JSONResponse(queued)


async def _the_one(request: Request, gateway: GatewayView) -> dict[str, Any]:
    found = await gateway.ledger.transaction(request.path_params["name"])
    if not found:
        raise Problem(404, "no transaction is called so")
    if len(found) > 1:
        raise Problem(409, f"that may be any of {', '.join(one['local_id'] for one in found)}")
    return found[0]


def _limit(request: Request) -> int:
    return query_integer(request, "limit", PAGE, least=1, most=MOST)


_OF_ONE = Parameter("charger", "only of this charge point")
_MOST = Parameter("limit", "rows of a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE})
_RESENT = {200: Many(answers.Resent)}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/transactions",
        _transactions,
        "Transactions, newest first",
        tag="transactions",
        query=(_OF_ONE, _MOST, Parameter("before", "`number` of the last one of the page before", {"type": "integer"})),
        answers={200: Many(answers.Transaction)},
    ),
    Endpoint(
        "GET",
        "/api/v1/transactions.csv",
        _transactions_csv,
        "All of them as a table; no cell acts as a formula",
        tag="transactions",
        query=(_OF_ONE,),
        answers={200: {"type": "string"}},
        media_type="text/csv",
    ),
    Endpoint(
        "POST",
        "/api/v1/transactions/{name}/resend",
        _resend_transaction,
        "Send again what was given up of a transaction",
        needs=Role.OPERATOR,
        tag="transactions",
        body=Nothing,
        answers=_RESENT | {404: "problem", 409: "problem"},
    ),
    Endpoint(
        "GET",
        "/api/v1/transactions/{name}",
        _transaction,
        "All that a transaction rests on, by its local_id, the beginning of it, or its transactionId",
        tag="transactions",
        answers={200: answers.TransactionLedger, 404: "problem", 409: "problem"},
    ),
    Endpoint(
        "GET",
        "/api/v1/dead-letters",
        _dead_letters,
        "Messages that were given up, oldest first",
        tag="transactions",
        query=(_OF_ONE, _MOST, Parameter("after", "`seq` of the last one of the page before", {"type": "integer"})),
        answers={200: Many(answers.QueuedMessage)},
    ),
    Endpoint(
        "POST",
        "/api/v1/dead-letters/{seq:int}/resend",
        _resend_message,
        "Send one message again that was given up",
        needs=Role.OPERATOR,
        tag="transactions",
        body=Nothing,
        answers=_RESENT | {404: "problem"},
    ),
)
