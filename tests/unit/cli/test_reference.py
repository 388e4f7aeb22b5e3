from __future__ import annotations

import re
from pathlib import Path

from ocpp_gateway.cli.reference import HTTP, reference
from ocpp_gateway.web.app import create_app

PAGE = Path(__file__).parents[3] / "docs" / "reference.md"


def test_the_page_is_in_step_with_the_code() -> None:
    assert PAGE.read_text("utf-8") == reference(), "python -m ocpp_gateway.cli.reference > docs/reference.md"


def test_every_page_of_the_web_is_in_it() -> None:
    source = Path(create_app.__code__.co_filename).read_text("utf-8")
    served = re.findall(r'Route\("([^"]+)"', source)
    assert {path.replace(":path", "") for path in served} == set(HTTP)
