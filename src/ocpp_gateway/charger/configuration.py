"""The values behind the configuration keys, and the answers to Get- and ChangeConfiguration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from ocpp_gateway.charger.configuration_keys import KEYS, Access, ConfigurationKey


class ConfigurationStatus(StrEnum):
    """OCPP 1.6 §7.22. Nothing here needs a reboot (C-15)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


class Configuration:
    """Key values of one charge point: the central system's change over the file's value over the default."""

    def __init__(self, from_file: Mapping[str, str], changed: Mapping[str, str]) -> None:
        self._values = {lowered: key.default for lowered, key in KEYS.items()}
        for name, value in (*from_file.items(), *changed.items()):
            key = KEYS.get(name.lower())
            kept = key.normalise(value) if key is not None and key.access is Access.READ_WRITE else None
            if kept is not None:
                self._values[name.lower()] = kept

    def text(self, name: str) -> str:
        """The value of a key as OCPP shows it."""
        return self._values[name.lower()]

    def integer(self, name: str) -> int:
        """The value of an integer key."""
        return int(self._values[name.lower()])

    def flag(self, name: str) -> bool:
        """The value of a boolean key."""
        return self._values[name.lower()] == "true"

    def learn(self, name: str, value: str) -> None:
        """Take a value nobody chose: register 8, or the interval of BootNotification.conf."""
        self._values[name.lower()] = value

    def change(self, name: str, value: str) -> tuple[ConfigurationStatus, ConfigurationKey | None]:
        """The answer to ChangeConfiguration; the value holds from now on when it is Accepted (C-07, C-08)."""
        key = KEYS.get(name.lower())
        if key is None:
            return ConfigurationStatus.NOT_SUPPORTED, None
        kept = key.normalise(value) if key.access is Access.READ_WRITE else None
        if kept is None:
            return ConfigurationStatus.REJECTED, key
        self._values[name.lower()] = kept
        return ConfigurationStatus.ACCEPTED, key

    def report(self, names: Sequence[str]) -> dict[str, Any]:
        """The answer to GetConfiguration: the keys asked for, or all; unknown ones apart (C-01, C-02)."""
        keys = [KEYS[name.lower()] for name in names if name.lower() in KEYS] if names else list(KEYS.values())
        answer: dict[str, Any] = {
            "configurationKey": [
                {"key": key.name, "readonly": key.access is Access.READ_ONLY, "value": self.text(key.name)}
                for key in keys
            ]
        }
        unknown = [name for name in names if name.lower() not in KEYS]
        if unknown:
            answer["unknownKey"] = unknown
        return answer
