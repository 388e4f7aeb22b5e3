"""What a charge point owes to a frame: an answer or none, and which. Knows nothing of how the gateway does it.

The payloads are written down here once more, from OCPP 1.6 §6 and §7 and not from a schema file; the codes are those
of OCPP-J Table 7 (T-31 to T-37). Where a payload breaks several rules the code of any of them is right, and where the
specification leaves a case open both readings are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

CONNECTORS = 2
MOST_CONFIGURATION_KEYS = 100  # GetConfigurationMaxKeys
LONGEST_FRAME = 256 * 1024
LONGEST_ID = 36
DEEPEST_FINE, DEEPEST_OPEN = 30, 34
DIGITS_FINE, DIGITS_OPEN = 20, 40

RESULT = ""
NOT_IMPLEMENTED, NOT_SUPPORTED = "NotImplemented", "NotSupported"
PROTOCOL, FORMATION = "ProtocolError", "FormationViolation"
PROPERTY, OCCURENCE, TYPE = "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation"
MALFORMED = frozenset({FORMATION, PROTOCOL})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`call_id`: of the answer, None when no answer may come. `due`: it must come, else it may. `outcomes`: the right
    CALLERROR codes, RESULT for a CALLRESULT. `action`: of a CALL that may be taken."""

    call_id: str | None = None
    due: bool = False
    outcomes: frozenset[str] = frozenset()
    action: str | None = None

    @property
    def refused(self) -> bool:
        """Whether nothing may change by it."""
        return RESULT not in self.outcomes


SILENCE = Verdict()


# ---------------------------------------------------------------- payloads


