"""What must agree between the keys of gateway.yaml, and between them and the world: a table of checks.

A check gets the usable part of the settings (`load.usable_part`): a required key may be missing there, and has been
reported then. Nothing here asks the network.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from ocpp_gateway import mapping_files
from ocpp_gateway.charger.configuration_keys import Access, keys_of
from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.settings.model import CREDENTIALS, CentralSystem, Charger, Settings, is_path
from ocpp_gateway.settings.tls import client_context, show_certificate
from ocpp_gateway.yaml_document import Document, Path, nearest

POLLS_IN_THE_WAY = 3
"""Time-outs that can stand between two accesses: two polls ahead, and the one itself (no retries)."""

POLLS_A_FALLBACK = 4
"""Polls that fit into the time after which the charger falls back (faults 4.6)."""

MOST_CONNECTORS = 64
"""What a mapping file may name."""

ONE_PHASE_MINIMUM_W = 1380
"""6 A × 230 V, the least that IEC 61851 lets a car be offered."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where each value came from: a place in the file, or an environment variable."""

    document: Document
    variables: Mapping[Path, str]

    def holds(self, path: Path) -> bool:
        """Whether the file has that key, right or wrong."""
        return path in self.document.key_places

    def mistake(self, path: Path, problem: str, hint: str | None = None, *, at_key: bool = False) -> Mistake:
        """A mistake in the value at `path`."""
        if path in self.variables:
            return Mistake(self.variables[path], None, None, "", problem, hint)
        return self.document.mistake(path, problem, hint, at_key=at_key)


def mistakes_across(settings: Settings, origin: Origin) -> list[Mistake]:
    """Every disagreement in the usable part of the settings, each once."""
    chargers: tuple[Charger, ...] = _known(settings, "chargers") or ()
    found: dict[Mistake, None] = {}
    for check_all in (_any_charger, _same_identity, _same_charger, _mappings):
        found |= dict.fromkeys(check_all(settings, chargers, origin))
    for index, charger in enumerate(chargers):
        for check in (_powers, _fallback, _configuration, _central_system):
            found |= dict.fromkeys(check(settings, charger, ("chargers", index), origin))
    return list(found)


def _known(section: BaseModel, key: str) -> Any:
    """The value of a key, or None when it is missing or wrong."""
    return getattr(section, key, None)


# ---------------------------------------------------------------- between chargers


def _any_charger(settings: Settings, chargers: Sequence[Charger], origin: Origin) -> Iterator[Mistake]:
    if "chargers" in settings.model_fields_set and not chargers:
        yield origin.mistake(("chargers",), "names no charger")


def _same_identity(_: Settings, chargers: Sequence[Charger], origin: Origin) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, charger in enumerate(chargers):
        identity = _known(charger, "identity")
        if identity in first:
            path = ("chargers", first[identity], "identity")
            line = origin.document.place(path)[0]
            yield origin.mistake(("chargers", index, "identity"), f"the charger in line {line} has this identity too")
        elif identity is not None:
            first[identity] = index


def _same_charger(_: Settings, chargers: Sequence[Charger], origin: Origin) -> Iterator[Mistake]:
    first: dict[tuple[Any, ...], int] = {}
    for index, charger in enumerate(chargers):
        modbus = _known(charger, "modbus")
        host = modbus and _known(modbus, "host")
        if not host:
            continue
        address = (host.lower(), modbus.port, modbus.unit_id)
        if address in first:
            line = origin.document.place(("chargers", first[address], "modbus", "host"))[0]
            problem = f"the charger in line {line} is this one too; two connections would fight for it"
            yield origin.mistake(("chargers", index, "modbus", "host"), problem)
        first.setdefault(address, index)


