"""What connectors drew and were allowed to, for the charts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds a table; touches no row."""
    op.create_table(
        "power_history",
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("at_s", sa.BigInteger, nullable=False),
        sa.Column("until_s", sa.BigInteger, nullable=False),
        sa.Column("power_w", sa.Integer),
        sa.Column("power_min_w", sa.Integer),
        sa.Column("power_max_w", sa.Integer),
        sa.Column("limit_w", sa.Integer),
        sa.Column("limit_min_w", sa.Integer),
        sa.Column("current_l1_ma", sa.Integer),
        sa.Column("current_l2_ma", sa.Integer),
        sa.Column("current_l3_ma", sa.Integer),
        sa.PrimaryKeyConstraint("charge_point", "connector_id", "at_s", name="pk_power_history"),
        sa.ForeignKeyConstraint(["charge_point"], ["charge_point.identity"], name="fk_power_history_charge_point"),
        sqlite_with_rowid=False,
    )
