"""`ocpp-gateway`: the list of commands, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from ocpp_gateway.cli import (
    backend,
    backup,
    central,
    check,
    commission,
    config,
    demo,
    healthcheck,
    limit,
    mapping,
    probe,
    run,
    simulate,
    support_bundle,
    transactions,
    why,
)
from ocpp_gateway.errors import ConfigurationError, GatewayError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

EXIT_CODES = {
    DONE: "done",
    FAILED: "failed",
    WRONG_USE: "wrong use or wrong configuration",
    INTERRUPTED: "interrupted",
}

app = typer.Typer(
    name="ocpp-gateway",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and a password is one
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("commission")(commission.commission)
app.add_typer(config.app, name="config")
app.command("probe")(probe.probe)
app.add_typer(mapping.app, name="mapping")
app.command("simulate")(simulate.simulate)
app.command("central")(central.central)
app.add_typer(backend.app, name="backend")
app.add_typer(transactions.app, name="transactions")
app.command("why")(why.why)
app.add_typer(limit.app, name="limit")
app.command("support-bundle")(support_bundle.support_bundle)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("healthcheck")(healthcheck.healthcheck)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ocpp-gateway {version('ocpp-gateway')}")
        raise typer.Exit


@app.callback()
def _all_commands(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """EV chargers that speak Modbus TCP, shown to an OCPP 1.6J central system as charge points."""


def main(args: list[str] | None = None) -> None:
    """Runs a command and ends the process with its exit code; what an operator can mend is told without a traceback."""
    try:
        app(args=args, prog_name="ocpp-gateway")
    except GatewayError as exc:
        sys.exit(_told(exc))
    except BaseExceptionGroup as group:
        if not all(isinstance(exc, GatewayError) for exc in _leaves(group)):
            raise
        sys.exit(max(_told(exc) for exc in _leaves(group)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _told(exc: BaseException) -> int:
    """The exit code for an expected error, which is printed."""
    print(exc, file=sys.stderr)
    return WRONG_USE if isinstance(exc, ConfigurationError) else FAILED


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _leaves(exc)
        else:
            yield exc
