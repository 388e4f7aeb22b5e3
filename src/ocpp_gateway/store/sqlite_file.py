"""Where the SQLite file is, whether it may be opened, and the mark that says there was one."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ocpp_gateway.errors import StoreDamaged, StoreError

_SQLITE_HEADER = b"SQLite format 3\x00"


def path_of(url: str) -> Path:
    """The absolute path that a `store.url` names, past symbolic links, so that what lies beside it is there once.

    Raises StoreError for anything but a SQLite file.
    """
    mend = "only SQLite is supported today, as in sqlite:////var/lib/ocpp-gateway/gateway.db"
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StoreError(f"store.url is not a URL; {mend}") from exc
    if parsed.drivername != "sqlite":
        raise StoreError(f"store.url {parsed.render_as_string(hide_password=True)}: {mend}")
    if parsed.host or parsed.query or parsed.database in (None, "", ":memory:"):
        raise StoreError(f"store.url {url} names no file: four slashes begin an absolute path, three a relative")
    return Path(os.path.realpath(str(parsed.database)))


def check_directory(database: Path) -> None:
    """Raises StoreError unless files can be made beside the database, as SQLite must."""
    directory = database.parent
    if not directory.is_dir():
        raise StoreError(f"the store's directory {directory} does not exist: create it, or change store.url")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreError(
            f"the store's directory {directory} is not writable for user id {os.geteuid()}: "
            "change its owner, or store.url"
        )


def prepare_file(database: Path) -> None:
    """Makes an empty private file for a first start, or checks the file that is there.

    SQLite takes an empty file for an empty database without a word, and would begin a second life with none of
    the transactions of the first: that is refused here, as is a file of another kind.
    Raises StoreError, and StoreDamaged for a file of another kind where ours was.
    """
    try:
        with database.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
        writable = os.access(database, os.W_OK)
    except FileNotFoundError:
        refuse_if_lost(database, "is gone")
        try:
            os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as exc:
            raise StoreError(f"cannot create the store {database}: {exc.strerror}") from exc
        return
    except OSError as exc:
        raise StoreError(f"cannot read the store {database}: {exc.strerror}") from exc
    if not writable:
        raise StoreError(f"the store {database} is not writable for user id {os.geteuid()}: change its owner")
    if not header:
        refuse_if_lost(database, "is empty")
    elif header != _SQLITE_HEADER:
        kind = StoreDamaged if mark_of(database).exists() else StoreError  # it may have been ours
        raise kind(f"{database} is not a SQLite database: move it away, or change store.url")


def is_lost(database: Path, inode: int) -> bool:
    """Whether another file, an empty one, or none stands there. A look that fails says nothing."""
    try:
        found = database.stat()
    except OSError as exc:
        return isinstance(exc, FileNotFoundError)
    return found.st_ino != inode or not found.st_size


def refuse_if_lost(database: Path, what: str) -> None:
    """Raises StoreError when the mark says that this database once held something."""
    mark = mark_of(database)
    if mark.exists():
        raise StoreError(
            f"the store {database} {what}, but it was in use before ({mark.name} is there): restore a backup, "
            f"or delete {mark} to start without the transactions that it held"
        )


def leave_mark(database: Path, instance_id: str) -> None:
    """Notes on disk, beside the database, that it exists. Raises StoreError."""
    mark = mark_of(database)
    if mark.exists():
        return
    try:
        file = os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{instance_id}\n".encode("ascii"))
            os.fsync(file)
        finally:
            os.close(file)
        directory = os.open(mark.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # or the file's name may be lost with the power
        finally:
            os.close(directory)
    except OSError as exc:
        raise StoreError(f"cannot write {mark}: {exc.strerror}") from exc


def marked_instance(database: Path) -> str | None:
    """The instance id in the mark; None when there is no mark."""
    try:
        return mark_of(database).read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def mark_of(database: Path) -> Path:
    """The file that says that this database was in use."""
    return database.with_name(database.name + ".exists")
