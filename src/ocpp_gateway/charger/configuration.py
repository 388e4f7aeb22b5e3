"""The values behind the configuration keys, and the answers to Get- and ChangeConfiguration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from ocpp_gateway.charger.configuration_keys import Access, ConfigurationKey, keys_of


class ConfigurationStatus(StrEnum):
    """OCPP 1.6 §7.22. Nothing here needs a reboot (C-15)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


class Configuration:
    """Key values of one charge point: the central system's change over the file's value over the default."""

    def __init__(self, from_file: Mapping[str, str], changed: Mapping[str, str], number_of_connectors: int) -> None:
        self._changed = {name.lower(): value for name, value in changed.items()}
        self._from_file = {name.lower(): value for name, value in from_file.items()}
        self._learned: dict[str, str] = {}
        self.has_connectors(number_of_connectors)

    def has_connectors(self, number: int) -> None:
        """The charger said how many connectors it has: some keys depend on it."""
        self._keys = keys_of(number)
        self._values = {name: self._kept(key) for name, key in self._keys.items()} | self._learned

    def _kept(self, key: ConfigurationKey) -> str:
        """The value given for a key; what is none, or of a key that is not to be given, does not count."""
        for given in (self._changed, self._from_file) if key.access is Access.READ_WRITE else ():
            kept = key.normalise(given[key.name.lower()]) if key.name.lower() in given else None
            if kept is not None:
                return kept
        return key.default

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
        """Take a value nobody chose, such as the interval of BootNotification.conf."""
        self._values[name.lower()] = self._learned[name.lower()] = value

    def change(self, name: str, value: str) -> tuple[ConfigurationStatus, ConfigurationKey | None]:
        """The answer to ChangeConfiguration; the value holds from now on when it is Accepted (C-07, C-08)."""
        lowered = name.lower()
        key = self._keys.get(lowered)
        if key is None:
            return ConfigurationStatus.NOT_SUPPORTED, None
        kept = key.normalise(value) if key.access is Access.READ_WRITE else None
        if kept is None:
            return ConfigurationStatus.REJECTED, key
        self._values[lowered] = self._changed[lowered] = kept
        self._learned.pop(lowered, None)
        return ConfigurationStatus.ACCEPTED, key

    def entries(self) -> list[dict[str, Any]]:
        """Every key with its value, where that comes from, and what it means, ready for JSON."""
        return [
            {
                "key": key.name,
                "value": self._values[lowered],
                "default": key.default,
                "read_only": key.access is Access.READ_ONLY,
                "type": key.type,
                "meaning": key.meaning,
                "source": self._source(lowered, key),
            }
            for lowered, key in self._keys.items()
        ]

    def _source(self, lowered: str, key: ConfigurationKey) -> str:
        """Who gave the value that holds; one that was given but is none does not count."""
        if lowered in self._learned:
            return "boot"
        if key.access is Access.READ_WRITE:
            for source, given in (("central_system", self._changed), ("file", self._from_file)):
                if lowered in given and key.normalise(given[lowered]) is not None:
                    return source
        return "default"

    def report(self, names: Sequence[str]) -> dict[str, Any]:
        """The answer to GetConfiguration: the keys asked for, or all; unknown ones apart (C-01, C-02)."""
        wanted = dict.fromkeys(name.lower() for name in names) if names else self._keys
        keys = [self._keys[lowered] for lowered in wanted if lowered in self._keys]
        answer: dict[str, Any] = {
            "configurationKey": [
                {"key": key.name, "readonly": key.access is Access.READ_ONLY, "value": self.text(key.name)}
                for key in keys
            ]
        }
        unknown = [name for name in names if name.lower() not in self._keys]
        if unknown:
            answer["unknownKey"] = unknown
        return answer
