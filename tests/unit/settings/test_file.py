"""From a file to settings, or to every mistake in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.settings import Settings, load_settings
from unit.settings.conftest import GOOD, Load, Mistakes


def test_a_small_file_is_enough_and_the_rest_has_defaults(load: Load) -> None:
    settings = load()
    (charger,) = settings.chargers
    assert charger.modbus.host == "192.168.1.50"
    assert (charger.modbus.port, charger.modbus.unit_id, charger.modbus.timeout_s) == (None, None, 1.0)
    assert (charger.poll_interval_s, charger.idle_poll_interval_s) == (1.0, None)
    assert (charger.authorization.mode, charger.authorization.unknown_id_tag) == ("charger", "UNKNOWN")
    assert (charger.power.nominal_voltage_v, charger.power.tolerance_w) == (230, 60)
    assert (charger.fallback, charger.connector_max_power_w, charger.configuration) == (None, None, {})
    assert settings.central_system.security_profile == 2
    assert settings.store.url == "sqlite:////var/lib/ocpp-gateway/gateway.db"
    assert (settings.web.enabled, settings.web.host, settings.web.port) == (True, "127.0.0.1", 8080)
    assert (settings.log.level, settings.log.format, settings.log.show_id_tags) == ("INFO", "auto", False)


def test_settings_cannot_be_changed(load: Load) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().web.port = 1


def test_no_secret_shows_when_settings_are_printed(load: Load) -> None:
    assert "sixteen-bytes-ok" not in repr(load())
    assert "sixteen-bytes-ok" not in load().model_dump_json()


# ---------------------------------------------------------------- the file itself


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "gateway.yaml", {})
    assert str(caught.value) == (
        f"{tmp_path}/gateway.yaml: there is no such file (begin with: ocpp-gateway config example)"
    )


def test_a_missing_section_is_told_before_what_follows_from_it(mistakes: Mistakes) -> None:
    text = GOOD.replace(GOOD[GOOD.index("central_system:") : GOOD.index("chargers:")], "")
    assert mistakes(text) == [
        "gateway.yaml:1:1: central_system: is missing",
        "gateway.yaml:1:1: central_system.security_profile: security profile 2 needs a password "
        "(password_file, password or authorization_key)",
    ]


def test_without_a_name_the_file_here_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(GOOD)
    assert load_settings(None, {}).chargers[0].identity == "SITE-1"


def test_without_any_file_both_places_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ocpp_gateway.settings.load.DEFAULT_FILES", (Path("gateway.yaml"), tmp_path / "etc.yaml"))
    with pytest.raises(
        ConfigurationError, match=rf"^gateway.yaml: there is neither gateway.yaml nor {tmp_path}/etc.yaml"
    ):
        load_settings(None, {})


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: is a directory"):
        load_settings(tmp_path, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(GOOD)
    file.chmod(0)
    with pytest.raises(ConfigurationError, match="cannot be read: permission denied"):
        load_settings(file, {})


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(b"version: 1\nidentity: \xff\xfe\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load_settings(file, {})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(GOOD, "utf-8-sig")
    assert load_settings(file, {}).version == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("", "gateway.yaml:1:1: the file is empty", id="empty"),
        pytest.param("version: 1\n\tweb:\n", "gateway.yaml:2:1: a tab; YAML is indented with spaces", id="tab"),
        pytest.param("just text", "gateway.yaml:1:1: must be a section of keys", id="no sections"),
    ],
)
def test_what_is_no_configuration_is_one_line_with_its_place(mistakes: Mistakes, text: str, line: str) -> None:
    assert mistakes(text) == [line]


def test_a_key_that_stands_there_twice_hides_no_other_mistake(mistakes: Mistakes) -> None:
    text = GOOD.replace("44000", "44").replace("SITE-1", "''") + "web: {port: 8080}\nweb: {prot: 8080}\n"
    assert [line.split(": ")[:2] for line in mistakes(text)] == [
        ["gateway.yaml:6:15", "chargers[0].identity"],
        ["gateway.yaml:9:18", "chargers[0].max_power_w"],
        ["gateway.yaml:11:1", "web"],
        ["gateway.yaml:11:7", "web.prot"],
    ]


def test_mistakes_never_quote_a_password(mistakes: Mistakes) -> None:
    text = GOOD.replace(
        "password: sixteen-bytes-ok", "password: [canary-1]\n  authorization_key: canary-2\n  pasword: canary-3"
    )
    assert len(mistakes(text)) == 3
    assert "canary" not in str(mistakes(text))


# ---------------------------------------------------------------- acceptance 7: every mistake at once


def test_five_mistakes_of_five_kinds_are_all_told_with_their_places(mistakes: Mistakes) -> None:
    text = """\
    version: 1
    central_system:
      url: ws://cpms.example.com/ocpp
      security_profile: 2
      password: sixteen-bytes-ok
    chargers:
      - identity: SITE-1
        mapping: compleo-duo-sollo
        modbus: {host: 192.168.1.50, port: "502"}
        max_power: 44000
        fallback: {power_w: 4200, after_s: 5}
    """
    assert mistakes(text) == [
        "gateway.yaml:3:8: central_system.url: security profile 2 needs TLS, and ws:// has none "
        "(wss://; or security_profile 1 (password) or 0 where nobody else can listen)",
        "gateway.yaml:7:5: chargers[0].max_power_w: is missing",
        "gateway.yaml:8:14: chargers[0].mapping: there is no mapping of this name (did you mean compleo-duo-solo?)",
        "gateway.yaml:9:40: chargers[0].modbus.port: must be a whole number (take the quotation marks away)",
        "gateway.yaml:10:5: chargers[0].max_power: unknown key (did you mean max_power_w?)",
        "gateway.yaml:11:40: chargers[0].fallback.after_s: must be more than 8, or the charger falls back while "
        "the gateway lives (twice the longest silence: a poll interval and 3 time-outs, 4 s)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        pytest.param("version: 1", "version: 0", "gateway.yaml:1:10: version: must be one of 1", id="version"),
        pytest.param(
            "version: 1",
            "version: 2",
            "gateway.yaml:1:10: version: is of a newer ocpp-gateway than this one, which reads 1: "
            "install the newer one, or take back the file that was here before the upgrade (docs/upgrading.md)",
            id="newer version",
        ),
        pytest.param("version: 1\n", "", "gateway.yaml:1:1: version: is missing", id="no version"),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 0",
            "gateway.yaml:9:18: chargers[0].max_power_w: must be more than 0",
            id="no power",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44",
            "gateway.yaml:9:18: chargers[0].max_power_w: is less than any car charges with, 1380 W "
            "(watts, not kilowatts)",
            id="kilowatts",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    connector_max_power_w: 50000",
            "gateway.yaml:10:28: chargers[0].connector_max_power_w: is more than max_power_w, 44000",
            id="connector above installation",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 22000\n    fallback: {power_w: 30000, after_s: 60}",
            "gateway.yaml:10:25: chargers[0].fallback.power_w: is more than max_power_w, 22000",
            id="fault c-01 fallback above installation",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    connector_max_power_w: 11000\n    fallback: {power_w: 11100, after_s: 60}",
            "gateway.yaml:11:25: chargers[0].fallback.power_w: is more than connector_max_power_w, 11000 "
            "(one car alone may take all of it)",
            id="fault c-01 fallback above connector",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    connector_max_power_w: 11",
            "gateway.yaml:10:28: chargers[0].connector_max_power_w: is less than any car charges with, 1380 W "
            "(watts, not kilowatts)",
            id="fault c-01 connector in kilowatts",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    idle_poll_interval_s: 60\n    fallback: {power_w: 0, after_s: 60}",
            "gateway.yaml:11:37: chargers[0].fallback.after_s: must be more than 126, or the charger falls back while "
            "the gateway lives (twice the longest silence: a poll interval and 3 time-outs, 63 s)",  # 60 s + 3 × 1 s
            id="fault c-01 fallback within an idle poll interval",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    idle_poll_interval_s: 60\n    fallback: {power_w: 0, after_s: 239}",
            "gateway.yaml:11:37: chargers[0].fallback.after_s: must be at least 240: 4 polls "
            "(one that fails must be followed by others in time; the longest interval is 60 s)",
            id="fault c-01 fallback within four polls",
        ),
        pytest.param(
            "host: 192.168.1.50",
            "host: 192.168.1.50:502",
            "gateway.yaml:8:20: chargers[0].modbus.host: must be a host name or an IP address alone; "
            "the port has a key of its own",
            id="host with port",
        ),
        pytest.param(
            "host: 192.168.1.50",
            "host: 192.168.1.50, unit: 1",
            "gateway.yaml:8:34: chargers[0].modbus.unit: unknown key (did you mean unit_id?)",
            id="typo",
        ),
        pytest.param(
            "identity: SITE-1",
            "identity: 4711",
            "gateway.yaml:6:15: chargers[0].identity: must be text (put quotation marks around it)",
            id="identity that looks like a number",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    authorization: {mode: chargr}",
            "gateway.yaml:10:27: chargers[0].authorization.mode: must be one of charger, central_system or free "
            "(did you mean charger?)",
            id="mode",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    poll_interval_s: .nan",
            "gateway.yaml:10:22: chargers[0].poll_interval_s: must be a finite number",
            id="not a number",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    configuration: {MeterValueSampleIntervall: '60'}",
            "gateway.yaml:10:21: chargers[0].configuration.MeterValueSampleIntervall: no OCPP configuration key of "
            "this gateway (did you mean MeterValueSampleInterval?)",
            id="configuration key",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    configuration: {MeterValueSampleInterval: 'often'}",
            "gateway.yaml:10:47: chargers[0].configuration.MeterValueSampleInterval: is no value for this key: "
            "integer, s, such as 60",
            id="configuration value",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    configuration: {ConnectorPhaseRotation: '0.RST,3.RST'}",
            "gateway.yaml:10:45: chargers[0].configuration.ConnectorPhaseRotation: is no value for this key: "
            "list, such as 0.Unknown,1.Unknown,2.Unknown",
            id="configuration value of a connector beyond the mapping's",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    configuration: {NumberOfConnectors: '2'}",
            "gateway.yaml:10:21: chargers[0].configuration.NumberOfConnectors: this configuration key is read-only",
            id="read-only configuration key",
        ),
        pytest.param(
            "max_power_w: 44000",
            "max_power_w: 44000\n    configuration: {MeterValueSampleInterval: 60}",
            "gateway.yaml:10:47: chargers[0].configuration.MeterValueSampleInterval: must be text "
            "(put quotation marks around it)",
            id="configuration value that is a number",
        ),
        pytest.param(
            "chargers:",
            "web: {host: 'http://0.0.0.0'}\nchargers:",
            "gateway.yaml:5:13: web.host: must be a host name or an IP address alone; the port has a key of its own",
            id="address of the dashboard",
        ),
        pytest.param(
            "chargers:",
            "web: {port: 65536}\nchargers:",
            "gateway.yaml:5:13: web.port: must be at most 65535",
            id="port",
        ),
        pytest.param(
            "chargers:",
            "log: {level: VERBOSE}\nchargers:",
            "gateway.yaml:5:14: log.level: must be one of DEBUG, INFO, WARNING or ERROR",
            id="log level",
        ),
        pytest.param(
            "chargers:",
            "store: {url: postgresql://db/gateway}\nchargers:",
            "gateway.yaml:5:14: store.url: must name a SQLite file, such as sqlite:////var/lib/ocpp-gateway/gateway.db",
            id="store",
        ),
        pytest.param(
            "chargers:",
            "store: {url: 'sqlite://'}\nchargers:",
            "gateway.yaml:5:14: store.url: must name a SQLite file, such as sqlite:////var/lib/ocpp-gateway/gateway.db",
            id="store in memory",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(mistakes: Mistakes, old: str, new: str, line: str) -> None:
    assert mistakes(GOOD.replace(old, new)) == [line]


def test_fault_c_01_a_fallback_must_take_longer_than_twice_the_longest_silence(load: Load, mistakes: Mistakes) -> None:
    # a poll interval of 1 s + 3 time-outs of 1 s = 4 s, twice that = 8 s
    assert len(mistakes(GOOD + "    fallback: {power_w: 0, after_s: 8}\n")) == 1
    assert load(GOOD + "    fallback: {power_w: 0, after_s: 9}\n").chargers[0].fallback is not None


def test_fault_c_01_four_polls_fit_into_a_fallback(load: Load) -> None:
    text = GOOD + "    poll_interval_s: 10\n    fallback: {power_w: 0, after_s: 40}\n"
    assert load(text).chargers[0].fallback is not None


def test_no_chargers_is_a_mistake(mistakes: Mistakes) -> None:
    text = GOOD[: GOOD.index("chargers:")] + "chargers: []\n"
    assert mistakes(text) == ["gateway.yaml:5:11: chargers: names no charger"]


def test_two_chargers_must_differ_in_identity_and_address(mistakes: Mistakes) -> None:
    text = GOOD + GOOD[GOOD.index("  - identity") :]
    assert mistakes(text) == [
        "gateway.yaml:10:15: chargers[1].identity: the charger in line 6 has this identity too",
        "gateway.yaml:12:20: chargers[1].modbus.host: the charger in line 8 is this one too; "
        "two connections would fight for it",
    ]


def test_two_units_behind_one_address_are_two_chargers(load: Load) -> None:
    second = GOOD[GOOD.index("  - identity") :].replace("SITE-1", "SITE-2").replace(".50}", ".50, unit_id: 2}")
    assert len(load(GOOD + second).chargers) == 2


def test_a_wrong_charger_does_not_hide_the_mistakes_of_the_next(mistakes: Mistakes) -> None:
    second = GOOD[GOOD.index("  - identity") :].replace("SITE-1", "SITE-2").replace(".50", ".51").replace("44000", "44")
    lines = mistakes(GOOD.replace("mapping:", "maping:") + second)
    assert [line.split(" ")[1] for line in lines] == [
        "chargers[0].mapping:",
        "chargers[0].maping:",
        "chargers[1].max_power_w:",
    ]


# ---------------------------------------------------------------- mapping files


def test_a_mapping_can_be_a_path_relative_to_the_file(load: Load, tmp_path: Path) -> None:
    own = Path(__file__).parents[3] / "mappings" / "compleo-duo-solo.yaml"
    (tmp_path / "mine.yaml").write_text(own.read_text("utf-8"), "utf-8")
    settings = load(GOOD.replace("compleo-duo-solo", "./mine.yaml"))
    assert settings.chargers[0].mapping == str(tmp_path / "mine.yaml")
    assert load(GOOD.replace("compleo-duo-solo", "mine.yaml")) == settings


def test_a_path_to_no_mapping_is_a_mistake(mistakes: Mistakes) -> None:
    (line,) = mistakes(GOOD.replace("compleo-duo-solo", "mine.yaml"))
    assert line == "gateway.yaml:7:14: chargers[0].mapping: there is no file mine.yaml"


def test_the_mistakes_of_a_mapping_file_are_told_too(mistakes: Mistakes, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("schema: 1\nmeta: {name: mine}\n", "utf-8")
    lines = mistakes(GOOD.replace("compleo-duo-solo", "mine.yaml").replace("44000", "44"))
    assert len(lines) > 2
    assert {line.split(":")[0] for line in lines} == {"gateway.yaml", "mine.yaml"}


# ---------------------------------------------------------------- identity in the URL


@pytest.mark.parametrize(
    ("url", "identity", "asked"),
    [
        ("wss://host/ocpp", "RDAM 123", "wss://host/ocpp/RDAM%20123"),
        ("wss://host/ocpp/", "SITE-1", "wss://host/ocpp/SITE-1"),
        ("wss://host", "SITE-1", "wss://host/SITE-1"),
        ("wss://host:8443/a//", "a/b?c#d%", "wss://host:8443/a/a%2Fb%3Fc%23d%25"),
        ("wss://host/ocpp", "Köln", "wss://host/ocpp/K%C3%B6ln"),
        ("wss://host/{identity}/ws", "a b", "wss://host/a%20b/ws"),
        ("wss://host/ws?id={identity}", "a&b", "wss://host/ws?id=a%26b"),
        ("wss://host/ws?v=1", "SITE-1", "wss://host/ws/SITE-1?v=1"),
        ("ws://[::1]:9000/ocpp", "SITE-1", "ws://[::1]:9000/ocpp/SITE-1"),
    ],
)
def test_t_01_t_02_the_identity_is_percent_encoded_once(load: Load, url: str, identity: str, asked: str) -> None:
    text = GOOD.replace("wss://cpms.example.com/ocpp", f"'{url}'\n  security_profile: 1")
    assert load(text).central_system.url_for(identity) == asked


def test_the_schema_of_the_models_is_complete() -> None:
    schema = Settings.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "max_power_w" in schema["$defs"]["Charger"]["required"]
