"""What is allowed, but an operator should know before it matters."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ocpp_gateway import mapping_files
from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.settings.environment import misspelt
from ocpp_gateway.settings.model import CREDENTIALS, CentralSystem, Charger, Settings, Web, is_ip_address

PASSWORD_BYTES = range(16, 21)
"""Conformance Z-02, from the OCPP 1.6 security whitepaper."""


def warnings_of(settings: Settings, file: Path, environ: Mapping[str, str]) -> list[str]:
    """One line for each thing an operator should know about these settings, read from that file and environment."""
    found: dict[str, None] = {}
    for charger in settings.chargers:
        found |= dict.fromkeys(_about_authorization(charger))
        found |= dict.fromkeys(_about_power(charger))
    for system, whose in _systems(settings):
        found |= dict.fromkeys(_about_central_system(system, whose))
    found |= dict.fromkeys(_about_web(settings.web))
    found |= dict.fromkeys(_about_file_modes(settings, file))
    for variable, meant in misspelt(environ):
        found[f"{variable} is not read; the setting is {meant}, with two underscores"] = None
    return list(found)


def _about_authorization(charger: Charger) -> Iterator[str]:
    if charger.authorization.mode != "central_system":
        return
    yield (
        f"{charger.identity}: mode central_system relies on two things that no charger's document promises: a limit of "
        "0 W pauses the car, and a tag shows while it is paused. Test on site: plug in without a tag (no energy may "
        "flow), then with a refused tag (none), then with an accepted one (the car charges)"
    )
    if charger.fallback is not None and charger.fallback.power_w > 0:
        yield (
            f"{charger.identity}: with the gateway dead, the charger gives {charger.fallback.power_w} W to everyone "
            "(fallback.power_w), accepted or not"
        )


def _about_power(charger: Charger) -> Iterator[str]:
    minimum_w = mapping_files.load(charger.mapping).limits.minimum_power_w
    for key in ("max_power_w", "connector_max_power_w"):
        power_w = getattr(charger, key)
        if power_w is not None and power_w < minimum_w:
            told = f"with {key} {power_w} W no car ever charges: the charger pauses below {minimum_w} W"
            yield f"{charger.identity}: {told}"


def _systems(settings: Settings) -> Iterator[tuple[CentralSystem, str]]:
    """Each central system in use, and whose it is when it is not the common one."""
    for charger in settings.chargers:
        own = charger.central_system is not None
        yield settings.central_system_of(charger), f"{charger.identity}: " if own else ""


def _about_central_system(system: CentralSystem, whose: str) -> Iterator[str]:
    url = urlsplit(system.url)
    if url.scheme == "ws" and not _is_loopback(url.hostname or ""):
        yield f"{whose}ws:// to {url.hostname}: anyone on the way can read and change everything; use wss:// if you can"
    if system.security_profile in (0, 3):
        if any(getattr(system, key) is not None for key in CREDENTIALS):
            yield f"{whose}security profile {system.security_profile} uses no password; the one given is not sent"
        return
    try:
        password = system.read_password()
    except ConfigurationError:
        return  # it was there a moment ago; the session will tell
    if password is not None and len(password) not in PASSWORD_BYTES:
        yield f"{whose}the password has {len(password)} bytes; OCPP 1.6 wants 16 to 20, a strict central system too"


def _about_web(web: Web) -> Iterator[str]:
    if web.enabled and not _is_loopback(web.host):
        yield (
            f"web.host {web.host}: other machines can reach the dashboard, and passwords cross the network readable; "
            "put a reverse proxy with TLS before it, and keep web.host at 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_ip_address(host) and ipaddress.ip_address(host).is_loopback)


def _about_file_modes(settings: Settings, file: Path) -> Iterator[str]:
    sections = [settings.central_system, *(c.central_system for c in settings.chargers if c.central_system)]
    secret_files = [section.password_file for section in sections if section.password_file is not None]
    secret_files += [section.client_key_file for section in sections if section.client_key_file is not None]
    if any(section.password or section.authorization_key for section in sections):
        secret_files.append(file)
    for secret_file in dict.fromkeys(secret_files):
        if secret_file.exists() and secret_file.stat().st_mode & stat.S_IROTH:
            yield f"{secret_file} holds a secret and every user of this machine can read it: chmod o-r {secret_file}"
