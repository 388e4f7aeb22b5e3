"""YAML text an operator wrote: plain values, the line and column of each, and pydantic's verdict in words for people.

Pure: text in, values or `ConfigurationError` out. Used for `gateway.yaml` and for mapping files. Messages never
quote a value, so that a password at the wrong place does not end in a log.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ocpp_gateway.errors import ConfigurationError, Mistake

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

START = (1, 1)
MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Document:
    """The plain values of a YAML text, and where each of them stands.

    `key_places` holds where a key is written, `value_places` where its value begins; lines and columns count from 1.
    `mistakes` are those of the text itself, such as a key that stands there twice (its last value is in the data), or
    a value that cannot be read (None in the data); `validate` tells them with its own.
    """

    file: str
    data: Any
    key_places: Mapping[Path, tuple[int, int]] = field(repr=False, default_factory=dict)
    value_places: Mapping[Path, tuple[int, int]] = field(repr=False, default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at `path`, or of the innermost key around it that exists."""
        return self.value_places.get(path) or self.key_place(path)

    def key_place(self, path: Path) -> tuple[int, int]:
        """Line and column of the key at `path` (of the item, in a list), or of the innermost one around it."""
        while path:
            place = self.key_places.get(path) or self.value_places.get(path)
            if place:
                return place
            path = path[:-1]
        return START

    def dotted(self, path: Path) -> str:
        """The path as people write it: `chargers[0].modbus.port`."""
        text = ""
        node = self.data
        for step in path:
            if isinstance(node, list):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else str(step)
            node = _child(node, step)
        return text

    def mistake(self, path: Path, problem: str, hint: str | None = None, *, at_key: bool = False) -> Mistake:
        """A mistake at the value (or the key) at `path`."""
        line, column = self.key_place(path) if at_key else self.place(path)
        return Mistake(self.file, line, column, self.dotted(path), problem, hint)


def parse_yaml(text: str, file: str) -> Document:
    """The one document in a YAML 1.2 text. Raises ConfigurationError for what is no YAML; see `Document.mistakes`."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as exc:
        raise ConfigurationError(_syntax_mistake(exc, file)) from exc
    except YAMLError as exc:  # a byte that YAML does not allow at all: no mark, only an offset
        before = text[: getattr(exc, "position", 0)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ConfigurationError(Mistake(file, line, column, "", "a character that YAML does not allow")) from exc
    reader = _Reader(file, yaml.constructor)
    data = None if root is None else reader.read(root, ())
    return Document(file, data, reader.key_places, reader.value_places, tuple(reader.mistakes))


def validate(model: type[Model], document: Document, *, extra_mistakes: Iterable[Mistake] = ()) -> Model:
    """The document as that model.

    Raises ConfigurationError with every mistake in the order of the lines: those of the text, of the values, and
    `extra_mistakes`.
    """
    mistakes: list[Mistake] = []
    try:
        valid = model.model_validate(document.data)
    except ValidationError as exc:
        if document.data is None:
            mistakes.append(Mistake(document.file, *START, "", "the file is empty"))
        else:
            mistakes.extend(_mistakes(exc, model, document))
    mistakes.extend(extra_mistakes)  # in the same place after what is missing: they may follow from it
    unread = {(mistake.line, mistake.column) for mistake in document.mistakes if not mistake.key}
    mistakes = [mistake for mistake in mistakes if (mistake.line, mistake.column) not in unread]  # it is not empty
    mistakes.extend(document.mistakes)
    if mistakes:
        raise ConfigurationError(*sorted(mistakes, key=lambda m: (m.line or 0, m.column or 0)))
    return valid


def nearest(name: object, known: Iterable[str]) -> str | None:
    """A hint that names the known name closest to `name`, or all of them when they are few and none is close."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else None


# ---------------------------------------------------------------- text to values


