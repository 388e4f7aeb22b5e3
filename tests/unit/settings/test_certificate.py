"""Until when a certificate is valid, read without a library for certificates; `trustme` made it with one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from ocpp_gateway.settings.tls import certificate_ends_s


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(datetime(2031, 5, 17, 23, 59, 58, tzinfo=UTC), id="UTCTime"),
        pytest.param(datetime(2061, 1, 2, 3, 4, 5, tzinfo=UTC), id="GeneralizedTime, from 2050 on"),
    ],
)
@pytest.mark.parametrize("key_type", list(trustme.KeyType))
def test_a_certificate_ends_when_it_says(tmp_path: Path, ends: datetime, key_type: trustme.KeyType) -> None:
    issued = trustme.CA(key_type=key_type).issue_cert("gateway.example", not_after=ends, key_type=key_type)
    file = tmp_path / "client.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(file)  # the key before it does not matter
    assert certificate_ends_s(file) == ends.timestamp()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "client.pem"
    file.write_text(content)
    with pytest.raises(ValueError, match="holds no certificate"):
        certificate_ends_s(file)


def test_a_file_that_is_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    pem = trustme.CA().issue_cert("gateway.example").cert_chain_pems[0].bytes().decode()
    begin, *lines, end = pem.strip().splitlines()
    file = tmp_path / "client.pem"
    for kept in range(3):
        file.write_text("\n".join([begin, *lines[:kept], end]))
        with pytest.raises(ValueError, match="holds no certificate"):
            certificate_ends_s(file)
