"""Templates filled. Whatever comes from a register or a frame is text: Jinja escapes all of it (faults.md W-06)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ocpp_gateway.web.access import Principal, Role
from ocpp_gateway.web.pages import words

_environment = Environment(
    loader=PackageLoader("ocpp_gateway.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["version"] = version("ocpp-gateway")
_environment.filters |= words.FILTERS
_environment.filters["segment"] = lambda text: quote(text, safe="")  # an identity may hold a '/'


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as a whole answer; it knows who looks as `principal`, and whether that is an operator."""
    principal: Principal | None = request.state.principal
    html = _environment.get_template(template).render(
        principal=principal,
        is_operator=principal is not None and principal.role >= Role.OPERATOR,
        path=request.url.path,
        query=request.query_params,
        **values,
    )
    return HTMLResponse(html, status)