class _Reader:
    """Turns YAML nodes into plain values and notes where each key and value begins."""

    def __init__(self, file: str, scalars: SafeConstructor) -> None:
        self.file = file
        self.key_places: dict[Path, tuple[int, int]] = {}
        self.value_places: dict[Path, tuple[int, int]] = {}
        self.mistakes: list[Mistake] = []
        self._scalars = scalars
        self._open: set[int] = set()  # nodes being read, so that an alias to its own parent is seen

    def read(self, node: Node, path: Path) -> Any:
        self.value_places[path] = _place(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._mistake(node, "an alias that contains itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path) if isinstance(node, MappingNode) else None
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, key_node, value_node in self._pairs(node):
            self.key_places[*path, key] = _place(key_node)
            result[key] = self.read(value_node, (*path, key))
        return result

    def _pairs(self, node: MappingNode) -> Iterator[tuple[Any, Node, Node]]:
        """The keys of a mapping with their nodes; those that `<<` brings come first, so that its own keys win."""
        first: dict[Any, Node] = {}
        own = []
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                for base in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    if isinstance(base, MappingNode) and base is not node:
                        yield from self._pairs(base)
                    else:
                        self._mistake(value_node, "<< must name a section")
            elif not isinstance(key_node, ScalarNode):
                self._mistake(key_node, "a key must be a word or a number")
            else:
                key = self._scalar(key_node)
                if key in first:
                    problem = f"the key stands here a second time; first in line {_place(first[key])[0]}"
                    self._mistake(key_node, problem, key=str(key))
                first.setdefault(key, key_node)
                own.append((key, key_node, value_node))
        yield from own

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value  # YAML 1.2 knows no dates: 2024-02-12 is text
        if not str(node.tag).startswith("tag:yaml.org,2002:"):
            self._mistake(node, f"unknown tag {node.tag}")
            return None
        return self._scalars.construct_object(node)

    def _mistake(self, node: Node, problem: str, *, key: str = "") -> None:
        mistake = Mistake(self.file, *_place(node), key, problem)
        if mistake not in self.mistakes:  # a node behind an alias is read more than once
            self.mistakes.append(mistake)


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


SYNTAX_WORDS = {
    "mapping values are not allowed here": "a ':' that cannot stand here; check the indentation, or quote the text",
    "found unexpected end of stream": "the quotation mark that opens here is never closed",
    "expected a single document in the stream": "a second document begins here; one file holds one",
}


def _syntax_mistake(exc: MarkedYAMLError, file: str) -> Mistake:
    mark = exc.problem_mark or exc.context_mark
    if exc.problem == "found unexpected end of stream":
        mark = exc.context_mark or mark
    problem = SYNTAX_WORDS.get(exc.problem or "") or SYNTAX_WORDS.get(exc.context or "")
    if problem is None and "'\\t'" in (exc.problem or ""):
        problem = "a tab; YAML is indented with spaces"
    if problem is None:
        problem = "not YAML: " + ", ".join(part for part in (exc.context, exc.problem) if part)
    if mark is None:
        return Mistake(file, None, None, "", problem)
    return Mistake(file, mark.line + 1, mark.column + 1, "", problem)


# ---------------------------------------------------------------- pydantic's errors in words


WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "unknown key",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "string_type": lambda _: "must be text",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "dict_type": lambda _: "must be a section of keys",
    "model_type": lambda _: "must be a section of keys",
    "model_attributes_type": lambda _: "must be a section of keys",
    "list_type": lambda _: "must be a list",
    "tuple_type": lambda _: "must be a list",
    "enum": lambda context: f"must be one of {context['expected'].replace(chr(39), '')}",
    "literal_error": lambda context: f"must be one of {context['expected'].replace(chr(39), '')}",
    "none_required": lambda _: "must be empty",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "multiple_of": lambda context: f"must be a multiple of {context['multiple_of']}",
    "string_too_short": lambda context: f"must have at least {context['min_length']} characters",
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
    "too_short": lambda context: f"must have at least {context['min_length']} entries",
    "too_long": lambda context: f"must have at most {context['max_length']} entries",
    "value_error": lambda context: str(context["error"]),
    "assertion_error": lambda context: str(context["error"]),
}

WRONG_KIND = {kind for kind in WORDS if kind.endswith(("_type", "_parsing"))} | {"none_required"}


@dataclass(frozen=True, slots=True)
class _Finding:
    """One error of pydantic with its path in the document; `union` is where pydantic tried several forms, if it did."""

    error: ErrorDetails
    path: Path
    union: Path | None
    at_key: bool


def _mistakes(exc: ValidationError, model: type[BaseModel], document: Document) -> Iterator[Mistake]:
    findings = [_finding(error, document.data) for error in exc.errors(include_url=False)]
    # Of a union, pydantic reports what is wrong with every form. The forms of the wrong kind say nothing when another
    # form came further; when none did, they are one mistake.
    further = {f.union for f in findings if f.union is not None and not _is_wrong_kind(f)}
    wrong_kinds: dict[Path, list[_Finding]] = {}
    for finding in findings:
        if finding.union is None or not _is_wrong_kind(finding):
            yield _mistake(finding, _words(finding.error), model, document)
        elif finding.union not in further:
            wrong_kinds.setdefault(finding.union, []).append(finding)
    for group in wrong_kinds.values():
        problems = dict.fromkeys(_words(finding.error) for finding in group if finding.error["type"] != "none_required")
        problem = " or ".join(problems).replace(" or must be ", " or ")
        yield _mistake(group[0], problem, model, document)


def _is_wrong_kind(finding: _Finding) -> bool:
    return finding.path == finding.union and finding.error["type"] in WRONG_KIND


def _finding(error: ErrorDetails, data: Any) -> _Finding:
    """The error with its place in the document: pydantic's location without the names of union members."""
    *steps, last = error["loc"] or ("",)
    at_key = last == "[key]"
    if at_key:
        last = steps.pop()
    node: Any = data
    path: Path = ()
    union: Path | None = None
    for step in steps:
        child = _child(node, step)
        if child is _ABSENT:
            union = path if union is None else union
        else:
            node, path = child, (*path, step)
    if error["type"] == "missing" or _child(node, last) is not _ABSENT:
        path = (*path, last) if error["loc"] else path
    elif error["loc"]:
        union = path if union is None else union
    return _Finding(error, path, union, at_key or error["type"] == "extra_forbidden")


def _words(error: ErrorDetails) -> str:
    words = WORDS.get(error["type"])
    problem = words(error.get("ctx", {})) if words else error["msg"][:1].lower() + error["msg"][1:]
    if error["input"] is None and error["type"] in WRONG_KIND:
        return f"is empty; {problem}"
    return problem


def _mistake(finding: _Finding, problem: str, model: type[BaseModel], document: Document) -> Mistake:
    return document.mistake(finding.path, problem, _hint(finding, model, document), at_key=finding.at_key)


def _hint(finding: _Finding, model: type[BaseModel], document: Document) -> str | None:
    kind, value = finding.error["type"], finding.error["input"]
    if kind == "extra_forbidden":
        parent = finding.path[:-1]
        unused = [name for name in _known_keys(model, parent) if _child(_at(document.data, parent), name) is _ABSENT]
        return nearest(finding.path[-1], unused)
    if kind in ("enum", "literal_error"):
        expected = finding.error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        close = difflib.get_close_matches(str(value), expected, n=1)
        return f"did you mean {close[0]}?" if close else None
    if kind in ("int_type", "float_type") and isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return "take the quotation marks away"
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return "put quotation marks around it"
    if kind == "bool_type" and isinstance(value, str):
        return "YAML 1.2 knows only true and false"
    return None


class _Absent:
    """What stands at a path that leads nowhere; None is a value."""


_ABSENT = _Absent()


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step, _ABSENT)
    if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
        return node[step]
    return _ABSENT


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = _child(node, step)
    return node


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the section at `path` may have."""
    models = [model]
    wrapped = False  # inside a list or a dict, whose index or key is the next step
    for step in path:
        if wrapped:
            wrapped = False
            continue
        fields = [info for m in models for name, info in m.model_fields.items() if step in (name, info.alias)]
        models = [inner for info in fields for inner in _models_in(info.annotation)]
        wrapped = any(_is_container(info.annotation) for info in fields)
    return [info.alias or name for m in models for name, info in m.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for argument in typing.get_args(annotation) for inner in _models_in(argument)]


def _is_container(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (list, dict, tuple):
        return True
    return any(_is_container(argument) for argument in typing.get_args(annotation))
