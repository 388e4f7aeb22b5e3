"""The tables. Every row belongs to a charge point; what is meant for a central system also to that system.

SQLAlchemy Core without an ORM, and only what SQLite and PostgreSQL both have. This is the schema as the code uses
it; `migrations/` makes it, step by step, and a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite counts only a column of exactly the type INTEGER.
_Counter = BigInteger().with_variant(Integer, "sqlite")


class OutboxState(StrEnum):
    """Where an outbox row stands. Rows stay when they leave the queue: the ledger of a transaction rests on them."""

    QUEUED = "queued"
    DONE = "done"
    DEAD = "dead"


def _instant(name: str, *, nullable: bool = False) -> tuple[Column[str], Column[str], Column[float]]:
    """The three columns of an `Instant`; a nullable one is absent when its boot_id is NULL."""
    return (
        Column(f"{name}_utc", Text),
        Column(f"{name}_boot_id", Text, nullable=nullable),
        Column(f"{name}_monotonic_s", Double, nullable=nullable),
    )


def _charge_point(*, primary_key: bool = False) -> Column[str]:
    return Column("charge_point", ForeignKey("charge_point.identity"), primary_key=primary_key, nullable=False)


store_meta = Table(
    "store_meta",
    metadata,
    Column("instance_id", Text, primary_key=True),
    Column("created_at", Text, nullable=False),
)
"""One row: which store this is. Made with the tables, never changed."""

charge_point = Table(
    "charge_point",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("number_of_connectors", Integer),  # NULL: the charger was never read
    Column("vendor", Text),
    Column("model", Text),
    Column("serial_number", Text),
    Column("firmware_version", Text),
    Column("outbox_thinned", BigInteger, nullable=False, server_default="0"),
)

configuration = Table(
    "configuration",
    metadata,
    _charge_point(primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

connector = Table(
    "connector",
    metadata,
    _charge_point(primary_key=True),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("total_wh", BigInteger),  # NULL: no meter, as for connector 0
    Column("register_wh", BigInteger),
    Column("charging_s", BigInteger),
    Column("operative", Boolean),  # NULL: never changed
    Column("gate_closed", Boolean),  # NULL: never closed
    Column("standing_tag", Text),
    Column("tag_unusable", Boolean),  # NULL: the tag register was never read
    Column("presented_tag", Text),
)

charging_profile = Table(
    "charging_profile",
    metadata,
    _charge_point(primary_key=True),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("charging_profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", Text, nullable=False),
    Column("local_id", Text),
    *_instant("installed"),
)

# Not "transaction": that is a word of SQL, and would have to be quoted in every query typed by hand.
charging_transaction = Table(
    "charging_transaction",
    metadata,
    Column("number", _Counter, primary_key=True),  # the order in which they began, whatever the clocks said
    _charge_point(),
    Column("local_id", Text, nullable=False, unique=True),
    Column("connector_id", Integer, nullable=False),
    Column("id_tag", Text, nullable=False),
    Column("parent_id_tag", Text),
    Column("serial_number", Text),
    Column("standing_tag", Text),
    Column("meter_start_wh", BigInteger, nullable=False),
    *_instant("started"),
    Column("last_meter_wh", BigInteger, nullable=False),
    *_instant("last_sample"),
    Column("charging_seen", Boolean, nullable=False),
    Column("deauthorized", Boolean, nullable=False),
    *_instant("stopped", nullable=True),
    Column("meter_stop_wh", BigInteger),
    Column("stop_reason", Text),
    Index(None, "charge_point", "number"),
    sqlite_autoincrement=True,
)

transaction_id = Table(
    "transaction_id",
    metadata,
    Column("local_id", ForeignKey("charging_transaction.local_id"), primary_key=True),
    Column("central_system", Text, primary_key=True),
    Column("transaction_id", Text, nullable=False),
)
"""What each central system calls a transaction."""

transaction_sample = Table(
    "transaction_sample",
    metadata,
    Column("seq", _Counter, primary_key=True),
    _charge_point(),
    Column("local_id", Text, nullable=False),  # no foreign key, for the reason of the outbox
    Column("meter_value", Text, nullable=False),
    Index(None, "charge_point", "local_id"),
)
"""Meter values for the transactionData of transactions that run."""

authorization_cache = Table(
    "authorization_cache",
    metadata,
    _charge_point(primary_key=True),
    Column("folded_id_tag", Text, primary_key=True),  # `str.casefold`: tags are compared without case
    Column("id_tag", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("expiry_date", Text),
    Column("parent_id_tag", Text),
)

local_list = Table(
    "local_list",
    metadata,
    _charge_point(primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("entries", Text, nullable=False),
)

reservation = Table(
    "reservation",
    metadata,
    _charge_point(primary_key=True),
    Column("reservation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("connector_id", Integer, nullable=False),
    Column("id_tag", Text, nullable=False),
    Column("expiry_date", Text, nullable=False),
    Column("parent_id_tag", Text),
)

limit_source = Table(
    "limit_source",
    metadata,
    _charge_point(primary_key=True),
    Column("source", Text, primary_key=True),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("power_w", BigInteger, nullable=False),
    Column("lifetime_s", Double),  # NULL: until it is removed
    Column("failsafe_w", BigInteger),
    *_instant("set"),
)
"""Limits from outside OCPP, the operator's among them."""

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Counter, primary_key=True),
    _charge_point(),
    Column("central_system", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message_id", Text, nullable=False),  # the id of the next transmission; see transmission
    Column("action", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("local_id", Text),  # no foreign key: whether the transaction or its message comes first is the core's choice
    Column("created_at", Text, nullable=False),  # `Instant.stamp`
    Column("transmissions", Integer, nullable=False),
    Column("last_error", Text),
    Column("answer", Text),
    Column("answered_at", Text),  # `Instant.stamp`
    CheckConstraint("state IN ('queued', 'done', 'dead')", name="state"),
    Index(None, "charge_point", "central_system", "state", "seq"),  # the head of a queue among all that is done
    Index(None, "local_id", "action"),  # the StartTransaction of a row, and the ledger of a transaction
    Index("ix_outbox_dead", "seq", sqlite_where=text("state = 'dead'"), postgresql_where=text("state = 'dead'")),
    sqlite_autoincrement=True,  # a number is never given twice, not even that of a row deleted since
)

transmission = Table(
    "transmission",
    metadata,
    Column("seq", ForeignKey("outbox.seq"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1 is the first
    Column("message_id", Text, nullable=False),
    Column("sent_at", Text),  # `Instant.stamp`; NULL: before it was kept
    Column("transaction_id", Text),  # what the frame said, which the row does not; NULL: it said none
    Column("outcome", Text),
    Column("problem", Text),
    Column("answer", Text),
    sqlite_with_rowid=False,
)
"""Every time that a message went out. `outcome` is a `records.Outcome`, or NULL: answered, if its row is done and this
is the last one, else nobody knows, as the process ended. The answer is in the row, and here once it is sent again."""

transaction_reading = Table(
    "transaction_reading",
    metadata,
    Column("number", _Counter, primary_key=True),
    _charge_point(),
    Column("local_id", Text, nullable=False),  # no foreign key, for the reason of the outbox
    Column("kind", Text, nullable=False),
    Column("read_at", Text, nullable=False),  # `Instant.stamp`
    Column("status_raw", BigInteger),  # this and the next four as the charger showed them; NULL: not read
    Column("session_energy_wh", BigInteger),
    Column("charging_s", BigInteger),
    Column("id_tag", Text),
    Column("power_w", Double),
    Column("meter_wh", BigInteger, nullable=False),  # what the virtual meter made of it, and what that was fed with
    Column("meter_register_wh", BigInteger),
    Column("meter_charging_s", BigInteger),
    Index(None, "local_id"),
)
"""The register values that a transaction rests on; see `records.TransactionReading`."""

power_history = Table(
    "power_history",
    metadata,
    _charge_point(primary_key=True),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("at_s", BigInteger, primary_key=True, autoincrement=False),  # this and the next in seconds since 1970
    Column("until_s", BigInteger, nullable=False),
    Column("power_w", Integer),
    Column("power_min_w", Integer),
    Column("power_max_w", Integer),
    Column("limit_w", Integer),
    Column("limit_min_w", Integer),
    Column("current_l1_ma", Integer),
    Column("current_l2_ma", Integer),
    Column("current_l3_ma", Integer),
    sqlite_with_rowid=False,
)
"""What connectors drew and were allowed to, minute by minute; see `charger.history.Stretch`."""

# ---------------------------------------------------------------- of the gateway itself

web_password = Table(
    "web_password",
    metadata,
    Column("role", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
)
"""Who may log in. scrypt, with its cost and salt; never the password."""

web_token = Table(
    "web_token",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("token_hash", Text, nullable=False),
)
"""Programs that may ask. SHA-256 of a random token; never the token."""

audit = Table(
    "audit",
    metadata,
    Column("number", _Counter, primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice: a gap would be seen
)
"""What people and programs did by the web; only the oldest go, from a bound on."""
