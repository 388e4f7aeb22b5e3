"""Examples of a mapping: raw words and the values they must decode to, kept beside it as `<name>.examples.yaml`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field as Key

from ocpp_gateway.errors import Mistake
from ocpp_gateway.registers.codec import Value, decode
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.mapping_schema import Section
from ocpp_gateway.yaml_document import Document, nearest, parse_yaml, validate

Word = Annotated[int, Key(ge=0, le=0xFFFF)]


class Example(Section):
    """A field, by its key; the words its registers hold; the value they mean, null for one not to be believed."""

    field: str
    words: Annotated[list[Word], Key(min_length=1)]
    value: int | float | str | list[int] | list[str] | None


class ExamplesFile(Section):
    """A whole file of examples."""

    schema_version: Annotated[Literal[1], Key(alias="schema")]
    mapping: str
    examples: Annotated[list[Example], Key(min_length=1)]


def parse_examples(text: str, file: str) -> tuple[ExamplesFile, Document]:
    """The examples in a YAML text, and where each stands. Raises ConfigurationError with every mistake."""
    document = parse_yaml(text, file)
    return validate(ExamplesFile, document), document


def wrong_examples(mapping: Mapping, source: ExamplesFile, document: Document) -> Iterator[Mistake]:
    """Every example that the mapping does not decode to its value."""
    if source.mapping != mapping.name:
        yield document.mistake(("mapping",), f"names another mapping than {mapping.name}")
    fields = {field.key: field for field in mapping.all_fields}
    for index, example in enumerate(source.examples):
        path = ("examples", index)
        field = fields.get(example.field)
        if field is None:
            yield document.mistake((*path, "field"), "is not in the mapping", nearest(example.field, fields))
        elif len(example.words) != field.count:
            yield document.mistake((*path, "words"), f"must be {field.count}")
        else:
            value = decode(field, struct.pack(f">{field.count}H", *example.words))
            if _plain(value) != example.value:
                yield document.mistake((*path, "value"), f"{field.key} decodes to {value!r}")


def _plain(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value
