"""`ocpp-gateway backend check URL`: what a central system does, before a charger depends on it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocpp_gateway.cli.options import JsonOption

if TYPE_CHECKING:
    from ocpp_gateway.ocpp16.trial import Findings

PASSWORD_VARIABLE = "OCPP_GATEWAY_BACKEND_PASSWORD"  # noqa: S105 - where the password is, not the password
CLOCK_OFF_S = 5.0

app = typer.Typer(no_args_is_help=True, help="Central systems, looked at before going live.")


@app.callback()
def _group() -> None:
    """Central systems, looked at before going live."""


@app.command("check")
def check(  # noqa: PLR0917 - the command line's order is theirs
    url: Annotated[str, typer.Argument(help="ws:// or wss://; the identity is appended, or put for {identity}.")],
    identity: Annotated[
        str, typer.Option(help="A charge point that the central system knows, and no charger uses.")
    ] = "OCPP-GATEWAY-PROBE",
    password_file: Annotated[
        Path | None, typer.Option(help=f"File with its password; or the variable {PASSWORD_VARIABLE}.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="PEM roots to trust; the system's when absent.")] = None,
    listen_s: Annotated[float, typer.Option("--for", min=0, max=600, help="Listen so long after it, in s.")] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Boot as a probe, without a transaction: subprotocol, authentication, clock, interval, first commands."""
    from ocpp_gateway.gateway import endpoint
    from ocpp_gateway.ocpp16.connection import connect
    from ocpp_gateway.ocpp16.trial import visit

    where = endpoint(identity, _central_system(url, password_file, ca_file))
    to_there = partial(connect, where, ping_interval_s=lambda: 30.0)
    findings = asyncio.run(visit(to_there, listen_s=listen_s))  # no connection: one line, exit code 1
    if as_json:
        typer.echo(json.dumps({"url": where.shown, "subprotocol": "ocpp1.6"} | asdict(findings), indent=2))
    else:
        for line in _story(where.shown, findings):
            typer.echo(line)
    raise typer.Exit(0 if findings.registration == "Accepted" and findings.problem is None else 1)


def _central_system(url: str, password_file: Path | None, ca_file: Path | None) -> Any:
    """The settings of a central system, checked as those of gateway.yaml are."""
    from pydantic import ValidationError

    from ocpp_gateway.settings import CentralSystem

    given: dict[str, Any] = {"url": url, "password_file": password_file, "ca_file": ca_file, "security_profile": 0}
    if password_file is None and (password := os.environ.get(PASSWORD_VARIABLE)):
        given["password"] = password
    try:
        return CentralSystem.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as exc:
        said = exc.errors(include_url=False, include_input=False)[0]["msg"]
        raise typer.BadParameter(said.removeprefix("Value error, "), param_hint="URL") from exc


def _story(url: str, found: Findings) -> Iterator[str]:
    yield f"{url}: connected in {found.handshake_s:g} s, subprotocol ocpp1.6"
    if found.certificate_ends_at is not None:
        yield f"certificate: verified, valid until {found.certificate_ends_at}"
    if found.registration is not None:
        yield f"boot: {found.registration}, answered in {found.boot_answer_s:g} s"
    if found.interval_s is not None:
        yield f"interval: {found.interval_s} s" + (" (0 leaves it to us)" if found.interval_s == 0 else "")
    if found.clock_offset_s is not None:
        off = abs(found.clock_offset_s) > CLOCK_OFF_S
        yield f"clock: {found.clock_offset_s:+g} s against this machine's" + (": one of them is wrong" if off else "")
    if not found.asked:
        yield "asked for: nothing"
    for asked in found.asked:
        yield f"asked for, after {asked.after_s:g} s: {asked.action} {json.dumps(asked.payload)}"
    if found.registration in ("Pending", "Rejected"):
        yield f"{found.registration}: create or enable this identity there, then try again"
    if found.problem is not None:
        yield f"problem: {found.problem}"
