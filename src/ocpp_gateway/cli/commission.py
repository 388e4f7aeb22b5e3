"""`ocpp-gateway commission IDENTITY`: walks an installer through the site test, and writes down what was shown."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocpp_gateway.cli.options import ConfigOption

if TYPE_CHECKING:
    from ocpp_gateway.cli.site_test import Seen
    from ocpp_gateway.settings import Charger


def commission(  # noqa: PLR0917 - the command line's order is theirs
    identity: Annotated[str, typer.Argument(help="The charge point's identity.", metavar="IDENTITY")],
    config: ConfigOption = None,
    connector_id: Annotated[int, typer.Option("--connector", min=1, help="The connector to test.")] = 1,
    skip: Annotated[list[str] | None, typer.Option("--skip", help="A step to leave out; may stand again.")] = None,
    wait_s: Annotated[float, typer.Option("--wait", min=1, help="The longest wait for one step, in s.")] = 180.0,
    report: Annotated[Path, typer.Option("--report", help="Directory for the report.")] = Path(),
) -> None:
    """Walk through the site test with a running gateway, and write a report: JSON, and a page to print."""
    from ocpp_gateway.cli.running import ask
    from ocpp_gateway.cli.site_test import STEPS, SiteTest
    from ocpp_gateway.settings import load_settings

    settings = load_settings(config, os.environ)
    charger = next((charger for charger in settings.chargers if charger.identity == identity), None)
    if charger is None:
        typer.echo(f"no charger of this file is called {identity}", err=True)
        raise typer.Exit(1)
    left_out = frozenset(skip or ())
    if unknown := sorted(left_out - STEPS.keys()):
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(STEPS)}", param_hint="--skip")

    def asked(method: str, path: str, body: Any = None) -> Any:
        told = ask(settings, method, path, body)
        if told is None:
            typer.echo("the gateway does not run, or not with this file", err=True)
            raise typer.Exit(1)
        return told

    asked("GET", "/api/v1/chargers")
    _make_room(report)
    test = SiteTest(asked, identity, connector_id, wait_s=wait_s, say=typer.echo)
    after_s = None if charger.fallback is None else charger.fallback.after_s
    steps: list[Seen] = []
    interrupted = False
    try:
        for seen in test.run(left_out, after_s):
            steps.append(seen)
            typer.echo(f"  {seen.outcome}" + ("" if seen.took_s is None else f" after {seen.took_s:g} s"))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        test.take_limit_back()
    told = _told(asked, charger, connector_id, steps, interrupted=interrupted)
    file = _write(told, report)
    typer.echo(f"\nreport: {file} and {file.with_suffix('.html')}")
    if interrupted:
        raise typer.Exit(130)
    raise typer.Exit(0 if all(seen.outcome != "not shown" for seen in steps) else 1)


def _make_room(directory: Path) -> None:
    """The report's directory, before anybody walks: a report that cannot be kept is a walk for nothing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory):
            pass
    except OSError as exc:
        typer.echo(f"cannot write to {directory}: {exc.strerror}", err=True)
        raise typer.Exit(1) from None


def _told(asked: Any, charger: Charger, connector_id: int, steps: list[Seen], *, interrupted: bool) -> dict[str, Any]:
    """The report as data."""
    from importlib.metadata import version
    from urllib.parse import quote

    shown = asked("GET", f"/api/v1/chargers/{quote(charger.identity, safe='')}")
    return {
        "identity": charger.identity,
        "connector_id": connector_id,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "gateway_version": version("ocpp-gateway"),
        "charger": shown["charger"],
        "authorization_mode": shown["authorization_mode"],
        "limits": {
            "max_power_w": charger.max_power_w,
            "connector_max_power_w": charger.connector_max_power_w,
            "fallback": None if charger.fallback is None else charger.fallback.model_dump(),
        },
        "interrupted": interrupted,
        "steps": [asdict(seen) for seen in steps],
    }


def _write(told: dict[str, Any], directory: Path) -> Path:
    """Writes both forms; gives the JSON's path."""
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in told["identity"])
    file = directory / f"commissioning-{name}-{told['made_at'].replace(':', '')}.json"
    file.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    file.with_suffix(".html").write_text(_page(told), "utf-8")
    return file


def _page(told: dict[str, Any]) -> str:
    """The same to print and sign: one file, nothing loaded from elsewhere."""
    charger = told["charger"] or {}
    head = {
        "Charge point": told["identity"],
        "Connector": told["connector_id"],
        "Made at": told["made_at"],
        "Gateway": told["gateway_version"],
        **{name.replace("_", " ").capitalize(): value for name, value in charger.items()},
        "Authorisation": told["authorization_mode"],
        "Installation, W": told["limits"]["max_power_w"],
        "Connector, W": told["limits"]["connector_max_power_w"],
        "Fallback": told["limits"]["fallback"],
    }
    rows = "".join(
        f"<tr><td>{escape(step['title'])}<td class='{step['outcome'].replace(' ', '-')}'>{step['outcome']}"
        f"<td>{'' if step['took_s'] is None else step['took_s']}<td>{_evidence(step['evidence'])}"
        for step in told["steps"]
    )
    facts = "".join(f"<tr><th>{escape(name)}<td>{escape(_text(value))}" for name, value in head.items())
    ended = "<p>The test was interrupted.</p>" if told["interrupted"] else ""
    return PAGE.format(identity=escape(told["identity"]), facts=facts, rows=rows, ended=ended)


def _evidence(evidence: dict[str, Any]) -> str:
    return "<br>".join(f"{escape(name)}: {escape(_text(value))}" for name, value in evidence.items())


def _text(value: Any) -> str:
    return "not read" if value is None else value if isinstance(value, str) else json.dumps(value)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Site test of {identity}</title>
<style>
body {{ font: 11pt sans-serif; margin: 2cm; }} table {{ border-collapse: collapse; margin: 1em 0; width: 100%; }}
th, td {{ border: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top; }}
.shown {{ color: #0b6e4f; font-weight: bold; }} .not-shown {{ color: #b3261e; font-weight: bold; }}
</style></head><body>
<h1>Site test of {identity}</h1>
<table>{facts}</table>
<table><tr><th>Step<th>Outcome<th>s<th>What was read{rows}</table>
{ended}<p>Shown means: read from the charger's registers in this test. What is not told as shown was not shown.</p>
<p>Date, name, signature: ______________________________</p>
</body></html>
"""
