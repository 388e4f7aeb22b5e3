"""The mapping files on disk: those that come with the gateway, and an operator's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.registers.examples import parse_examples, wrong_examples
from ocpp_gateway.registers.mapping import Mapping, parse_mapping
from ocpp_gateway.yaml_document import nearest

EXAMPLES_SUFFIX = ".examples.yaml"

PACKAGE = Path(__file__).parent
DIRECTORIES = (PACKAGE / "mappings", PACKAGE.parents[1] / "mappings")
"""Inside an installed package; beside the sources of an editable one."""


def available() -> tuple[str, ...]:
    """The names of the mappings that come with the gateway, in alphabetical order."""
    names = {path.stem for directory in DIRECTORIES for path in directory.glob("*.yaml") if _is_mapping(path)}
    return tuple(sorted(names))


def load(name_or_path: str) -> Mapping:
    """The mapping of that name, or in the file at that path. Raises ConfigurationError with every mistake."""
    path = find(name_or_path)
    return _parsed(read_text(path), str(path))


@lru_cache(maxsize=16)
def _parsed(text: str, file: str) -> Mapping:
    # hundreds of chargers share one mapping; keyed by its text, so an edited file is read anew
    return parse_mapping(text, file)


def find(name_or_path: str) -> Path:
    """Where a mapping lies: whatever has a slash or the suffix is a path.

    Raises ConfigurationError for an unknown name.
    """
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    for directory in DIRECTORIES:
        path = directory / f"{name_or_path}.yaml"
        if path.is_file() and _is_mapping(path):
            return path
    problem = f"there is no mapping named {name_or_path}; to use a file of your own, give its path"
    raise ConfigurationError(Mistake(name_or_path, None, None, "", problem, nearest(name_or_path, available())))


def check_examples(file: Path, mapping: Mapping) -> int | None:
    """How many examples stand beside a mapping file, all of them decoded to their values; None without that file.

    Raises ConfigurationError with every one that the mapping decodes to something else.
    """
    beside = file.with_name(file.name.removesuffix(file.suffix) + EXAMPLES_SUFFIX)
    if not beside.is_file():
        return None
    source, document = parse_examples(read_text(beside), str(beside))
    wrong = tuple(wrong_examples(mapping, source, document))
    if wrong:
        raise ConfigurationError(*wrong)
    return len(source.examples)


def read_text(path: Path) -> str:
    """The text of a file an operator wrote. Raises ConfigurationError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise ConfigurationError(Mistake(str(path), None, None, "", f"cannot be read: {reason}")) from exc
    except UnicodeDecodeError as exc:
        problem = f"is not UTF-8 text (byte {exc.start})"
        raise ConfigurationError(Mistake(str(path), None, None, "", problem)) from exc


def _is_mapping(path: Path) -> bool:
    return not path.name.endswith(EXAMPLES_SUFFIX)
