"""Limits from outside OCPP: the operator's, and those of sources with a heartbeat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds one table; touches no row."""
    op.create_table(
        "limit_source",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("power_w", sa.BigInteger, nullable=False),
        sa.Column("lifetime_s", sa.Double),
        sa.Column("failsafe_w", sa.BigInteger),
        sa.Column("set_utc", sa.Text),
        sa.Column("set_boot_id", sa.Text, nullable=False),
        sa.Column("set_monotonic_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("charge_point", "source", "connector_id", name="pk_limit_source"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_limit_source_charge_point"),
    )
