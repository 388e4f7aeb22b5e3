from __future__ import annotations

from pathlib import Path

from ocpp_gateway.cli.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference.md"


def test_the_page_is_in_step_with_the_code() -> None:
    assert PAGE.read_text("utf-8") == reference(), "python -m ocpp_gateway.cli.reference > docs/reference.md"