def _mappings(_: Settings, chargers: Sequence[Charger], origin: Origin) -> Iterator[Mistake]:
    names = [_known(charger, "mapping") for charger in chargers]
    usable = set()
    for index, name in enumerate(names):
        where = ("chargers", index, "mapping")
        if name is None:
            continue
        if not is_path(name) and name not in mapping_files.available():
            hint = nearest(name, mapping_files.available())
            yield origin.mistake(where, "there is no mapping of this name", hint)
        elif is_path(name) and not FilePath(name).is_file():
            yield origin.mistake(where, f"there is no file {name}")
        else:
            usable.add(name)
    for name in sorted(usable):
        try:
            mapping_files.load(name)
        except ConfigurationError as exc:
            yield from exc.mistakes


# ---------------------------------------------------------------- one charger


def _powers(_: Settings, charger: Charger, path: Path, origin: Origin) -> Iterator[Mistake]:
    installation, connector = _known(charger, "max_power_w"), charger.connector_max_power_w
    if installation is not None and connector is not None and connector > installation:
        yield origin.mistake((*path, "connector_max_power_w"), f"is more than max_power_w, {installation}")
    for key, power_w in (("max_power_w", installation), ("connector_max_power_w", connector)):
        if power_w is not None and power_w < ONE_PHASE_MINIMUM_W:
            problem = f"is less than any car charges with, {ONE_PHASE_MINIMUM_W} W"
            yield origin.mistake((*path, key), problem, "watts, not kilowatts")


def _fallback(_: Settings, charger: Charger, path: Path, origin: Origin) -> Iterator[Mistake]:
    """What the charger does alone is within what it may, and it never does it while the gateway lives.

    One car alone may take all of it: no document says that a connector's own limit outlives the fallback.
    Half of `after_s` must outlast any silence of a living gateway: the charger acts after two of its intervals by its
    document, perhaps after one. And four polls fit into the whole, so that one that fails is followed by others.
    """
    if charger.fallback is None:
        return
    power_w, after_s = _known(charger.fallback, "power_w"), _known(charger.fallback, "after_s")
    installation, connector = _known(charger, "max_power_w"), charger.connector_max_power_w
    if power_w is not None and installation is not None and power_w > installation:
        yield origin.mistake((*path, "fallback", "power_w"), f"is more than max_power_w, {installation}")
    elif power_w is not None and connector is not None and power_w > connector:
        problem = f"is more than connector_max_power_w, {connector}"
        yield origin.mistake((*path, "fallback", "power_w"), problem, "one car alone may take all of it")
    modbus = _known(charger, "modbus")
    timeout_s = modbus.timeout_s if modbus is not None else 1.0
    polled_every_s = max(charger.poll_interval_s, charger.idle_poll_interval_s or 0)
    silence_s = polled_every_s + POLLS_IN_THE_WAY * timeout_s
    if after_s is None:
        return
    if after_s <= 2 * silence_s:
        problem = f"must be more than {2 * silence_s:g}, or the charger falls back while the gateway lives"
        hint = f"twice the longest silence: a poll interval and {POLLS_IN_THE_WAY} time-outs, {silence_s:g} s"
        yield origin.mistake((*path, "fallback", "after_s"), problem, hint)
    elif after_s < POLLS_A_FALLBACK * polled_every_s:
        problem = f"must be at least {POLLS_A_FALLBACK * polled_every_s:g}: {POLLS_A_FALLBACK} polls"
        hint = f"one that fails must be followed by others in time; the longest interval is {polled_every_s:g} s"
        yield origin.mistake((*path, "fallback", "after_s"), problem, hint)


def _configuration(_: Settings, charger: Charger, path: Path, origin: Origin) -> Iterator[Mistake]:
    keys = keys_of(_most_connectors(_known(charger, "mapping")))
    for name, value in charger.configuration.items():
        key = keys.get(name.lower())
        where = (*path, "configuration", name)
        if key is None:
            hint = nearest(name, [known.name for known in keys.values() if known.access is not Access.READ_ONLY])
            yield origin.mistake(where, "no OCPP configuration key of this gateway", hint, at_key=True)
        elif key.access is Access.READ_ONLY:
            yield origin.mistake(where, "this configuration key is read-only", at_key=True)
        elif key.normalise(value) is None:
            yield origin.mistake(where, f"is no value for this key: {key.type}, such as {key.default or 'empty'}")