@dataclass(frozen=True, slots=True)
class Text:
    """CiString of so many characters; None for any number."""

    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An enumeration."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """A list."""

    item: Any


INTEGER, NUMBER, MOMENT, ADDRESS = object(), object(), object(), object()
"""integer; decimal with one digit; dateTime; anyURI."""


def one_of(words: str) -> Choice:
    return Choice(tuple(words.split()))


ID_TAG = Text(20)
PROFILE = {
    "chargingProfileId!": INTEGER,
    "transactionId": INTEGER,
    "stackLevel!": INTEGER,
    "chargingProfilePurpose!": one_of("ChargePointMaxProfile TxDefaultProfile TxProfile"),
    "chargingProfileKind!": one_of("Absolute Recurring Relative"),
    "recurrencyKind": one_of("Daily Weekly"),
    "validFrom": MOMENT,
    "validTo": MOMENT,
    "chargingSchedule!": {
        "duration": INTEGER,
        "startSchedule": MOMENT,
        "chargingRateUnit!": one_of("A W"),
        "chargingSchedulePeriod!": Each({"startPeriod!": INTEGER, "limit!": NUMBER, "numberPhases": INTEGER}),
        "minChargingRate": NUMBER,
    },
}
ID_TAG_INFO = {
    "expiryDate": MOMENT,
    "parentIdTag": ID_TAG,
    "status!": one_of("Accepted Blocked Expired Invalid ConcurrentTx"),
}
TRIGGERS = (
    "BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat MeterValues StatusNotification"
)

SUPPORTED: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId!": INTEGER},
    "ChangeAvailability": {"connectorId!": INTEGER, "type!": one_of("Inoperative Operative")},
    "ChangeConfiguration": {"key!": Text(50), "value!": Text(500)},
    "ClearCache": {},
    "ClearChargingProfile": {
        "id": INTEGER,
        "connectorId": INTEGER,
        "chargingProfilePurpose": PROFILE["chargingProfilePurpose!"],
        "stackLevel": INTEGER,
    },
    "DataTransfer": {"vendorId!": Text(255), "messageId": Text(50), "data": Text()},
    "GetCompositeSchedule": {"connectorId!": INTEGER, "duration!": INTEGER, "chargingRateUnit": one_of("A W")},
    "GetConfiguration": {"key": Each(Text(50))},
    "GetDiagnostics": {
        "location!": ADDRESS,
        "retries": INTEGER,
        "retryInterval": INTEGER,
        "startTime": MOMENT,
        "stopTime": MOMENT,
    },
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {"connectorId": INTEGER, "idTag!": ID_TAG, "chargingProfile": PROFILE},
    "RemoteStopTransaction": {"transactionId!": INTEGER},
    "ReserveNow": {
        "connectorId!": INTEGER,
        "expiryDate!": MOMENT,
        "idTag!": ID_TAG,
        "parentIdTag": ID_TAG,
        "reservationId!": INTEGER,
    },
    "Reset": {"type!": one_of("Hard Soft")},
    "SendLocalList": {
        "listVersion!": INTEGER,
        "localAuthorizationList": Each({"idTag!": ID_TAG, "idTagInfo": ID_TAG_INFO}),
        "updateType!": one_of("Differential Full"),
    },
    "SetChargingProfile": {"connectorId!": INTEGER, "csChargingProfiles!": PROFILE},
    "TriggerMessage": {"requestedMessage!": one_of(TRIGGERS), "connectorId": INTEGER},
    "UnlockConnector": {"connectorId!": INTEGER},
}
"""What this charge point offers to the central system."""

UNSUPPORTED = frozenset(
    [
        "UpdateFirmware",
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
        "CertificateSigned",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetInstalledCertificateIds",
        "GetLog",
        "InstallCertificate",
        "LogStatusNotification",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "SignedUpdateFirmware",
    ]
) - frozenset(SUPPORTED)
"""Known to OCPP 1.6 or its security whitepaper: of the other direction, or of no profile that is offered."""

SURELY_A_MOMENT = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}Z")
PERHAPS_A_MOMENT = re.compile(r"[0-9][0-9wW\-]*[Tt ][0-9:.,+\-zZ]+", re.ASCII)
SURELY_AN_ADDRESS = re.compile(r"(ftps?|https?)://[a-z0-9.]+(/[a-z0-9./]*)?")
SURELY_NO_ADDRESS = re.compile(r'[^:]*|.*[\x00-\x20<>"{}|\\^`].*', re.DOTALL)

Finding = tuple[str, bool]
"""A code, and whether the specification is clear about it."""


def violations(shape: Any, value: Any) -> Iterator[Finding]:
    """What is wrong with a value."""
    match shape:
        case dict():
            yield from _of_an_object(shape, value)
        case Each(item):
            if isinstance(value, list):
                for one in value:
                    yield from violations(item, one)
                if not value:
                    yield OCCURENCE, False  # 1..* in places, but an empty list is what many send
            else:
                yield TYPE, True
        case Text() | Choice():
            yield from _of_a_text(shape, value)
        case _ if shape is INTEGER:
            yield from _of_an_integer(value)
        case _ if shape is NUMBER:
            yield from _of_a_number(value)
        case _:
            yield from _of_a_formatted_text(shape, value)


def _of_an_object(shape: dict[str, Any], value: Any) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield TYPE, True
        return
    fields = {name.rstrip("!"): inner for name, inner in shape.items()}
    if any(name.endswith("!") and name[:-1] not in value for name in shape):
        yield PROTOCOL, True
    for name, inner in value.items():
        if name in fields:
            yield from violations(fields[name], inner)
        else:
            yield FORMATION, True


def _of_a_text(shape: Text | Choice, value: Any) -> Iterator[Finding]:
    if not isinstance(value, str):
        yield TYPE, True
        if isinstance(shape, Choice):
            yield PROPERTY, False
    elif isinstance(shape, Choice):
        if value not in shape.words:
            yield PROPERTY, True
    elif shape.longest is not None and len(value) > shape.longest:
        yield PROPERTY, True


def _of_an_integer(value: Any) -> Iterator[Finding]:
    if type(value) is int:
        if not 0 <= value < 2**31:
            yield PROPERTY, False
    elif isinstance(value, Decimal) and float(value).is_integer():
        yield TYPE, False  # JSON does not tell 1.0 from 1
        yield PROPERTY, False
    else:
        yield TYPE, True


def _of_a_number(value: Any) -> Iterator[Finding]:
    if type(value) is not int and not isinstance(value, Decimal):
        yield TYPE, True
        return
    if not 0 <= value < 2**31:
        yield PROPERTY, False
    tenfold = Decimal(value).scaleb(1)
    if len(tenfold.as_tuple().digits) > 15 or (tenfold and not float(value)):
        yield PROPERTY, False  # more than a double can tell
    elif tenfold != tenfold.to_integral_value():
        yield PROPERTY, True


def _of_a_formatted_text(shape: object, value: Any) -> Iterator[Finding]:
    if not isinstance(value, str):
        yield TYPE, True
        return
    surely, no = (
        (SURELY_A_MOMENT.fullmatch(value), not PERHAPS_A_MOMENT.fullmatch(value))
        if shape is MOMENT
        else (SURELY_AN_ADDRESS.fullmatch(value), SURELY_NO_ADDRESS.fullmatch(value))
    )
    if not surely:
        yield PROPERTY, bool(no)


def outcomes(action: str, payload: Any) -> frozenset[str]:
    """The right answers to a CALL."""
    if action in UNSUPPORTED:
        return frozenset({NOT_SUPPORTED})
    if action not in SUPPORTED:
        return frozenset({NOT_IMPLEMENTED})
    found = set(violations(SUPPORTED[action], {} if payload is None else payload))
    codes = frozenset(code for code, _ in found)
    if any(clear for _, clear in found):
        return codes
    return codes | _of_a_valid_call(action, payload or {})


def _of_a_valid_call(action: str, payload: dict[str, Any]) -> frozenset[str]:
    if action == "SetChargingProfile" and payload["connectorId"] not in range(CONNECTORS + 1):
        return frozenset({PROPERTY})  # T-35
    if action == "GetConfiguration" and len(payload.get("key", ())) > MOST_CONFIGURATION_KEYS:
        return frozenset({OCCURENCE})  # C-06
    return frozenset({RESULT})


# ---------------------------------------------------------------- frames


def judge(frame: str | bytes) -> Verdict:
    """What is owed to a frame."""
    if isinstance(frame, bytes):  # T-12a
        return SILENCE
    try:
        elements, longest_number = _read(frame)
    except (ValueError, RecursionError):
        return _broken(frame)
    if not isinstance(elements, list) or len(elements) < 2:
        return SILENCE
    kind, call_id, *rest = elements
    if isinstance(kind, bool) or kind != 2:  # answers, and types that nobody knows (T-18)
        return SILENCE
    if not isinstance(call_id, str) or not call_id:
        return SILENCE
    due = type(kind) is int and len(call_id) <= LONGEST_ID
    depth = _depth(elements)
    if len(frame) > LONGEST_FRAME or longest_number > DIGITS_OPEN or depth > DEEPEST_OPEN or _is_torn(frame, elements):
        return _broken(frame)
    if len(rest) != 2 or not isinstance(rest[0], str):
        return Verdict(call_id, due, MALFORMED)
    action, payload = rest
    right = outcomes(action, payload)
    if longest_number > DIGITS_FINE or depth > DEEPEST_FINE:
        right, due = right | MALFORMED, due and _broken(frame).due
    return Verdict(call_id, due, right, action)


def _broken(frame: str) -> Verdict:
    """A frame that is no JSON one would read: answered if its id stands where it should, in so many words."""
    start = re.match(r'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f]+)"\s*,', frame)
    if start is None:
        return SILENCE
    return Verdict(start[1], frame.startswith('[2,"') and len(start[1]) <= LONGEST_ID, MALFORMED)


def _is_torn(frame: str, elements: list[Any]) -> bool:
    """Whether there is half a surrogate pair in it, which is no text."""
    if "\\u" not in frame:
        return False
    try:
        json.dumps(elements, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _read(frame: str) -> tuple[Any, int]:
    """The JSON value, its numbers exact, and the length of the longest integer in it."""
    longest = 0

    def integer(text: str) -> int:
        nonlocal longest
        longest = max(longest, len(text))
        return int(text[:DIGITS_OPEN])

    def decimal(text: str) -> Decimal:
        if abs(float(text)) == float("inf"):
            raise ValueError(text)
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent of twenty digits
            return Decimal(float(text))

    def constant(text: str) -> float:
        raise ValueError(text)

    return json.loads(frame, parse_int=integer, parse_float=decimal, parse_constant=constant), longest


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [inner for inner in level if isinstance(inner, list | dict)]:
        depth += 1
        level = [deeper for inner in level for deeper in (inner.values() if isinstance(inner, dict) else inner)]
    return depth
