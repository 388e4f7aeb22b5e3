"""`ocpp-gateway mapping`: which chargers are known, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The families of chargers this gateway knows.")


@app.command("list")
def list_mappings() -> None:
    """List the mappings that come with the gateway."""
    from ocpp_gateway import mapping_files

    for name in mapping_files.available():
        mapping = mapping_files.load(name)
        typer.echo(f"{name}\t{mapping.vendor}: {', '.join(mapping.models)}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A name from `mapping list`, or a path.")]) -> None:
    """Print every register of a mapping, and the plan by which they are read."""
    from ocpp_gateway import mapping_files
    from ocpp_gateway.registers.describe import describe

    typer.echo(describe(mapping_files.load(name)))


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A mapping file.", metavar="FILE")]) -> None:
    """Check a mapping file, and the examples beside it: every mistake at once, with line and column."""
    from ocpp_gateway import mapping_files

    mapping = mapping_files.load(str(file.absolute()))
    examples = mapping_files.check_examples(file, mapping)
    told = "no examples beside it" if examples is None else f"{examples} examples decode to their values"
    typer.echo(f"{file}: no mistakes; {mapping.name}, {len(mapping.all_fields)} fields, {told}")
