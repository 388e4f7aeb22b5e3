"""`ocpp-gateway transactions`: the ledger of a running or stopped gateway, and dead letters sent again.

Looking reads the store itself, beside the gateway or after it. Sending again is asked of the running gateway, by its
web.host and web.port; of a stopped one the store is changed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ocpp_gateway.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ocpp_gateway.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What every transaction rests on; and messages that were given up.")

NameArgument = Annotated[
    str,
    typer.Argument(
        help="The transaction's local id, the beginning of it, or the central system's transactionId.", metavar="ID"
    ),
]
ChargePointOption = Annotated[
    str | None, typer.Option("--charger", help="Only this charge point.", metavar="IDENTITY", show_default=False)
]

PAGE = 500


@app.command("list")
def list_transactions(
    config: ConfigOption = None,
    charge_point: ChargePointOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    dead: Annotated[bool, typer.Option("--dead", help="Messages that were given up, instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the transactions that began last, newest first."""
    from ocpp_gateway.store import ledger

    url = _settings(config).store.url
    if dead:
        letters = _read(url, lambda it: ledger.dead_letters(it, charge_point, limit=limit))
        _print(letters, LETTERS, as_json=as_json)
    else:
        _print(_read(url, lambda it: ledger.transactions(it, charge_point, limit=limit)), COLUMNS, as_json=as_json)


