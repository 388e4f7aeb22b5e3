"""Brings a database to the schema of this version, or refuses it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Connection, inspect, text

from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import schema, sqlite_file

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0007"
"""The newest revision in `migrations/versions`; known here so that an up-to-date store opens without Alembic."""


def migrate(connection: Connection, path: Path) -> None:
    """Runs the migrations that are missing, in the caller's transaction: all of them, or none.

    Raises StoreError when the tables are not ours, are newer than this version, or were there and are gone.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        sqlite_file.refuse_if_lost(path, "holds nothing")
        _upgrade(connection)
        made = {"instance_id": uuid4().hex, "created_at": datetime.now(UTC).isoformat()}
        connection.execute(schema.store_meta.insert(), made)
        return
    if "store_meta" not in tables or "alembic_version" not in tables:
        raise StoreError(f"{path} is the database of another program: change store.url")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision != HEAD:
        _refuse_unknown(revision, path)
        _upgrade(connection)


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; None for a database that is new, or not ours."""
    with connection.begin():
        if not {"store_meta", "alembic_version"} <= set(inspect(connection).get_table_names()):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  (a quarter of the time of a start, and hardly ever needed)

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_unknown(revision: str | None, path: Path) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision not in known:
        raise StoreError(
            f"the store {path} has schema {revision}, and this version knows only up to {HEAD}: "
            "install the version that wrote it, or a newer one"
        )


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "ocpp_gateway.store:migrations")
    return config
