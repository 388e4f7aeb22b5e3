"""gateway.yaml as pydantic models: the keys, their units, defaults and bounds. docs/reference.md is made from them.

Strict: a number in quotation marks is no number. What concerns more than one key is in `checks`.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.settings.versions import check_version

AuthorizationMode = Literal["charger", "central_system", "free"]

CREDENTIALS = ("password_file", "password", "authorization_key")
"""The three ways to give the central system's password; one is used."""


# ---------------------------------------------------------------- the kinds of text


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable, without blanks at the ends")
    return text


def _id_tag(text: str) -> str:
    if not (1 <= len(text) <= 20 and text.isascii()):
        raise ValueError("must be 1 to 20 ASCII characters, as every OCPP idTag")
    return _printable(text)


def _websocket_url(text: str) -> str:
    try:
        parts = urlsplit(text.replace("{identity}", "identity"))
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ValueError("must be a websocket address, such as wss://cpms.example.com/ocpp")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password; the user is the identity, see password_file")
    if parts.fragment:
        raise ValueError("must not hold a '#'")
    return text


def _host(text: str) -> str:
    if is_ip_address(text):
        return text
    if "/" in text or ":" in text:
        raise ValueError("must be a host name or an IP address alone; the port has a key of its own")
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(re.fullmatch(r"(?!-)[\w-]{1,63}(?<!-)", label) for label in labels):
        raise ValueError("must be a host name or an IP address")
    return text


def _hexadecimal(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"([0-9A-Fa-f]{2}){8,32}", key.get_secret_value()):
        raise ValueError("must be an even number of hexadecimal digits, 32 to 40 by the specification")
    return key


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("is empty")
    return secret


def _sqlite_url(text: str) -> str:
    if not re.fullmatch(r"sqlite:///[^?#]+", text) or text.endswith((":memory:", "/")):
        raise ValueError("must name a SQLite file, such as sqlite:////var/lib/ocpp-gateway/gateway.db")
    return text


