"""docs/reference.md, made from the models, the commands and the tables: `python -m ocpp_gateway.cli.reference`.

It prints the page; a test holds it and the file in step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ocpp_gateway.charger.configuration_keys import KEYS, Access
from ocpp_gateway.cli.app import EXIT_CODES, app
from ocpp_gateway.settings import CentralSystemOverride, Settings
from ocpp_gateway.settings.environment import environment_settings, item_kind, section_in, variable_of
from ocpp_gateway.web.app import ENDPOINTS

HEAD = """\
# Reference

Made from the code with `python -m ocpp_gateway.cli.reference > docs/reference.md`; change the code, not this page.

## Commands

Exit codes: {exit_codes}.

Results go to standard output; what went wrong goes to standard error, one line for each mistake, without a traceback.
Logs go to standard error: text on a terminal, JSON lines elsewhere.
"""

CONFIGURATION = """\
## gateway.yaml

Looked for in `./gateway.yaml`, then `/etc/ocpp-gateway/gateway.yaml`, unless `-c` names it. `ocpp-gateway config
example` prints a commented sample, `ocpp-gateway config schema` a JSON Schema for editors, and `ocpp-gateway check`
tells every mistake at once. The file is YAML 1.2; unknown keys are mistakes. Relative paths begin at its directory.
"""

ENVIRONMENT = """\
### Environment

Every value outside `chargers` can come from the environment, and wins over the file: `OCPP_GATEWAY_`, then the section
and the key in capitals with two underscores between them. A password from there replaces every kind of password in the
file. A single level is `OCPP_GATEWAY_LOG__LEVELS__OCPP=DEBUG`.
"""

OCPP_KEYS = """\
## OCPP configuration keys

What `chargers[].configuration` may begin with, and GetConfiguration and ChangeConfiguration speak of.
"""

HTTP_HEAD = """\
## HTTP

On `web.host` and `web.port`. Answers are JSON, the two health pages plain text; errors are `application/problem+json`
(RFC 9457). Where a password is set, programs send a bearer token, and commands take it from `OCPP_GATEWAY_TOKEN`.
A request by another host name than the gateway's own is refused with 421, one from another site's page with 403.
"""


def reference() -> str:
    """The whole page."""
    exit_codes = ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    parts = [
        HEAD.format(exit_codes=exit_codes),
        *_commands(typer.main.get_command(app), "ocpp-gateway"),
        CONFIGURATION,
        *_sections(Settings, ""),
        ENVIRONMENT,
        _table(("variable", "key"), _variables()),
        OCPP_KEYS,
        _table(("key", "type", "default", "access", "meaning"), _keys()),
        HTTP_HEAD,
        _table(("request", "role", "what"), _requests()),
    ]
    return "\n".join(parts)


def _requests() -> Iterator[tuple[str, ...]]:
    """Every endpoint of the API, and who may ask."""
    for endpoint in ENDPOINTS:
        path = re.sub(r":\w+}", "}", endpoint.path)
        role = "anybody" if endpoint.needs is None else endpoint.needs.name.lower()
        yield f"`{endpoint.method} {path}`", role, endpoint.summary


def _commands(command: Any, name: str) -> Iterator[str]:
    """Every command below this one, its arguments and options. `command` is typer's own kind of object."""
    for child in getattr(command, "commands", {}).values():
        full_name = f"{name} {child.name}"
        if getattr(child, "commands", None):
            yield from _commands(child, full_name)
            continue
        shown = [parameter for parameter in child.params if not getattr(parameter, "hidden", False)]
        arguments = " ".join(_metavar(p) for p in shown if p.param_type_name == "argument")
        yield f"### `{' '.join(filter(None, [full_name, arguments]))}`\n\n{child.help}\n"
        rows = [(_usage(parameter), _default(parameter), parameter.help or "") for parameter in shown]
        if rows:
            yield _table(("", "default", ""), rows)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    names = ", ".join(sorted(parameter.opts, key=len))
    return f"`{names}`" if parameter.is_flag else f"`{names} {_metavar(parameter)}`"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


def _sections(section: type[BaseModel], name: str) -> Iterator[str]:
    """A table for this section, and one for each below it."""
    schema = section.model_json_schema()
    yield f"### {f'`{name}`' if name else 'The file'}\n"
    fields = section.model_fields
    rows = [
        (f"`{key}`", _kind(schema, schema["properties"][key]), _value(f), f.description or "")
        for key, f in fields.items()
    ]
    yield _table(("key", "value", "default", "meaning"), rows)
    for key, field in fields.items():
        inner = section_in(field.annotation)
        if inner is not None and inner is not CentralSystemOverride:
            is_list = "list" in _kind(schema, schema["properties"][key])
            yield from _sections(inner, f"{name}.{key}".lstrip(".") + ("[]" if is_list else ""))


def _value(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or isinstance(field.default, BaseModel):
        return ""
    return f"`{json.dumps(field.default)}`" if not isinstance(field.default, str) else f"`{field.default}`"


def _kind(schema: dict[str, Any], of: dict[str, Any]) -> str:
    """What a key takes, in words, from its JSON Schema."""
    if "anyOf" in of:
        return " or ".join(_kind(schema, choice) for choice in of["anyOf"] if choice.get("type") != "null")
    if "$ref" in of:
        return "section"
    if "enum" in of:
        return ", ".join(f"`{choice}`" for choice in of["enum"])
    if "const" in of:
        return f"`{of['const']}`"
    if of["type"] == "array":
        return "list of sections" if "$ref" in of.get("items", {}) else "list"
    if of["type"] == "object":
        return f"section of free keys: {_kind(schema, of['additionalProperties'])}"
    if of["type"] in ("integer", "number"):
        low, high = of.get("minimum", of.get("exclusiveMinimum")), of.get("maximum")
        above = "above " if "exclusiveMinimum" in of else ""
        return f"{'whole number' if of['type'] == 'integer' else 'number'}, {above}{low} to {high}"
    return {"boolean": "`true`, `false`", "string": FORMATS.get(of.get("format", ""), "text")}[of["type"]]


FORMATS = {"path": "file", "password": "secret text"}


def _variables() -> Iterator[tuple[str, str]]:
    for path, kind in environment_settings().items():
        free = "__…" if item_kind(kind) else ""
        yield f"`{variable_of(path)}{free}`", f"`{'.'.join(map(str, path))}`"


def _keys() -> list[tuple[str, ...]]:
    access = {Access.READ_WRITE: "read, write", Access.READ_ONLY: "read"}
    return [
        (f"`{key.name}`", key.type, f"`{key.default}`" if key.default else "", access[key.access], key.meaning)
        for key in KEYS.values()
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    print(reference(), end="")
