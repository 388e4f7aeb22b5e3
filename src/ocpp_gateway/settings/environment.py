"""Values of gateway.yaml that come from the environment: `OCPP_GATEWAY_WEB__PORT=9090` is `web.port`.

Everything outside `chargers` can come from there, and wins over the file. Only names with two underscores between
the section and the key are taken, since Kubernetes itself sets `OCPP_GATEWAY_PORT` for a service called ocpp-gateway.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from ocpp_gateway.errors import Mistake
from ocpp_gateway.settings.model import CREDENTIALS, Settings
from ocpp_gateway.yaml_document import WORDS, Path, nearest

PREFIX = "OCPP_GATEWAY_"
ONLY_IN_THE_FILE = {"version", "chargers"}


@dataclass(frozen=True, slots=True)
class Overlay:
    """The file's values with those of the environment over them; `variables` tells which variable a path came from."""

    data: Any
    variables: Mapping[Path, str]
    mistakes: tuple[Mistake, ...]


def overlaid(data: Any, environ: Mapping[str, str]) -> Overlay:
    """The values of a file with those of the environment over them. What no setting is called is a mistake."""
    result = copy.deepcopy({} if data is None else data)
    if not isinstance(result, dict):
        return Overlay(data, {}, ())
    variables: dict[Path, str] = {}
    mistakes: list[Mistake] = []
    known = environment_settings()
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        kind = known.get(path) or item_kind(known.get(path[:-1]))
        if kind is None:
            mistakes.append(Mistake(variable, None, None, "", *_unknown(path, known)))
            continue
        if not text.strip():
            mistakes.append(Mistake(variable, None, None, "", "is empty", "unset it where the file's value is meant"))
            continue
        try:
            value = TypeAdapter(kind).validate_python(text)
        except ValidationError as exc:
            error = exc.errors()[0]
            words = WORDS.get(error["type"])
            mistakes.append(Mistake(variable, None, None, "", words(error.get("ctx", {})) if words else error["msg"]))
            continue
        variables[path] = variable
        _put(result, path, value)
    _drop_other_credentials(result, variables)
    return Overlay(data if not variables else result, variables, tuple(mistakes))


def variable_of(path: Path) -> str:
    """The name of the environment variable for the setting at `path`."""
    return PREFIX + "__".join(str(step) for step in path).upper()


def environment_settings() -> dict[Path, Any]:
    """Every setting that can come from the environment, with its type."""
    return dict(_leaves(Settings, ()))


def misspelt(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables with one underscore where two belong, which are not read, each with the name that would be."""
    by_look = {variable_of(path).replace("__", "_"): variable_of(path) for path in environment_settings()}
    for variable in sorted(environ.keys() & by_look.keys()):
        if variable != by_look[variable]:
            yield variable, by_look[variable]


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, alone, in a list, or or-ed with None; None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := section_in(argument))), None)


def _leaves(section: type[BaseModel], path: Path) -> Iterator[tuple[Path, Any]]:
    for name, field in section.model_fields.items():
        inner = section_in(field.annotation)
        if not path and name in ONLY_IN_THE_FILE:
            continue
        if inner is not None:
            yield from _leaves(inner, (*path, name))
        else:
            yield (*path, name), Annotated[field.annotation, field]


def item_kind(kind: Any) -> Any:
    """The type of the values, when `kind` is a section with free keys such as `log.levels`."""
    annotation = get_args(kind)[0] if kind is not None else None
    return get_args(annotation)[1] if get_origin(annotation) is dict else None


def _unknown(path: Path, known: Mapping[Path, Any]) -> tuple[str, str | None]:
    if path[0] in ONLY_IN_THE_FILE:
        return f"{path[0]} is read from the file alone", None
    return "no setting has this name", nearest(variable_of(path), [variable_of(other) for other in known])


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    *sections, key = path
    for section in sections:
        if not isinstance(data.get(str(section)), dict):
            data[str(section)] = {}
        data = data[str(section)]
    data[str(key)] = value


def _drop_other_credentials(data: dict[str, Any], variables: Mapping[Path, str]) -> None:
    """A password from the environment replaces every kind of password in the file."""
    given = {key for key in CREDENTIALS if ("central_system", key) in variables}
    if given:
        for key in set(CREDENTIALS) - given:
            data["central_system"].pop(key, None)
