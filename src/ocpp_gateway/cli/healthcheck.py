"""`ocpp-gateway healthcheck`: asks a running gateway how it is. Made for containers: no curl, exit code 0 or 1."""

from __future__ import annotations

import sys

import typer

from ocpp_gateway.cli.options import ConfigOption

TIMEOUT_S = 3.0


def healthcheck(config: ConfigOption = None) -> None:
    """Ask the running gateway for /healthz; exit code 0 when it is well, else 1."""
    import os

    from ocpp_gateway.errors import ConfigurationError
    from ocpp_gateway.settings import load_settings

    try:
        web = load_settings(config, os.environ).web
    except ConfigurationError as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(1) from exc  # Docker reserves 2
    if not web.enabled:
        print("web.enabled is false, so nobody can be asked", file=sys.stderr)
        raise typer.Exit(1)
    healthy, answer = ask(web.host, web.port)
    print(answer, file=sys.stdout if healthy else sys.stderr)
    raise typer.Exit(0 if healthy else 1)


def ask(host: str, port: int) -> tuple[bool, str]:
    """Whether the gateway there is well, and its answer or what kept it from answering."""
    import http.client

    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        return response.status == 200, response.read(1000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        return False, f"no answer from {host}:{port}: {(reason or type(exc).__name__).lower()}; is the gateway running?"
    finally:
        connection.close()
