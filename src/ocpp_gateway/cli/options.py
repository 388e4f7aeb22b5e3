"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file. Without it: ./gateway.yaml, then /etc/ocpp-gateway/gateway.yaml.",
        show_default=False,
        metavar="FILE",
    ),
]
MappingOption = Annotated[
    str, typer.Option("--mapping", "-m", help="A name from `mapping list`, or a path.", metavar="MAPPING")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
