"""The central system: its address, its security profile, and where the password comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme

from unit.settings.conftest import GOOD, Load, Mistakes

PASSWORD = "  password: sixteen-bytes-ok\n"


def with_system(*lines: str, charger: str = "") -> str:
    """The good file with these lines in `central_system`, and those in the charger's own."""
    own = f"    central_system: {{{charger}}}\n" if charger else ""
    return GOOD.replace(PASSWORD, "".join(f"  {line}\n" for line in lines)) + own


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["security_profile: 2"],
            ["gateway.yaml:4:21: central_system.security_profile: security profile 2 needs a password "
             "(password_file, password or authorization_key)"],
            id="2 without a password",
        ),
        pytest.param(
            [],
            ["gateway.yaml:2:1: central_system.security_profile: security profile 2 needs a password "
             "(password_file, password or authorization_key)"],
            id="default without a password",
        ),
        pytest.param(
            ["security_profile: 3"],
            ["gateway.yaml:4:21: central_system.security_profile: security profile 3 needs client_certificate_file",
             "gateway.yaml:4:21: central_system.security_profile: security profile 3 needs client_key_file"],
            id="3 without a certificate",
        ),
        pytest.param(
            ["security_profile: 4", "password: sixteen-bytes-ok"],
            ["gateway.yaml:4:21: central_system.security_profile: must be at most 3"],
            id="4",
        ),
        pytest.param(
            ["password: one-of-two-is-it", "authorization_key: 000102030405060708090A0B0C0D0E0F"],
            ["gateway.yaml:5:3: central_system.authorization_key: password is given too; one of them is enough"],
            id="two passwords",
        ),
        pytest.param(
            ["authorization_key: 00010203040506070809zz"],
            ["gateway.yaml:4:22: central_system.authorization_key: must be an even number of hexadecimal digits, "
             "32 to 40 by the specification"],
            id="no hexadecimal",
        ),
        pytest.param(
            ["password: sixteen-bytes-ok", "ca_file: roots.pem"],
            ["gateway.yaml:5:12: central_system.ca_file: roots.pem cannot be read: No such file or directory"],
            id="no roots",
        ),
    ],
)  # fmt: skip
def test_a_wrong_central_system_is_told(mistakes: Mistakes, lines: list[str], expected: list[str]) -> None:
    assert mistakes(with_system(*lines)) == expected


# ---------------------------------------------------------------- the files of TLS


@pytest.fixture
def tls_files(tmp_path: Path) -> None:
    """Good ones beside gateway.yaml, and what an operator may put in their place."""
    authority = trustme.CA()
    ours, other = authority.issue_cert("SITE-1.example.com"), authority.issue_cert("SITE-2.example.com")
    contents = {
        "roots.pem": authority.cert_pem.bytes(),
        "client.pem": ours.cert_chain_pems[0].bytes(),
        "key.pem": ours.private_key_pem.bytes(),
        "other.pem": other.private_key_pem.bytes(),
        "text.pem": b"a-host-name\n",
        "empty.pem": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["ca_file: roots.pem", "client_certificate_file: client.pem", "client_key_file: key.pem"], []),
        (["ca_file: text.pem"], ["5:12: central_system.ca_file: text.pem does not hold PEM certificates"]),
        (["ca_file: empty.pem"], ["5:12: central_system.ca_file: empty.pem does not hold PEM certificates"]),
        (["ca_file: key.pem"], ["5:12: central_system.ca_file: key.pem does not hold PEM certificates"]),
        (
            ["client_certificate_file: text.pem", "client_key_file: key.pem"],
            ["5:28: central_system.client_certificate_file: text.pem does not hold a PEM certificate"],
        ),
        (
            ["client_certificate_file: client.pem", "client_key_file: text.pem"],
            ["6:20: central_system.client_key_file: text.pem does not hold an unencrypted PEM key"],
        ),
        (
            ["client_certificate_file: client.pem", "client_key_file: other.pem"],
            ["6:20: central_system.client_key_file: other.pem holds the key of another certificate than client.pem"],
        ),
        (
            ["client_certificate_file: client.pem"],
            [
                "5:28: central_system.client_certificate_file: client.pem does not hold a PEM certificate and its "
                "unencrypted key"
            ],
        ),
        (
            ["ca_file: text.pem", "client_certificate_file: missing.pem", "client_key_file: text.pem"],
            [
                "5:12: central_system.ca_file: text.pem does not hold PEM certificates",
                "6:28: central_system.client_certificate_file: missing.pem cannot be read: No such file or directory",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("tls_files")
def test_a_tls_file_that_cannot_be_used_is_told_before_anything_runs(
    load: Load, mistakes: Mistakes, lines: list[str], expected: list[str]
) -> None:
    text = with_system("password: sixteen-bytes-ok", *lines)
    if expected:
        assert mistakes(text) == [f"gateway.yaml:{line}" for line in expected]
    else:
        load(text)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://cpms.example.com/ocpp", "must be a websocket address, such as wss://cpms.example.com/ocpp"),
        ("cpms.example.com", "must be a websocket address, such as wss://cpms.example.com/ocpp"),
        ("wss://", "must be a websocket address, such as wss://cpms.example.com/ocpp"),
        ("wss://host:port/", "must be a websocket address, such as wss://cpms.example.com/ocpp"),
        ("wss://u:canary@host/", "must not hold a user or a password; the user is the identity, see password_file"),
        ("'wss://host/#a'", "must not hold a '#'"),
    ],
)
def test_a_wrong_url_is_told_and_not_quoted(mistakes: Mistakes, url: str, problem: str) -> None:
    assert mistakes(GOOD.replace("wss://cpms.example.com/ocpp", url)) == [
        f"gateway.yaml:3:8: central_system.url: {problem}"
    ]


