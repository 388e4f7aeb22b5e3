"""Passwords and tokens as they are kept: never as they are typed.

A password is hashed by scrypt, slow on purpose; a token is 256 random bits, so that a plain hash keeps it.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode

COST, BLOCK_SIZE, PARALLELISM = 2**14, 8, 1
"""scrypt's n, r and p: 16 MiB and about 50 ms of one core."""

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256

TOKEN_PREFIX = "ogw_"  # noqa: S105 - says what it is when it is found in a log or a repository


def hash_password(password: str) -> str:
    """`scrypt$n$r$p$salt$hash`, the last two in Base64. Takes about 50 ms: a work for a thread."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, COST, BLOCK_SIZE, PARALLELISM)
    return f"scrypt${COST}${BLOCK_SIZE}${PARALLELISM}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether this password was hashed to that. As slow as hashing, right or wrong."""
    _, cost, block_size, parallelism, salt, digest = hashed.split("$")
    found = _scrypt(password, b64decode(salt), int(cost), int(block_size), int(parallelism))
    return secrets.compare_digest(found, b64decode(digest))


def weakness(password: str) -> str | None:
    """What is wrong with a new password; None when nothing is."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    if len(set(password)) < 4:
        return "must have at least 4 different characters"
    return None


def new_token() -> str:
    """A bearer token; shown once, kept only as `hash_token`."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token or a session's cookie."""
    return hashlib.sha256(token.encode()).hexdigest()


def _scrypt(password: str, salt: bytes, cost: int, block_size: int, parallelism: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block_size, p=parallelism, dklen=32)
