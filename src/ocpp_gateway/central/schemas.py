"""The OCPP 1.6 JSON schemas of the `ocpp` package, with the formats they name but nobody checks by default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import jsonschema  # type: ignore[import-untyped]

Part = Literal["request", "response"]

UTC_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_ANY_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

# Of an unusable payload the first cause decides the error code (OCPP-J Table 7, T-34).
_ERROR_CODE = {
    "required": "ProtocolError",
    "additionalProperties": "FormationViolation",
    "type": "TypeConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "minItems": "OccurenceConstraintViolation",
}


def problems(action: str, part: Part, payload: Any, *, utc: bool = True) -> list[tuple[str, str]]:
    """What is wrong with a payload: pairs of CALLERROR code and text, empty when nothing is.

    With `utc` a date-time must be UTC with `Z` (T-21), as a charge point has to send it; without, any offset will do.
    Raises ValueError when the action is not one of OCPP 1.6 or its security whitepaper.
    """
    found = sorted(_validator(action, part, utc).iter_errors(payload), key=lambda error: list(map(str, error.path)))
    return [(_ERROR_CODE.get(error.validator, "PropertyConstraintViolation"), _described(error)) for error in found]


@cache
def known(action: str) -> bool:
    """Whether OCPP 1.6 or its security whitepaper has such a message (T-17: case matters)."""
    return f"{action}.json" in {entry.name for entry in _folder().iterdir()} and not action.endswith("Response")


def _described(error: Any) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.path).lstrip(".")
    return f"{place}: {error.message}" if place else str(error.message)


def _folder() -> Any:
    return files("ocpp.v16") / "schemas"


@cache
def _validator(action: str, part: Part, utc: bool) -> Any:
    if not known(action):
        raise ValueError(f"{action} is no OCPP 1.6 message")
    name = f"{action}{'Response' if part == 'response' else ''}.json"
    schema = json.loads((_folder() / name).read_text(encoding="utf-8-sig"))
    base = jsonschema.validators.validator_for(schema)
    exact = jsonschema.validators.extend(base, {"multipleOf": _multiple_of})
    return exact(schema, format_checker=_UTC_FORMATS if utc else _ANY_FORMATS)


def _multiple_of(_validator: Any, step: float, value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    # By decimal digits: in binary 16.1 is no multiple of 0.1.
    if isinstance(value, int | float) and not isinstance(value, bool) and Decimal(repr(value)) % Decimal(repr(step)):
        yield jsonschema.ValidationError(f"{value!r} is not a multiple of {step}")


def _formats(stamp: re.Pattern[str]) -> Any:
    def is_stamp(value: object) -> bool:
        if not isinstance(value, str):
            return True  # the type is judged elsewhere
        datetime.fromisoformat(value)
        return stamp.fullmatch(value) is not None

    checker = jsonschema.FormatChecker(formats=())
    checker.checks("date-time", raises=ValueError)(is_stamp)
    return checker


_UTC_FORMATS = _formats(UTC_STAMP)
_ANY_FORMATS = _formats(_ANY_STAMP)