@pytest.mark.parametrize("profile", [0, 1])
def test_profiles_0_and_1_may_go_without_tls(load: Load, profile: int) -> None:
    text = GOOD.replace("wss:", "ws:").replace(PASSWORD, f"{PASSWORD}  security_profile: {profile}\n")
    assert load(text).central_system.url.startswith("ws:")


def test_basic_authentication_cannot_carry_a_colon_in_the_identity(mistakes: Mistakes, load: Load) -> None:
    text = GOOD.replace("SITE-1", "'SITE:1'")
    assert mistakes(text) == [
        "gateway.yaml:6:15: chargers[0].identity: must not hold a ':' where a password is used: "
        "basic authentication cannot carry it"
    ]
    assert load(text.replace(PASSWORD, "  security_profile: 0\n")).chargers[0].identity == "SITE:1"


def test_a_mistake_in_the_common_part_is_told_once_for_many_chargers(mistakes: Mistakes) -> None:
    second = GOOD[GOOD.index("  - identity") :].replace("SITE-1", "SITE-2").replace(".50", ".51")
    assert len(mistakes(GOOD.replace("wss:", "ws:") + second)) == 1


# ---------------------------------------------------------------- C-03: where the password comes from


def test_fault_c_03_a_password_file_loses_its_newline(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" with blanks kept \r\n")
    system = load(with_system("password_file: secret")).central_system
    assert system.password_file == tmp_path / "secret"
    assert system.read_password() == b" with blanks kept "


def test_a_new_password_in_the_file_counts_at_the_next_connection(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("first-password-16")
    system = load(with_system("password_file: secret")).central_system
    (tmp_path / "secret").write_text("second-password-16")
    assert system.read_password() == b"second-password-16"


def test_t_08_an_authorization_key_is_its_bytes(load: Load) -> None:
    text = with_system("authorization_key: 0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")
    assert load(text).central_system.read_password() == bytes(range(8)) + b"\xff" * 12


def test_no_password_is_none(load: Load) -> None:
    assert load(with_system("security_profile: 0")).central_system.read_password() is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_fault_c_03_an_empty_password_file_is_a_mistake(mistakes: Mistakes, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert mistakes(with_system("password_file: secret")) == [
        "gateway.yaml:4:18: central_system.password_file: secret is empty"
    ]


def test_fault_c_03_a_missing_password_file_is_a_mistake(mistakes: Mistakes) -> None:
    assert mistakes(with_system("password_file: secret")) == [
        "gateway.yaml:4:18: central_system.password_file: secret cannot be read: No such file or directory"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_password_file_is_a_mistake(mistakes: Mistakes, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0)
    assert mistakes(with_system("password_file: secret")) == [
        "gateway.yaml:4:18: central_system.password_file: secret cannot be read: Permission denied"
    ]


def test_fault_c_03_an_empty_password_is_a_mistake(mistakes: Mistakes) -> None:
    assert "gateway.yaml:4:13: central_system.password: is empty" in mistakes(with_system('password: ""'))


# ---------------------------------------------------------------- one charger's own


def test_a_charger_overrides_single_keys(load: Load) -> None:
    settings = load(with_system("password: sixteen-bytes-ok", charger="url: wss://other.example.com/"))
    own = settings.central_system_of(settings.chargers[0])
    assert own.url_for("SITE-1") == "wss://other.example.com/SITE-1"
    assert own.read_password() == b"sixteen-bytes-ok"
    assert settings.central_system.url == "wss://cpms.example.com/ocpp"


def test_a_chargers_own_password_replaces_the_common_one_of_any_kind(load: Load) -> None:
    text = with_system("authorization_key: 000102030405060708090A0B0C0D0E0F", charger="password: only-for-this-one")
    settings = load(text)
    assert settings.central_system_of(settings.chargers[0]).read_password() == b"only-for-this-one"


def test_every_charger_may_have_its_own_password_and_the_common_part_none(load: Load) -> None:
    settings = load(with_system("security_profile: 2", charger="password: only-for-this-one"))
    assert settings.central_system.read_password() is None


def test_a_mistake_in_a_chargers_own_part_is_told_there(mistakes: Mistakes) -> None:
    text = with_system("password: sixteen-bytes-ok", charger="url: ws://other.example.com/")
    assert mistakes(text) == [
        "gateway.yaml:10:27: chargers[0].central_system.url: security profile 2 needs TLS, and ws:// has none "
        "(wss://; or security_profile 1 (password) or 0 where nobody else can listen)"
    ]
