"""The TLS side of `wss://`: whom we trust, and who we are (security profiles 2 and 3)."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from ocpp_gateway.errors import ConfigurationError, Mistake


def client_context(
    *, ca_file: Path | None = None, certificate_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """A context that verifies the server's chain and name, and speaks TLS 1.2 or newer (Z-03, Z-04).

    `ca_file` holds the only roots that count, in PEM; the system's without it. A client certificate is shown when
    its file is given; the key may be in the same file. There is no way to switch verification off.
    Raises ConfigurationError naming the file that cannot be used. Reads files, so build it once.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:  # ssl.SSLError is one
        raise _unusable(ca_file, "ca_file", "PEM certificates", exc) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file is not None:
        show_certificate(context, certificate_file, key_file)
    return context


def show_certificate(context: ssl.SSLContext, certificate_file: Path, key_file: Path | None) -> None:
    """Have the context show that certificate. Raises ConfigurationError naming the file that cannot be used."""
    try:
        context.load_cert_chain(certificate_file, key_file, password=_no_passphrase)
    except OSError as exc:
        if isinstance(exc, ssl.SSLError) and exc.reason == "KEY_VALUES_MISMATCH":
            problem = f"holds the key of another certificate than {certificate_file}"
            raise _mistake(key_file or certificate_file, "client_key_file", problem) from exc
        if key_file is None:
            raise _unusable(
                certificate_file, "client_certificate_file", "a PEM certificate and its unencrypted key", exc
            ) from exc
        if not key_file.exists() or _holds_certificates(certificate_file):
            raise _unusable(key_file, "client_key_file", "an unencrypted PEM key", exc) from exc
        raise _unusable(certificate_file, "client_certificate_file", "a PEM certificate", exc) from exc


def certificate_ends_s(file: Path) -> float:
    """Until when the first certificate of a PEM file is valid, as Unix time. Raises OSError, and ValueError for none.

    The standard library reads no date of a certificate that no peer showed, so this walks to it: RFC 5280 §4.1,
    tbsCertificate after its version, serial number, signature algorithm and issuer.
    """
    pem = file.read_text(encoding="ascii")
    begin, end = pem.find("-----BEGIN CERTIFICATE-----"), pem.find("-----END CERTIFICATE-----")
    try:
        der = ssl.PEM_cert_to_DER_cert(pem[begin : end + len("-----END CERTIFICATE-----")])
        _, certificate, _ = _element(der, 0)
        _, at, _ = _element(der, certificate)
        tag, _, after = _element(der, at)
        at = after if tag == _VERSION else at
        for _ in ("serialNumber", "signature", "issuer"):
            _, _, at = _element(der, at)
        _, not_before, _ = _element(der, at)
        _, _, not_after = _element(der, not_before)
        tag, start, stop = _element(der, not_after)
        shape = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(der[start:stop].decode("ascii"), shape).replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError) as exc:
        raise ValueError(f"{file} holds no certificate that can be read") from exc


_VERSION, _UTC_TIME = 0xA0, 0x17


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the DER element there, and where its contents begin and end."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return tag, start, start + length


def _holds_certificates(file: Path) -> bool:
    """OpenSSL does not say which of two files it could not use."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError:
        return False
    return True


def _no_passphrase() -> str:
    """An encrypted key would make OpenSSL ask on the terminal of a service that has none."""
    return ""


def _unusable(file: Path | None, key: str, wanted: str, exc: OSError) -> ConfigurationError:
    reason = exc.strerror if exc.strerror and not isinstance(exc, ssl.SSLError) else f"does not hold {wanted}"
    return _mistake(file, key, reason)


def _mistake(file: Path | None, key: str, problem: str) -> ConfigurationError:
    return ConfigurationError(Mistake(str(file or "the system's roots"), None, None, f"central_system.{key}", problem))
