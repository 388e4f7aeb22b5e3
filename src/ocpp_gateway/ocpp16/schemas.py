"""Payloads against the OCPP 1.6 JSON schemas, and the CALLERROR code for what is wrong with them.

The schema files are those of the `ocpp` package; this is the only place that knows. They are read and compiled at
first use of each message. `jsonschema-rs` needs 1 to 3 µs where the package's own way needs 30 to 340.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import jsonschema_rs

from ocpp_gateway.instant import parse_utc

Part = Literal["", "Response"]

# J Table 7 in the spelling of the specification (T-31 to T-35); the rules are JSON Schema's keywords.
CODE_OF_RULE = {
    "required": "ProtocolError",
    "additionalProperties": "FormationViolation",
    "type": "TypeConstraintViolation",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
}
VALUE_OF_NO_USE = "PropertyConstraintViolation"

# The schemas name no bounds. OCPP over SOAP has 32-bit integers; beyond 2**53 a double is not exact any more. A
# transactionId is the central system's own, and only handed back.
BOUNDS = {
    "integer": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "number": {"minimum": -(2**53), "maximum": 2**53},
}
UNBOUNDED = "transactionId"

# `fromisoformat` takes more: a bare date, a blank for the T, before Python 3.12 a stray character after the seconds.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII | re.IGNORECASE)

_FOLDER = files("ocpp") / "v16" / "schemas"


class SchemaViolation(ValueError):
    """A payload breaks its schema.

    `path` is where ("chargingSchedule.0.limit", empty for the payload itself), `rule` the JSON Schema keyword,
    `text` says it for people without quoting a value (T-38: the value may be a key), `code` is the CALLERROR code.
    """

    def __init__(self, path: str, rule: str, text: str) -> None:
        self.path, self.rule, self.text = path, rule, text
        super().__init__(f"{path}: {text}" if path else text)

    @property
    def code(self) -> str:
        """The CALLERROR code of J Table 7."""
        return CODE_OF_RULE.get(self.rule, VALUE_OF_NO_USE)


def check_request(action: str, payload: Any) -> None:
    """Returns when this is a CALL's payload as OCPP 1.6 has it. Raises SchemaViolation; KeyError for no such action."""
    _check(_validator(action, ""), payload)


def check_response(action: str, payload: Any) -> None:
    """The same for a CALLRESULT."""
    _check(_validator(action, "Response"), payload)


@cache
def known_actions() -> frozenset[str]:
    """Every action of OCPP 1.6 and of its security whitepaper, from either side."""
    names = (entry.name.removesuffix(".json") for entry in _FOLDER.iterdir() if entry.name.endswith(".json"))
    return frozenset(name for name in names if not name.endswith("Response"))


def _check(validator: Any, payload: Any) -> None:
    if validator.is_valid(payload):
        return
    error = next(validator.iter_errors(payload))
    raise SchemaViolation(".".join(map(str, error.instance_path)), error.kind.name, error.message)


@cache
def _validator(action: str, part: Part) -> Any:
    if action not in known_actions():
        raise KeyError(action)
    schema = json.loads((_FOLDER / f"{action}{part}.json").read_text(encoding="utf-8-sig"), object_hook=_bounded)
    return jsonschema_rs.validator_for(
        schema, validate_formats=True, formats={"date-time": _is_date_time}, mask="the value"
    )


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema, with bounds for the numbers among its properties."""
    for name, inner in schema.items():
        for kind, bounds in BOUNDS.items():
            if isinstance(inner, dict) and inner.get("type") == kind and name != UNBOUNDED:
                inner.update(bounds)
    return schema


def _is_date_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        parse_utc(text)
    except ValueError:
        return False
    return True
