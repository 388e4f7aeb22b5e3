"""`python -m ocpp_gateway`: the same as `ocpp-gateway`."""

from __future__ import annotations

from ocpp_gateway.cli.app import main

main()
