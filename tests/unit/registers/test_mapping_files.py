"""Where mappings are found, and what an operator hears when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.mapping_files import available, find, load, read_text


def message(name_or_path: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(name_or_path)
    return str(caught.value)


def test_a_mapping_is_found_by_its_name_and_by_its_path() -> None:
    assert load("compleo-duo-solo") == load(str(find("compleo-duo-solo")))


def test_examples_are_no_mappings() -> None:
    assert not [name for name in available() if "example" in name]
    assert "there is no mapping named" in message("compleo-duo-solo.examples")


def test_a_misspelt_name_is_told_the_right_one() -> None:
    expected = "there is no mapping named compleo-duo; to use a file of your own, give its path"
    assert message("compleo-duo") == f"compleo-duo: {expected} (did you mean compleo-duo-solo?)"


def test_a_file_that_cannot_be_read_is_told_by_its_path(tmp_path: Path) -> None:
    assert message(f"{tmp_path}/none.yaml") == f"{tmp_path}/none.yaml: cannot be read: no such file or directory"
    assert message(f"{tmp_path}/") == f"{tmp_path}: cannot be read: is a directory"


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: Säule".encode("latin-1"))
    assert message(str(path)) == f"{path}: is not UTF-8 text (byte 7)"


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    text = read_text(find("compleo-duo-solo"))
    path.write_text(text, encoding="utf-8-sig")  # as an editor on Windows saves it
    assert load(str(path)).limits.minimum_power_w == 4200
    path.write_text(text.replace("minimum_power_w: 4200", "minimum_power_w: 1400"), encoding="utf-8")
    assert load(str(path)).limits.minimum_power_w == 1400
