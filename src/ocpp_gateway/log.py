"""Events with a fixed name and fields, as JSON lines or for a terminal; secrets are cut out of every line.

`logger(__name__).info("session_up", url=…)`. Standard logging carries them, so that the lines of libraries take the
same way: quiet by default, redacted like ours. Fields bound by `bind` go with every event of a task.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from struct import Struct
from typing import Any, Literal, TextIO
from urllib.parse import urlsplit

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ocpp_gateway.ring import Ring

Format = Literal["auto", "console", "json"]

QUIET = {"pymodbus": "CRITICAL", "alembic": "WARNING", "ocpp": "WARNING", "uvicorn": "WARNING", "websockets": "WARNING"}
"""What libraries may say; the rest of the world is at WARNING too. `ocpp` prints whole frames at INFO,
`pymodbus` each frame it skips at ERROR."""

AREAS = {
    "modbus": "ocpp_gateway.modbus",
    "ocpp": "ocpp_gateway.ocpp16",
    "store": "ocpp_gateway.store",
    "web": "ocpp_gateway.web",
}
"""Names an operator may use in `log.levels` for parts of the gateway."""


_PARTS = {"gateway": "ocpp_gateway"} | AREAS


def configure(
    level: str = "INFO",
    format: Format = "auto",  # noqa: A002 - the name of the setting
    levels: Mapping[str, str] | None = None,
    *,
    show_id_tags: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Sends every event of that level and above to the stream (standard error).

    `levels` sets single parts by their name in `AREAS`, or any logger by its own. `auto` is for people on a
    terminal, JSON elsewhere. May be called again; the last call counts.
    """
    stream = stream or sys.stderr
    console = format == "console" or (format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _formatter(
            *([] if show_id_tags else [mask_id_tags]),
            *(_for_people(colors=stream.isatty()) if console else [structlog.processors.JSONRenderer()]),
        )
    )
    kept = logging.StreamHandler(recent_lines)
    kept.setFormatter(_formatter(mask_id_tags, structlog.processors.JSONRenderer()))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.addHandler(kept)
    root.setLevel("WARNING")
    logging.raiseExceptions = False  # a full disk under standard error must not print a record, unredacted, instead
    wanted = {AREAS.get(name, name): at for name, at in (levels or {}).items()}
    usual = {**dict.fromkeys(AREAS.values(), "NOTSET"), **QUIET, "ocpp_gateway": level}
    for name, at in {**usual, **wanted}.items():
        logging.getLogger(name).setLevel(at)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_CONTEXT,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def levels() -> dict[str, str]:
    """The level that each part is at now: `gateway` for all of it, and the names of `AREAS`."""
    at = {name: logging.getLogger(of).getEffectiveLevel() for name, of in _PARTS.items()}
    return {name: logging.getLevelName(level) for name, level in at.items()}


def is_at_least(level: str, least: str) -> bool:
    """Whether an event of that level, in any case, shows where `least` is the least that shows."""
    known = logging.getLevelNamesMapping()
    return known.get(level.upper(), 0) >= known.get(least.upper(), 0)


