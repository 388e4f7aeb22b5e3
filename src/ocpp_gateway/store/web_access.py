"""Passwords, tokens and the audit log of the web. All functions run inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from ocpp_gateway.store import schema

MOST_AUDIT_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Hashes of passwords by role, and the tokens: name, role, hash."""

    passwords: dict[str, str]
    tokens: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did; `at` is ISO 8601 in UTC."""

    number: int
    at: str
    who: str
    action: str
    detail: str


def load(connection: Connection) -> WebAccess:
    """All of them."""
    passwords = connection.execute(select(schema.web_password.c.role, schema.web_password.c.password_hash))
    token = schema.web_token.c
    tokens = connection.execute(select(token.name, token.role, token.token_hash).order_by(token.name))
    return WebAccess({row.role: row.password_hash for row in passwords}, tuple((n, r, h) for n, r, h in tokens))


def keep_password(connection: Connection, role: str, password_hash: str) -> None:
    """In place of the one before."""
    table = schema.web_password
    connection.execute(delete(table).where(table.c.role == role))
    connection.execute(insert(table).values(role=role, password_hash=password_hash))


def keep_token(connection: Connection, name: str, role: str, token_hash: str) -> None:
    """In place of one of the same name."""
    remove_token(connection, name)
    connection.execute(insert(schema.web_token).values(name=name, role=role, token_hash=token_hash))


def remove_token(connection: Connection, name: str) -> None:
    """No matter whether there was one."""
    connection.execute(delete(schema.web_token).where(schema.web_token.c.name == name))


def keep_audit(connection: Connection, at: str, who: str, action: str, detail: str) -> None:
    """Appends; of more than 10,000 entries the oldest go."""
    table = schema.audit
    result = connection.execute(insert(table).values(at=at, who=who, action=action, detail=detail))
    number: int = result.inserted_primary_key[0]  # type: ignore[index]
    connection.execute(delete(table).where(table.c.number <= number - MOST_AUDIT_ENTRIES))


def audit(connection: Connection, limit: int, before: int | None) -> list[AuditEntry]:
    """Newest first."""
    table = schema.audit
    query = select(table.c.number, table.c.at, table.c.who, table.c.action, table.c.detail)
    if before is not None:
        query = query.where(table.c.number < before)
    return [AuditEntry(*row) for row in connection.execute(query.order_by(table.c.number.desc()).limit(limit))]
