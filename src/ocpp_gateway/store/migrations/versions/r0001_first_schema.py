"""Charge points with their meters, transactions, profiles and outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes every table of the first version."""
    op.create_table(
        "store_meta",
        sa.Column("instance_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_store_meta"),
    )
    op.create_table(
        "charge_point",
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("number_of_connectors", sa.Integer),
        sa.Column("vendor", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("serial_number", sa.Text),
        sa.Column("firmware_version", sa.Text),
        sa.PrimaryKeyConstraint("identity", name="pk_charge_point"),
    )
    op.create_table(
        "configuration",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("charge_point", "key", name="pk_configuration"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_configuration_charge_point"),
    )
    op.create_table(
        "connector",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("total_wh", sa.BigInteger),
        sa.Column("register_wh", sa.BigInteger),
        sa.Column("charging_s", sa.BigInteger),
        sa.Column("operative", sa.Boolean),
        sa.Column("gate_closed", sa.Boolean),
        sa.PrimaryKeyConstraint("charge_point", "connector_id", name="pk_connector"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_connector_charge_point"),
    )
    op.create_table(
        "charging_profile",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("charging_profile_id", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("local_id", sa.Text),
        sa.Column("installed_utc", sa.Text),
        sa.Column("installed_boot_id", sa.Text, nullable=False),
        sa.Column("installed_monotonic_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("charge_point", "connector_id", "charging_profile_id", name="pk_charging_profile"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_charging_profile_charge_point"),
    )
    op.create_table(
        "charging_transaction",
        sa.Column("number", _Counter, nullable=False),
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("local_id", sa.Text, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("id_tag", sa.Text, nullable=False),
        sa.Column("parent_id_tag", sa.Text),
        sa.Column("serial_number", sa.Text),
        sa.Column("standing_tag", sa.Text),
        sa.Column("meter_start_wh", sa.BigInteger, nullable=False),
        sa.Column("started_utc", sa.Text),
        sa.Column("started_boot_id", sa.Text, nullable=False),
        sa.Column("started_monotonic_s", sa.Double, nullable=False),
        sa.Column("last_meter_wh", sa.BigInteger, nullable=False),
        sa.Column("last_sample_utc", sa.Text),
        sa.Column("last_sample_boot_id", sa.Text, nullable=False),
        sa.Column("last_sample_monotonic_s", sa.Double, nullable=False),
        sa.Column("charging_seen", sa.Boolean, nullable=False),
        sa.Column("deauthorized", sa.Boolean, nullable=False),
        sa.Column("stopped_utc", sa.Text),
        sa.Column("stopped_boot_id", sa.Text),
        sa.Column("stopped_monotonic_s", sa.Double),
        sa.Column("meter_stop_wh", sa.BigInteger),
        sa.Column("stop_reason", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_charging_transaction"),
        sa.UniqueConstraint("local_id", name="uq_charging_transaction_local_id"),
        sa.ForeignKeyConstraint(
            ["charge_point"], ["charge_point.identity"], name="fk_charging_transaction_charge_point"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_charging_transaction_charge_point_number", "charging_transaction", ["charge_point", "number"]
    )
    op.create_table(
        "transaction_id",
        sa.Column("local_id", sa.Text, nullable=False),
        sa.Column("central_system", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("local_id", "central_system", name="pk_transaction_id"),
        sa.ForeignKeyConstraint(["local_id"], ["charging_transaction.local_id"], name="fk_transaction_id_local_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", _Counter, nullable=False),
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("central_system", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("local_id", sa.Text),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("transmissions", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("answered_at", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_outbox_charge_point"),
        sa.CheckConstraint("state IN ('queued', 'done', 'dead')", name="ck_outbox_state"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_charge_point_central_system_state_seq", "outbox", ["charge_point", "central_system", "state", "seq"]
    )
    op.create_index("ix_outbox_local_id_action", "outbox", ["local_id", "action"])
    op.create_table(
        "outbox_attempt",
        sa.Column("seq", _Counter, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", "message_id", name="pk_outbox_attempt"),
        sa.ForeignKeyConstraint(["seq"], ["outbox.seq"], name="fk_outbox_attempt_seq"),
    )