def set_level(part: str, level: str) -> None:
    """Set the level of a part as `levels` names it, until the process ends. KeyError, ValueError for what is none.

    A part that was set apart goes its own way; `gateway` is the rest.
    """
    logging.getLogger(_PARTS[part]).setLevel(level)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `logger(__name__)`."""
    named: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return named


def bind(**fields: Any) -> None:
    """Puts fields on every later event of this task and of the tasks it starts: `bind(charge_point="SITE-1")`."""
    structlog.contextvars.bind_contextvars(**fields)


_CONTEXT: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _formatter(*last: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_CONTEXT, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            *last,
        ],
    )


def _for_people(*, colors: bool) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    return [escape_controls, renderer]


# ---------------------------------------------------------------- what was written last

MAX_RECENT_LINES = 1000
MAX_RECENT_LINE = 4000
RECENT_BYTES = 300_000
"""A thousand lines of usual length."""

_AT_S = Struct(">d")  # the monotonic time of a line, before its text


class RecentLines:
    """The last lines of this process, for the support bundle; a stream that a handler writes to.

    JSON, redacted, with id tags masked whatever the settings say.
    """

    def __init__(self) -> None:
        self._ring = Ring(RECENT_BYTES)
        self._new: deque[bytes] = deque()
        self._taking = threading.Lock()

    def write(self, text: str) -> None:
        """Keeps a line, or of a very long one only its size."""
        line = text.rstrip("\n")
        if len(line) > MAX_RECENT_LINE:
            line = json.dumps({"event": f"a line of {len(line)} characters"})
        self._new.append(_AT_S.pack(time.monotonic()) + line.encode("utf-8", "backslashreplace"))
        # Whoever writes meanwhile, another thread or a finalizer within this very call, leaves the line to us.
        if self._taking.acquire(blocking=False):
            try:
                self._take_in()
            finally:
                self._taking.release()

    def all(self) -> list[tuple[float, str]]:
        """All of them, oldest first, each with its monotonic time in s."""
        with self._taking:
            self._take_in()
            return [(*_AT_S.unpack_from(record), record[_AT_S.size :].decode()) for record in self._ring]

    def of(self, charge_point: str) -> list[tuple[float, str]]:
        """Those of that charge point and those of none, each with its monotonic time in s."""
        return [
            (at_s, line)
            for at_s, line in self.all()
            if json.loads(line).get("charge_point", charge_point) == charge_point
        ]

    def _take_in(self) -> None:
        while self._new:
            self._ring.append(self._new.popleft())
            if len(self._ring) > MAX_RECENT_LINES:
                self._ring.drop()


recent_lines = RecentLines()


# ---------------------------------------------------------------- what never shows

REDACTED = "[redacted]"
SECRET_FIELDS = {"password", "authorizationkey", "authorization", "proxyauthorization", "secret", "clientkey", "cookie"}
ID_TAG_FIELDS = {"idtag", "parentidtag"}

_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\+"(?:(?!\\+").)*(?:\\+")?)"""
_PATTERNS = [
    # Authorization: Basic …  |  'Authorization': 'Basic …'
    (re.compile(r"""(?i)(authorization\W{1,8}(?:basic|bearer)\s+)[^\s"'\\,;)}\]]+"""), rf"\1{REDACTED}"),
    # wss://user:password@host; up to the last @, for those who do not encode one in a password
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/\"']+@"), rf"\1{REDACTED}@"),
    # {"password": "…"}  |  password=…
    (re.compile(rf"""(?i)((?:password|secret)\\*["']?\s*[:=]\s*)({_QUOTED}|[^\s"',;)}}\]]+)"""), rf"\1{REDACTED}"),
    # a library's line for a websocket frame: it cuts the middle out, and with it what would tell a secret
    (re.compile(r"^([<>] (?:TEXT|BINARY|CONT)\b).*", re.DOTALL), rf"\1 {REDACTED}"),
    # a library's line for a row of the database
    (re.compile(r"^(Row )\(.*", re.DOTALL), rf"\1{REDACTED}"),
]
_KEY_CHANGE = re.compile(r"(?i)authorization_?key")
_VALUE = re.compile(rf"""(?i)(value\\*["']?\s*[:=,]\s*){_QUOTED}""")
_ID_TAG = re.compile(r"""(?i)((?:parent_?)?id_?tag\\*["']?\s*[:=]\s*\\*["'])([^"'\\]*)""")
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event without keys, passwords and credentials, whatever field, message or traceback they stand in."""
    return {key: _redacted(key, value) for key, value in event.items()}


def mask_id_tags(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event with id tags cut to their ends."""
    return {key: _masked(key, value) for key, value in event.items()}


def escape_controls(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event without control characters, so that nobody paints over an operator's terminal."""
    return {
        key: value.translate(_CONTROLS) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


def without_secrets(data: Any) -> Any:
    """JSON data as it may be handed out: no keys, no passwords, no credentials in addresses, id tags cut."""
    return _masked(None, _redacted(None, data))


def shown_url(url: str) -> str:
    """An address as it may be shown: its userinfo is a password, its query might hold a token.

    Raises ValueError on what is no address.
    """
    parts = urlsplit(url)
    if "@" in parts.path + parts.query + parts.fragment:  # a password with a slash in it, perhaps
        return f"{parts.scheme}://{REDACTED}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def masked_id_tag(id_tag: str) -> str:
    """An id tag's ends: `04A1B2C3` -> `04***C3`; nothing of one so short that the ends would be all of it."""
    return f"{id_tag[:2]}***{id_tag[-2:]}" if len(id_tag) > 5 else "***"


def redacted_text(text: str) -> str:
    """A text without the secrets that can be told by what stands around them."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    if _KEY_CHANGE.search(text):
        text = _VALUE.sub(rf'\1"{REDACTED}"', text)
    return text


def _redacted(key: object, value: Any) -> Any:
    if _plain(key) in SECRET_FIELDS and value is not None:
        return REDACTED
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, Mapping):
        tells_key = any(isinstance(inner, str) and _KEY_CHANGE.fullmatch(inner) for inner in value.values())
        return {k: REDACTED if tells_key and _plain(k) == "value" else _redacted(k, v) for k, v in value.items()}
    if isinstance(value, list | tuple) and len(value) == 2 and _plain(value[0]) in SECRET_FIELDS:
        return [value[0], REDACTED]
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(None, item) for item in value]
    return value if isinstance(value, int | float | bool | None) else redacted_text(str(value))


def _masked(key: object, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _masked(k, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, item) for item in value]
    if not isinstance(value, str):
        return value
    if _plain(key) in ID_TAG_FIELDS:
        return masked_id_tag(value)
    return _ID_TAG.sub(lambda match: match[1] + masked_id_tag(match[2]), value)


def _plain(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()
