"""`ocpp-gateway config`: a sample to begin with, and what an editor needs to help."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="A sample configuration, and its schema.")


@app.command()
def example() -> None:
    """Print a commented configuration: `ocpp-gateway config example > gateway.yaml`."""
    from importlib.resources import files

    typer.echo(files("ocpp_gateway.cli").joinpath("example.yaml").read_text("utf-8"), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    import json

    from ocpp_gateway.settings import Settings

    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema()))
