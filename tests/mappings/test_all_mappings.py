"""What must hold for every mapping that comes with the gateway."""

from __future__ import annotations

import pytest

from ocpp_gateway.mapping_files import DIRECTORIES, available, find, load, read_text
from ocpp_gateway.registers.describe import describe
from ocpp_gateway.registers.examples import ExamplesFile, parse_examples, wrong_examples
from ocpp_gateway.registers.read_plan import plan_reads


def examples(name: str) -> ExamplesFile:
    path = find(name).with_name(f"{name}.examples.yaml")
    source, document = parse_examples(read_text(path), path.name)
    assert [str(mistake) for mistake in wrong_examples(load(name), source, document)] == []
    return source


def test_there_are_mappings() -> None:
    assert "compleo-duo-solo" in available()
    assert any(directory.is_dir() for directory in DIRECTORIES)


@pytest.mark.parametrize("name", available())
def test_it_is_named_as_its_file(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", available())
def test_its_examples_decode_and_none_of_its_fields_lacks_one(name: str) -> None:
    shown = {example.field.rpartition(".")[2] for example in examples(name).examples}
    assert {field.key.rpartition(".")[2] for field in load(name).all_fields} == shown


@pytest.mark.parametrize("name", available())
def test_every_label_has_an_example(name: str) -> None:
    shown = {(e.field.rpartition(".")[2], e.words[-1]) for e in examples(name).examples}
    for field in load(name).all_fields:
        assert {(field.key.rpartition(".")[2], raw) for raw in field.labels} <= shown


@pytest.mark.parametrize("name", available())
def test_it_can_be_planned_and_described_for_every_number_of_connectors(name: str) -> None:
    mapping = load(name)
    for number in range(1, mapping.max_connectors + 1):
        blocks = plan_reads(mapping.fields(number), max_count=mapping.transport.max_read_count)
        assert {field.key for block in blocks for field in block.fields} == {f.key for f in mapping.fields(number)}
    assert all(field.key in describe(mapping) for field in mapping.all_fields)