@app.command()
def show(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that one transaction rests on: frames, retries, answers and register values."""
    told = _the_one(_settings(config).store.url, name)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        for line in _story(told):
            typer.echo(line)


@app.command()
def resend(
    name: Annotated[str, typer.Argument(help="A transaction as for `show`; with --message a number.", metavar="ID")],
    config: ConfigOption = None,
    message: Annotated[
        bool, typer.Option("--message", help="ID is the number of one dead letter, as `list --dead` shows it.")
    ] = False,
) -> None:
    """Send again what was given up. After a dead StartTransaction the rest of its transaction goes again, too."""
    from ocpp_gateway.cli.running import ask

    settings = _settings(config)
    if message:
        if not (name.isascii() and name.isdigit()):
            raise typer.BadParameter("with --message it is a number", param_hint="ID")
        where = f"/api/v1/dead-letters/{name}/resend"
        target: str | int = int(name)
    else:
        target = _the_one(settings.store.url, name)["local_id"]
        where = f"/api/v1/transactions/{target}/resend"
    queued: list[dict[str, Any]] | None = ask(settings, "POST", where, {})
    if queued is None:
        queued = _resent(settings.store.url, target)
    for row in queued:
        typer.echo(f"{row['charge_point']}: {row['action']} (message {row['seq']}) is in the queue again")
    if not queued:
        typer.echo("it has no dead letters", err=True)
        raise typer.Exit(1)


@app.command()
def export(
    config: ConfigOption = None,
    charge_point: ChargePointOption = None,
    output: Annotated[Literal["csv", "json"], typer.Option("--format", help="What is written.")] = "csv",
) -> None:
    """Write every transaction to standard output: CSV with a line each, or JSON with all that each rests on."""
    url = _settings(config).store.url
    if output == "csv":
        _write_csv(_all(url, charge_point))
        return
    from ocpp_gateway.store import ledger

    typer.echo("[", nl=False)
    separator = "\n"
    for head in _all(url, charge_point):
        local_id = head["local_id"]
        told = _read(url, lambda it, local_id=local_id: ledger.transaction(it, local_id))
        if told is None:  # it left the ledger meanwhile
            continue
        typer.echo(separator + json.dumps(told), nl=False)
        separator = ",\n"
    typer.echo("\n]")


# ---------------------------------------------------------------- asking


def _settings(config: Any) -> Settings:
    from ocpp_gateway.settings import load_settings

    return load_settings(config, os.environ)


def _read(url: str, question: Any) -> Any:
    from ocpp_gateway.store.reader import read_store

    return read_store(url, question)


def _the_one(url: str, name: str) -> dict[str, Any]:
    from ocpp_gateway.store import ledger

    found: list[dict[str, Any]] = _read(url, lambda it: ledger.named(it, name))
    if len(found) == 1:
        return found[0]
    which = ", ".join(one["local_id"] for one in found)
    typer.echo(f"{name} may be any of {which}" if found else f"no transaction is called {name}", err=True)
    raise typer.Exit(1)


def _all(url: str, charge_point: str | None) -> Iterator[dict[str, Any]]:
    from ocpp_gateway.store import ledger

    before: int | None = None
    while page := _read(
        url, lambda it, before=before: ledger.transactions(it, charge_point, before=before, limit=PAGE)
    ):
        yield from page
        before = page[-1]["number"]


def _resent(url: str, target: str | int) -> list[dict[str, Any]]:
    import asyncio

    from ocpp_gateway.store import LedgerDesk, Store

    async def work() -> list[dict[str, Any]]:
        store = await Store.open(url)
        try:
            desk = LedgerDesk(store)
            return await (desk.resend_message(target) if isinstance(target, int) else desk.resend_transaction(target))
        finally:
            await store.close()

    return asyncio.run(work())


# ---------------------------------------------------------------- showing

COLUMNS = {
    "charge_point": "CHARGE POINT",
    "connector_id": "C",
    "local_id": "ID",
    "transaction_ids": "TRANSACTION",
    "id_tag": "ID TAG",
    "started_at": "STARTED",
    "stopped_at": "STOPPED",
    "stop_reason": "REASON",
    "energy_wh": "WH",
    "queued_messages": "QUEUED",
    "dead_letters": "DEAD",
}
LETTERS = {
    "charge_point": "CHARGE POINT",
    "seq": "MESSAGE",
    "action": "ACTION",
    "local_id": "ID",
    "created_at": "MADE",
    "given_up_at": "GIVEN UP",
    "last_error": "WHY",
}


def _print(rows: list[dict[str, Any]], columns: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [tuple(columns.values()), *(tuple(_cell(row[name]) for name in columns) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    """A value on one line, printable whatever a peer put into it."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ",".join(str(one) for one in value.values()) or "-"
    return "".join(character if character.isprintable() else "?" for character in str(value))


def _story(told: dict[str, Any]) -> Iterator[str]:
    for name in COLUMNS:
        yield f"{name}: {_cell(told[name])}"
    yield f"meter: {_cell(told['meter_start_wh'])} to {_cell(told['meter_stop_wh'])} Wh"
    yield ""
    yield "readings"
    for reading in told["readings"]:
        values = " ".join(f"{name}={_cell(value)}" for name, value in reading.items() if name not in _NAMED_BEFORE)
        yield f"  {reading['read_at']} {reading['kind']}: {values}"
    yield ""
    yield "messages"
    for message in told["messages"]:
        yield f"  {message['seq']} {message['action']} {message['state']}: {json.dumps(message['payload'])}"
        for sent in message["transmissions"]:
            yield f"    {_transmission(sent)}"


_NAMED_BEFORE = {"read_at", "kind"}


def _transmission(sent: dict[str, Any]) -> str:
    named = "" if sent["transaction_id"] is None else f" transactionId {_cell(sent['transaction_id'])}"
    ended = json.dumps(sent["answer"]) if sent["answer"] is not None else _cell(sent["problem"])
    return f"{_cell(sent['sent_at'])} {_cell(sent['message_id'])}{named}: {_cell(sent['outcome'])} {ended}"


def _write_csv(rows: Iterator[dict[str, Any]]) -> None:
    import csv

    writer = csv.writer(sys.stdout)
    names = [*COLUMNS, "meter_start_wh", "meter_stop_wh"]
    writer.writerow(names)
    for row in rows:
        writer.writerow([_csv_cell(row[name]) for name in names])


def _csv_cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula (faults.md W-06)."""
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    text = _cell(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
