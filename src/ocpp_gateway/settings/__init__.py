"""What an operator wrote in gateway.yaml and in the environment, checked. The models say what may stand there."""

from __future__ import annotations

from ocpp_gateway.settings.advice import warnings_of
from ocpp_gateway.settings.load import DEFAULT_FILES, load_settings, settings_file
from ocpp_gateway.settings.model import (
    Authorization,
    AuthorizationMode,
    BootOverrides,
    CentralSystem,
    CentralSystemOverride,
    Charger,
    Fallback,
    Log,
    Modbus,
    Power,
    Settings,
    StoreSettings,
    Web,
)

__all__ = [
    "DEFAULT_FILES",
    "Authorization",
    "AuthorizationMode",
    "BootOverrides",
    "CentralSystem",
    "CentralSystemOverride",
    "Charger",
    "Fallback",
    "Log",
    "Modbus",
    "Power",
    "Settings",
    "StoreSettings",
    "Web",
    "load_settings",
    "settings_file",
    "warnings_of",
]
