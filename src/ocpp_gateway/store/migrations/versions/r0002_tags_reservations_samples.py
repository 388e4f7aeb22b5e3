"""Remembered id tags, the local list, reservations, samples for StopTransaction, and what was thinned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Adds four tables and one column; touches no row."""
    op.create_table(
        "authorization_cache",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("folded_id_tag", sa.Text, nullable=False),
        sa.Column("id_tag", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("expiry_date", sa.Text),
        sa.Column("parent_id_tag", sa.Text),
        sa.PrimaryKeyConstraint("charge_point", "folded_id_tag", name="pk_authorization_cache"),
        sa.ForeignKeyConstraint(
            ["charge_point"], ["charge_point.identity"], name="fk_authorization_cache_charge_point"
        ),
    )
    op.create_table(
        "local_list",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("charge_point", name="pk_local_list"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_local_list_charge_point"),
    )
    op.create_table(
        "reservation",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("reservation_id", sa.BigInteger, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("id_tag", sa.Text, nullable=False),
        sa.Column("expiry_date", sa.Text, nullable=False),
        sa.Column("parent_id_tag", sa.Text),
        sa.PrimaryKeyConstraint("charge_point", "reservation_id", name="pk_reservation"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_reservation_charge_point"),
    )
    op.create_table(
        "transaction_sample",
        sa.Column("seq", _Counter, nullable=False),
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("local_id", sa.Text, nullable=False),
        sa.Column("meter_value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_transaction_sample"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_transaction_sample_charge_point"),
    )
    op.create_index("ix_transaction_sample_charge_point_local_id", "transaction_sample", ["charge_point", "local_id"])
    op.add_column("charge_point", sa.Column("outbox_thinned", sa.BigInteger, nullable=False, server_default="0"))