def _most_connectors(mapping: str | None) -> int:
    """How many connectors such a charger may have; a mapping that cannot be used has been told of, and allows any."""
    try:
        return mapping_files.load(mapping).max_connectors if mapping is not None else MOST_CONNECTORS
    except ConfigurationError:
        return MOST_CONNECTORS


# ---------------------------------------------------------------- the central system


def _central_system(settings: Settings, charger: Charger, path: Path, origin: Origin) -> Iterator[Mistake]:
    """The central system of this charger. A mistake in the common part is the same for each charger, and told once."""
    common = _known(settings, "central_system") or CentralSystem.model_construct(set())
    own = charger.central_system
    system = common.overridden_by(own)

    def where(key: str) -> Path:
        ours = own is not None and (key in own.model_fields_set or "central_system" not in settings.model_fields_set)
        return (*path, "central_system", key) if ours else ("central_system", key)

    sections: tuple[Path, ...] = (("central_system",), (*path, "central_system"))
    given = [key for key in CREDENTIALS if getattr(system, key) is not None]
    yield from _scheme(system, where, origin)
    for one, other in pairwise(given):
        yield origin.mistake(where(other), f"{one} is given too; one of them is enough", at_key=True)
    if system.security_profile in (1, 2):
        if not given and not any(origin.holds((*section, key)) for section in sections for key in CREDENTIALS):
            problem = f"security profile {system.security_profile} needs a password"
            yield origin.mistake(where("security_profile"), problem, "password_file, password or authorization_key")
        if ":" in (_known(charger, "identity") or ""):
            problem = "must not hold a ':' where a password is used: basic authentication cannot carry it"
            yield origin.mistake((*path, "identity"), problem)
    if system.password_file is not None:
        try:
            system.read_password()
        except ConfigurationError as exc:
            for mistake in exc.mistakes:
                yield origin.mistake(where("password_file"), f"{mistake.file} {mistake.problem}")
    yield from _certificates(system, where, origin)


def _scheme(system: CentralSystem, where: Any, origin: Origin) -> Iterator[Mistake]:
    url = _known(system, "url")
    if url is not None and system.security_profile >= 2 and urlsplit(url).scheme == "ws":
        profile = system.security_profile
        hint = "wss://; or security_profile 1 (password) or 0 where nobody else can listen"
        yield origin.mistake(where("url"), f"security profile {profile} needs TLS, and ws:// has none", hint)


def _certificates(system: CentralSystem, where: Any, origin: Origin) -> Iterator[Mistake]:
    """Each file can be read, and what stands in them makes a TLS connection."""
    readable: dict[str, FilePath] = {}
    for key in ("ca_file", "client_certificate_file", "client_key_file"):
        file = getattr(system, key)
        if file is None:
            if system.security_profile == 3 and key != "ca_file":
                yield origin.mistake(where("security_profile"), f"security profile 3 needs {key}")
            continue
        try:
            with file.open("rb"):
                readable[key] = file
        except OSError as exc:
            yield origin.mistake(where(key), f"{file} cannot be read: {exc.strerror}")
    roots, certificate = readable.get("ca_file"), readable.get("client_certificate_file")
    uses: list[Callable[[], object]] = []
    if roots is not None:
        uses.append(partial(client_context, ca_file=roots))
    if certificate is not None and (system.client_key_file is None or "client_key_file" in readable):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        uses.append(partial(show_certificate, context, certificate, system.client_key_file))
    for use in uses:
        try:
            use()
        except ConfigurationError as exc:
            for mistake in exc.mistakes:
                key = mistake.key.rpartition(".")[2]
                yield origin.mistake(where(key), f"{mistake.file} {mistake.problem}")
