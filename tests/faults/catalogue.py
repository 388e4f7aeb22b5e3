"""The catalogue of faults, and which tests show each: read from catalogue.yaml and from the names of the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

TESTS = Path(__file__).parents[1]
FILE = Path(__file__).with_name("catalogue.yaml")
GROUPS = "KDTMOC"


class Fault(BaseModel):
    """One entry. `make faults` runs `campaign`; `also` are tests of another name; `not_run` says why nothing is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: int
    fault: str
    campaign: str | None = None
    also: tuple[str, ...] = ()
    not_run: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that shows entries of the catalogue."""

    file: str
    name: str
    ids: tuple[str, ...]


def read() -> dict[str, Fault]:
    """Every entry by its id, in the order of the file."""
    return {id_: Fault.model_validate(entry) for id_, entry in YAML(typ="safe").load(FILE).items()}


def chosen(only: str, ids: Iterable[str]) -> list[str]:
    """Those of the ids that are meant by groups such as `KD`, or by entries such as `K-09,D-06`. Raises ValueError."""
    wanted = only.split(",") if "-" in only else list(only)
    found = [id_ for id_ in ids if id_ in wanted or id_[0] in wanted]
    unknown = [one for one in wanted if one not in found and one not in {id_[0] for id_ in found}]
    if unknown:
        raise ValueError(f"no group and no entry of the catalogue is called {', '.join(unknown)}")
    return found


def ids_in(name: str) -> tuple[str, ...]:
    """The ids a test's name carries: test_fault_o_17_o_18_... gives O-17 and O-18."""
    if not name.startswith("test_fault_"):
        return ()
    ids: list[str] = []
    words = name.removeprefix("test_fault_").split("_")
    while len(words) > 1 and re.fullmatch("[a-z]", words[0]) and re.fullmatch(r"\d\d", words[1]):
        letter, number, *words = words
        ids.append(f"{letter.upper()}-{number}")
    return tuple(ids)


@cache
def tests() -> tuple[Shown, ...]:
    """Every test that shows an entry, by its name or because the entry names it; the sources are read, nothing run."""
    also: dict[str, list[str]] = {}
    for id_, fault in read().items():
        for name in fault.also:
            also.setdefault(name, []).append(id_)
    return tuple(
        Shown(file.relative_to(TESTS).as_posix(), name, ids)
        for file in sorted(TESTS.rglob("test_*.py"))
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
        if (ids := (*ids_in(name), *also.get(name, ())))
    )
