"""From gateway.yaml and the environment to `Settings`, or to every mistake at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ocpp_gateway import mapping_files
from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.settings.checks import Origin, mistakes_across
from ocpp_gateway.settings.environment import overlaid, section_in
from ocpp_gateway.settings.model import Section, Settings, is_path
from ocpp_gateway.settings.versions import up_to_date
from ocpp_gateway.yaml_document import parse_yaml, validate

S = TypeVar("S", bound=BaseModel)

DEFAULT_FILES = (Path("gateway.yaml"), Path("/etc/ocpp-gateway/gateway.yaml"))

FILE_KEYS = ("password_file", "ca_file", "client_certificate_file", "client_key_file")


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in that file (in the first of `DEFAULT_FILES` that exists, when None), the environment over them.

    Paths in the file are relative to its directory. Reads the mapping files, passwords and certificates that it
    names, and asks nothing of the network. Raises ConfigurationError with every mistake.
    """
    file = settings_file(path)
    document = parse_yaml(mapping_files.read_text(file), str(file))
    overlay = overlaid(_with_paths_from(file.parent.absolute(), up_to_date(document.data)), environ)
    document = dataclasses.replace(document, data=overlay.data)
    usable = usable_part(Settings, overlay.data if isinstance(overlay.data, dict) else {})
    across = mistakes_across(usable, Origin(document, overlay.variables))
    return validate(Settings, document, extra_mistakes=(*overlay.mistakes, *across))


def settings_file(path: Path | None) -> Path:
    """That file, or the first of `DEFAULT_FILES` that exists. Raises ConfigurationError when there is none."""
    for candidate in DEFAULT_FILES if path is None else (path,):
        if candidate.exists():
            return candidate
    if path is not None:
        hint = "begin with: ocpp-gateway config example"
        raise ConfigurationError(Mistake(str(path), None, None, "", "there is no such file", hint))
    looked = " nor ".join(str(candidate) for candidate in DEFAULT_FILES)
    raise ConfigurationError(
        Mistake(
            str(DEFAULT_FILES[0]),
            None,
            None,
            "",
            f"there is neither {looked}",
            "name a file with -c, or begin with: ocpp-gateway config example > gateway.yaml",
        )
    )


def usable_part(model: type[S], data: Mapping[str, Any]) -> S:
    """What is right in the data, as that section: a wrong key counts as absent.

    So a mistake in one key does not hide another between two other keys. A required key that is missing or wrong is
    no attribute of the result.
    """
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        section, raw = section_in(field.annotation), data.get(name)
        if name not in data:
            continue
        if section is not None and isinstance(raw, dict):
            values[name] = usable_part(section, raw)
        elif section is not None and isinstance(raw, list):
            values[name] = tuple(usable_part(section, item if isinstance(item, dict) else {}) for item in raw)
        else:
            try:
                values[name] = _adapter(model, name).validate_python(raw)
            except ValidationError:
                continue  # `validate` tells it
    return model.model_construct(set(values), **values)


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    return TypeAdapter(kind, config=None if section_in(field.annotation) else Section.model_config)


def _with_paths_from(directory: Path, data: Any) -> Any:
    """The data with its relative paths seen from that directory."""
    if not isinstance(data, dict):
        return data
    result = dict(data)
    if "central_system" in data:
        result["central_system"] = _with_file_keys_from(directory, data["central_system"])
    if isinstance(data.get("chargers"), list):
        result["chargers"] = [_charger_with_paths_from(directory, charger) for charger in data["chargers"]]
    return result


def _charger_with_paths_from(directory: Path, charger: Any) -> Any:
    if not isinstance(charger, dict):
        return charger
    result = dict(charger)
    mapping = charger.get("mapping")
    if isinstance(mapping, str) and is_path(mapping):
        result["mapping"] = str(directory / mapping)
    if "central_system" in charger:
        result["central_system"] = _with_file_keys_from(directory, charger["central_system"])
    return result


def _with_file_keys_from(directory: Path, section: Any) -> Any:
    if not isinstance(section, dict):
        return section
    paths = {key: str(directory / section[key]) for key in FILE_KEYS if isinstance(section.get(key), str)}
    return section | paths
