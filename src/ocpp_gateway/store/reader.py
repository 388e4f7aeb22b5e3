"""Looks into a store that a gateway may hold: read only, beside it or after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import sqlite_file
from ocpp_gateway.store.migrate import HEAD

PATIENCE_S = 2.0
"""How long it waits for a lock."""

Result = TypeVar("Result")


def read_store(url: str, question: Callable[[Connection], Result]) -> Result:
    """The answer to a question of `ledger.py` about the store that a `store.url` names.

    Raises StoreError, one line: no such store, an empty one, or one that this version cannot read.
    """
    path = sqlite_file.path_of(url)
    if not path.is_file():
        raise StoreError(f"there is no store {path}: look at store.url; the gateway makes it at its first start")
    if not path.stat().st_size:
        raise StoreError(
            f"the store {path} is empty: no gateway has begun it, or it was lost; the gateway's log says which"
        )
    try:
        connection = connect(path)
        try:
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            if revision != HEAD:
                raise StoreError(f"the store {path} has schema {revision}, and this version reads only {HEAD}")
            return question(connection)
        finally:
            connection.close()
            connection.engine.dispose()
    except DBAPIError as exc:
        raise StoreError(f"cannot read the store {path}: {exc.orig}") from exc


def connect(path: Path) -> Connection:
    """A connection that only reads. Raises DBAPIError."""
    engine = create_engine(
        URL.create("sqlite", database=f"file:{_escaped(path)}", query={"mode": "ro", "uri": "true"}),
        connect_args={"timeout": PATIENCE_S},
        poolclass=NullPool,
        hide_parameters=True,  # id tags
    )
    event.listen(engine, "connect", _read_only)
    return engine.connect()


def _read_only(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.execute("PRAGMA query_only = ON")


def _escaped(path: Path) -> str:
    """The path in a file: URI."""
    return path.as_uri().removeprefix("file:")
