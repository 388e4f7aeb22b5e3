"""Every mistake of a YAML file, each at its line and column, in words for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ocpp_gateway.errors import ConfigurationError, Mistake
from ocpp_gateway.yaml_document import Document, parse_yaml, validate


class Speed(StrEnum):
    FAST = "fast"
    SLOW = "slow"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Modbus(Strict):
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502


class Charger(Strict):
    identity: str
    modbus: Modbus
    speed: Annotated[Speed, Field(strict=False)] = Speed.FAST


class File(Strict):
    version: int = 1
    chargers: list[Charger] = []
    by_name: dict[str, Modbus] = {}
    labels: dict[int, str] = {}
    link: str | Modbus = ""
    limit: int | str | None = None
    enabled: bool = True
    password: SecretStr | None = None
    even: int = 0

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        validate(File, parse_yaml(text, "f.yaml"))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_right_file_becomes_the_model() -> None:
    text = "chargers:\n  - identity: A\n    modbus: {host: h}\n    speed: slow\nlabels: {0: x}\nlink: {host: h}\n"
    file = validate(File, parse_yaml(text, "f.yaml"))
    assert file.chargers[0].speed is Speed.SLOW
    assert file.labels == {0: "x"}
    assert file.link == Modbus(host="h")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("versoin: 1", "f.yaml:1:1: versoin: unknown key (did you mean version?)", id="typo"),
        pytest.param(
            "version: '1'", "f.yaml:1:10: version: must be a whole number (take the quotation marks away)", id="int"
        ),
        pytest.param("version: 1.5", "f.yaml:1:10: version: must be a whole number", id="fraction"),
        pytest.param("version:", "f.yaml:1:9: version: is empty; must be a whole number", id="empty value"),
        pytest.param(
            "enabled: yes", "f.yaml:1:10: enabled: must be true or false (YAML 1.2 knows only true and false)", id="yes"
        ),
        pytest.param("limit: [1]", "f.yaml:1:8: limit: must be a whole number or text", id="union of scalars"),
        pytest.param("link: [1]", "f.yaml:1:7: link: must be text or a section of keys", id="union, neither kind"),
        pytest.param(
            "link:\n  port: 5", "f.yaml:1:1: link.host: is missing", id="union, right kind with a missing key"
        ),
        pytest.param(
            "link: {host: h, prot: 5}", "f.yaml:1:17: link.prot: unknown key (did you mean port?)", id="union, typo"
        ),
        pytest.param("labels: {a: b}", "f.yaml:1:10: labels.a: must be a whole number", id="kind of key"),
        pytest.param(
            "labels: {3: 4}", "f.yaml:1:13: labels.3: must be text (put quotation marks around it)", id="text"
        ),
        pytest.param(
            "by_name:\n  x: {host: h, port: 0}", "f.yaml:2:22: by_name.x.port: must be at least 1", id="in a dict"
        ),
        pytest.param(
            "by_name:\n  x: {hots: h, host: h}",
            "f.yaml:2:7: by_name.x.hots: unknown key (known: port)",
            id="typo in a dict",
        ),
        pytest.param("chargers: 5", "f.yaml:1:11: chargers: must be a list", id="no list"),
        pytest.param("chargers: [5]", "f.yaml:1:12: chargers[0]: must be a section of keys", id="no section"),
        pytest.param(
            "chargers:\n  - identity: A\n    modbus:\n      port: 1",
            "f.yaml:3:5: chargers[0].modbus.host: is missing",
            id="missing key at its parent",
        ),
        pytest.param(
            "chargers:\n  - {identity: A, modbus: {host: h}, speed: fats}",
            "f.yaml:2:45: chargers[0].speed: must be one of fast or slow (did you mean fast?)",
            id="enum",
        ),
        pytest.param("even: 3", "f.yaml:1:7: even: must be even", id="a validator's own words"),
        pytest.param("", "f.yaml:1:1: the file is empty", id="empty file"),
        pytest.param("- 1", "f.yaml:1:1: must be a section of keys", id="a list for a section"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_in_plain_words(text: str, expected: str) -> None:
    assert mistakes(text) == [expected]


def test_all_mistakes_are_told_in_the_order_of_the_lines() -> None:
    charger = "  - modbus: {host: h, port: 70000}\n    speed: warp\n"
    text = f"versoin: 1\nchargers:\n{charger}  - 7\nenabled: maybe\neven: 1\n"
    extra = Mistake("f.yaml", 6, 1, "enabled", "found by a cross-check")
    with pytest.raises(ConfigurationError) as caught:
        validate(File, parse_yaml(text, "f.yaml"), extra_mistakes=[extra])
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 3, 3, 4, 5, 6, 6, 7]


def test_a_secret_at_a_wrong_place_is_never_told() -> None:
    text = "password: [hunter2]\nenabled: hunter2\nversion: hunter2\nlimit: [hunter2]\nlink: {host: h, port: hunter2}\n"
    assert "hunter2" not in "\n".join(mistakes(text))


def test_a_key_that_stands_there_twice_hides_no_other_mistake() -> None:
    text = "version: x\nversion: 2\nenabled: 3\nchargers: []\ncharger: 1\nchargers:\n- identity: 7\n"
    assert mistakes(text) == [
        "f.yaml:2:1: version: the key stands here a second time; first in line 1",
        "f.yaml:3:10: enabled: must be true or false",
        "f.yaml:5:1: charger: unknown key (known: by_name, labels, link, limit, password, even)",
        "f.yaml:6:1: chargers: the key stands here a second time; first in line 4",
        "f.yaml:7:3: chargers[0].modbus: is missing",
        "f.yaml:7:13: chargers[0].identity: must be text (put quotation marks around it)",
    ]


def test_a_value_that_cannot_be_read_is_one_mistake_beside_the_others() -> None:
    assert mistakes("version: !env VERSION\nenabled: 3\nchargers: &a [*a]\n") == [
        "f.yaml:1:10: unknown tag !env",
        "f.yaml:2:10: enabled: must be true or false",
        "f.yaml:3:11: an alias that contains itself",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3", "f.yaml:3:1: a: the key stands here a second time; first in line 1", id="key twice"
        ),
        pytest.param(
            "a:\n  0: x\n  0x0: y", "f.yaml:3:3: 0: the key stands here a second time; first in line 2", id="0 and 0x0"
        ),
        pytest.param("a: 'x", "f.yaml:1:4: the quotation mark that opens here is never closed", id="open quotation"),
        pytest.param("a:\n\tb: 1", "f.yaml:2:1: a tab; YAML is indented with spaces", id="tab"),
        pytest.param(
            "a: 1\n b: 2",
            "f.yaml:2:3: a ':' that cannot stand here; check the indentation, or quote the text",
            id="indent",
        ),
        pytest.param(
            "a: [1, 2\nb: 3",
            "f.yaml:2:2: not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
            id="open list",
        ),
        pytest.param("a: \x01", "f.yaml:1:4: a character that YAML does not allow", id="control character"),
        pytest.param(
            "--- 1\n--- 2", "f.yaml:2:1: a second document begins here; one file holds one", id="two documents"
        ),
        pytest.param("a: !x 1", "f.yaml:1:4: unknown tag !x", id="tag"),
        pytest.param("? [a]\n: 1", "f.yaml:1:3: a key must be a word or a number", id="list as key"),
        pytest.param("a: &a [*a]", "f.yaml:1:4: an alias that contains itself", id="endless"),
        pytest.param("a: {<<: 1}", "f.yaml:1:9: << must name a section", id="merge of no section"),
    ],
)
def test_broken_yaml_is_told_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(Anything, parse_yaml(text, "f.yaml"))
    assert str(caught.value) == expected


def test_every_key_that_stands_twice_is_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(Anything, parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f.yaml"))
    assert [(mistake.line, mistake.key) for mistake in caught.value.mistakes] == [(2, "a"), (3, "c")]


def test_anchors_and_merges_keep_the_places_where_the_values_stand() -> None:
    document = parse_yaml("base: &base {host: h, port: 1}\none:\n  <<: *base\n  port: 2\n", "f.yaml")
    assert document.data["one"] == {"host": "h", "port": 2}
    assert document.place(("one", "host")) == (1, 20)
    assert document.place(("one", "port")) == (4, 9)


def test_yaml_is_read_as_version_1_2() -> None:
    # the words and dates that YAML 1.1 turned into booleans and dates are text
    document = parse_yaml("[yes, off, 2024-02-12, 0x10, 0o17, ~, '5', 1e3]", "f.yaml")
    assert document.data == ["yes", "off", "2024-02-12", 16, 15, None, "5", 1000.0]


def test_the_place_of_a_path_that_does_not_exist_is_that_of_the_key_around_it() -> None:
    document = parse_yaml("a:\n  b:\n    c: 1\n", "f.yaml")
    assert document.place(("a", "b", "x", "y")) == (2, 3)
    assert Document("f.yaml", {}).place(("a",)) == (1, 1)
