from __future__ import annotations

from pathlib import Path

from unit.cli.conftest import Run

OWN = Path(__file__).parents[3] / "mappings" / "compleo-duo-solo.yaml"


def test_the_mappings_are_listed(run: Run) -> None:
    ended = run("mapping", "list")
    assert ended.exit_code == 0
    assert "compleo-duo-solo\tCompleo: DUO" in ended.out


def test_a_mapping_is_shown_with_its_plan(run: Run) -> None:
    ended = run("mapping", "show", "compleo-duo-solo")
    assert ended.exit_code == 0
    assert "Read plan: at most 16 registers a request" in ended.out


def test_an_unknown_mapping_names_the_nearest(run: Run) -> None:
    ended = run("mapping", "show", "compleo-duo")
    assert ended.exit_code == 2
    assert "did you mean compleo-duo-solo?" in ended.err


def test_a_good_file_has_no_mistakes(run: Run) -> None:
    ended = run("mapping", "check", OWN)
    assert ended.exit_code == 0
    assert ended.out.startswith(f"{OWN}: no mistakes")
    assert ended.out.endswith(" examples decode to their values\n")


def test_the_examples_beside_a_file_are_tried_too(run: Run, tmp_path: Path) -> None:
    file, beside = tmp_path / "mine.yaml", tmp_path / "mine.examples.yaml"
    file.write_bytes(OWN.read_bytes())
    assert run("mapping", "check", file).out.endswith(" fields, no examples beside it\n")
    beside.write_text(
        "schema: 1\nmapping: compleo-duo-solo\nexamples:\n"
        "  - {field: connector.1.voltage_l1_v, words: [230], value: 231}\n"
        "  - {field: connector.1.voltage_l2_v, words: [230], value: 230}\n"
        "  - {field: connector.1.voltage, words: [230], value: 230}\n"
    )
    ended = run("mapping", "check", file)
    assert ended.exit_code == 2
    assert [line.split(": ")[:2] for line in ended.err.splitlines()] == [
        [f"{beside}:4:60", "examples[0].value"],
        [f"{beside}:6:13", "examples[2].field"],
    ]


def test_every_mistake_of_a_file_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine"  # any name will do
    file.write_text(OWN.read_text("utf-8").replace("unit_id:", "unit:").replace("max_gap:", "max_gab:"))
    ended = run("mapping", "check", file)
    assert ended.exit_code == 2
    assert [line.split(" ")[1] for line in ended.err.splitlines()] == [
        "transport.unit_id:",
        "transport.unit:",
        "transport.max_gab:",
    ]
    assert all(line.startswith(f"{file}:") for line in ended.err.splitlines())