def is_ip_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_path(mapping: str) -> bool:
    """Whether a mapping is named by its file, and not by its name."""
    return "/" in mapping or mapping.endswith((".yaml", ".yml"))


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Identity = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
IdTag = Annotated[str, AfterValidator(_id_tag)]
WebsocketUrl = Annotated[str, AfterValidator(_websocket_url)]
Host = Annotated[str, Field(min_length=1), AfterValidator(_host)]
SqliteUrl = Annotated[str, AfterValidator(_sqlite_url)]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
HexadecimalKey = Annotated[SecretStr, AfterValidator(_hexadecimal)]
File = Annotated[Path, Field(strict=False)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Watts = Annotated[int, Field(gt=0, le=6_553_500)]  # what a register of 100 W steps can hold
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class Section(BaseModel):
    """A section of the file."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


# ---------------------------------------------------------------- the sections


class CentralSystemOverride(Section):
    """The keys of `central_system`; under a charger they stand for this charger alone."""

    url: WebsocketUrl | None = Field(
        default=None, description="`ws://` or `wss://`; `/identity` is appended, or put where `{identity}` stands"
    )
    security_profile: int = Field(
        default=2,
        ge=0,
        le=3,
        description="0 none, 1 basic authentication, 2 TLS and basic authentication, 3 TLS and client certificate",
    )
    password_file: File | None = Field(default=None, description="file with the password; a newline at its end is cut")
    password: Secret | None = Field(default=None, description="the password itself; better a file, or the environment")
    authorization_key: HexadecimalKey | None = Field(
        default=None, description="the password as OCPP's AuthorizationKey: the bytes in hexadecimal"
    )
    ca_file: File | None = Field(default=None, description="PEM roots to trust; the system's when absent")
    client_certificate_file: File | None = Field(default=None, description="PEM certificate chain for profile 3")
    client_key_file: File | None = Field(default=None, description="PEM private key for profile 3")

    def read_password(self) -> bytes | None:
        """The bytes for basic authentication, or None when no password is given.

        A password file is read at each call, so that a new one counts at the next connection.
        Raises ConfigurationError when that file cannot be read, or is empty.
        """
        if self.authorization_key is not None:
            return bytes.fromhex(self.authorization_key.get_secret_value())
        if self.password is not None:
            return self.password.get_secret_value().encode()
        if self.password_file is None:
            return None
        try:
            password = self.password_file.read_bytes().rstrip(b"\r\n")
        except OSError as exc:
            raise ConfigurationError(
                Mistake(str(self.password_file), None, None, "", f"cannot be read: {exc.strerror}")
            ) from exc
        if not password:
            raise ConfigurationError(Mistake(str(self.password_file), None, None, "", "is empty"))
        return password


class CentralSystem(CentralSystemOverride):
    """Where the OCPP central system is, and how the gateway proves who it is."""

    url: WebsocketUrl = Field(description=CentralSystemOverride.model_fields["url"].description)

    def overridden_by(self, override: CentralSystemOverride | None) -> CentralSystem:
        """This, with the keys that the override sets; a credential there replaces all credentials here."""
        if override is None:
            return self
        changes = {name: getattr(override, name) for name in override.model_fields_set}
        if changes.keys() & set(CREDENTIALS):
            changes = dict.fromkeys(CREDENTIALS) | changes
        return self.model_copy(update=changes)

    def url_for(self, identity: str) -> str:
        """Where that charge point connects: its identity percent-encoded once as UTF-8 (conformance T-01, T-02)."""
        segment = quote(identity, safe="")
        if "{identity}" in self.url:
            return self.url.replace("{identity}", segment)
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{segment}"))


class Modbus(Section):
    """Where the charger answers Modbus TCP."""

    host: Host = Field(description="host name or IP address")
    port: int | None = Field(default=None, ge=1, le=65535, description="TCP port; the mapping's when absent")
    unit_id: int | None = Field(default=None, ge=0, le=255, description="unit identifier; the mapping's when absent")
    timeout_s: Seconds = Field(default=1.0, ge=0.05, le=30, description="longest wait for one answer, in s")


class Authorization(Section):
    """Who decides about charging."""

    mode: AuthorizationMode = Field(
        default="charger",
        description="`charger`: the charger decides, the gateway tells and can end it; `central_system`: power is held "
        "at 0 until accepted; `free`: everyone, as `free_id_tag`",
    )
    free_id_tag: IdTag = Field(default="FREE", description="the idTag of everyone in mode `free`")
    unknown_id_tag: IdTag = Field(default="UNKNOWN", description="the idTag in mode `charger` without a tag")


class Fallback(Section):
    """What the charger does on its own when the gateway is dead."""

    power_w: int = Field(ge=0, le=6_553_500, description="power of the station then, in W")
    after_s: int = Field(ge=2, le=131_070, description="within this time after the gateway's death, in s")


class Power(Section):
    """How limits become registers."""

    nominal_voltage_v: int = Field(default=230, ge=100, le=260, description="volts a phase, to turn amperes into watts")
    tolerance_w: int = Field(
        default=60, ge=0, le=1000, description="the charger's minimum may exceed a profile's limit by this much, in W"
    )
    obey_lower: bool = Field(
        default=False,
        description="a lower limit that another Modbus master wrote is left for 10 minutes; else it is restored",
    )


class BootOverrides(Section):
    """What BootNotification says instead of the registers."""

    vendor: str | None = Field(default=None, min_length=1, max_length=20, description="chargePointVendor")
    model: str | None = Field(default=None, min_length=1, max_length=20, description="chargePointModel")
    serial: str | None = Field(default=None, min_length=1, max_length=25, description="chargePointSerialNumber")


class Charger(Section):
    """One charger: where it is, and what it may do."""

    identity: Identity = Field(description="OCPP charge point identity; unique")
    mapping: str = Field(min_length=1, description="a name from `ocpp-gateway mapping list`, or a path")
    modbus: Modbus = Field(description="where the charger answers Modbus TCP")
    poll_interval_s: Seconds = Field(default=1.0, ge=0.1, le=3600, description="from one reading to the next, in s")
    idle_poll_interval_s: Seconds | None = Field(
        default=None, ge=0.1, le=3600, description="the same while no car is plugged; `poll_interval_s` when absent"
    )
    max_power_w: Watts = Field(description="what the installation stands, in W; nothing raises it")
    connector_max_power_w: Watts | None = Field(default=None, description="the same for each connector")
    authorization: Authorization = Field(default=Authorization(), description="who decides about charging")
    fallback: Fallback | None = Field(
        default=None, description="what the charger does without the gateway; its registers are left alone when absent"
    )
    power: Power = Field(default=Power(), description="how limits become registers")
    boot: BootOverrides = Field(default=BootOverrides(), description="what BootNotification says instead")
    swap_connectors: bool = Field(default=False, description="connector 1 is the left one, connector 2 the right one")
    configuration: dict[str, str] = Field(
        default={}, description="OCPP configuration keys to begin with; ChangeConfiguration is kept over them"
    )
    central_system: CentralSystemOverride | None = Field(
        default=None, description="keys of `central_system` that differ for this charger"
    )


class StoreSettings(Section):
    """Where transactions are kept."""

    url: SqliteUrl = Field(
        default="sqlite:////var/lib/ocpp-gateway/gateway.db",
        description="`sqlite:///` and the path of a file; four slashes make an absolute path",
    )
    on_failure: Literal["charge", "refuse"] = Field(
        default="charge",
        description="`charge`: while nothing can be stored, new sessions wait in memory; `refuse`: they get no power "
        "until it can; running ones go on either way",
    )
    keep_transactions_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="how long a transaction stays in the ledger after its end and the last answer to its messages; "
        "one with a message that waits or was given up stays in any case",
    )


class Web(Section):
    """The dashboard, the API and the health pages."""

    enabled: bool = Field(default=True, description="whether to listen at all")
    host: Host = Field(
        default="127.0.0.1",
        description="address to listen on; any but a loopback address asks for a password, set once with the code that "
        "the gateway prints at its start",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one")
    allowed_hosts: Annotated[tuple[Host, ...], Field(strict=False)] = Field(
        default=(),
        description="further names that browsers may use for it, such as that of a reverse proxy; with one of them a "
        "password is asked for on a loopback address, too",
    )


class Log(Section):
    """What is written to standard error."""

    level: Level = Field(default="INFO", description="the least that is written")
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto`: console on a terminal, JSON elsewhere"
    )
    levels: dict[str, Level] = Field(
        default={}, description="levels of single parts: `ocpp`, `modbus`, `store`, `web`, or any logger's name"
    )
    show_id_tags: bool = Field(default=False, description="write id tags in full; else only their ends")


class Settings(Section):
    """gateway.yaml."""

    version: Annotated[Literal[1], BeforeValidator(check_version)] = Field(description="of this file's format: 1")
    central_system: CentralSystem = Field(description="the OCPP central system")
    chargers: Annotated[tuple[Charger, ...], Field(strict=False)] = Field(description="the chargers, at least one")
    store: StoreSettings = Field(default=StoreSettings(), description="where transactions are kept")
    web: Web = Field(default=Web(), description="the dashboard, the API and the health pages")
    log: Log = Field(default=Log(), description="what is written to standard error")

    def central_system_of(self, charger: Charger) -> CentralSystem:
        """The central system of that charger, its own keys over the common ones."""
        return self.central_system.overridden_by(charger.central_system)
