"""What a transaction rests on: every transmission of its messages, and the readings behind its meter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Of earlier transmissions only the message ids are known. Those of one row were made in the order of its rowids; the
# id of a row that was never sent is no transmission.
_TAKE_OVER = """
    INSERT INTO transmission (seq, number, message_id)
    SELECT attempt.seq, row_number() OVER (PARTITION BY attempt.seq ORDER BY attempt.rowid), attempt.message_id
    FROM outbox_attempt AS attempt JOIN outbox ON outbox.seq = attempt.seq
    WHERE outbox.transmissions > 0
"""


def upgrade() -> None:
    """Puts `transmission` in the place of `outbox_attempt`, and adds the readings."""
    op.create_table(
        "transmission",
        sa.Column("seq", _Counter, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Text),
        sa.Column("transaction_id", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("answer", sa.Text),
        sa.PrimaryKeyConstraint("seq", "number", name="pk_transmission"),
        sa.ForeignKeyConstraint(["seq"], ["outbox.seq"], name="fk_transmission_seq"),
        sqlite_with_rowid=False,
    )
    op.execute(_TAKE_OVER)
    op.drop_table("outbox_attempt")
    op.create_index("ix_outbox_dead", "outbox", ["seq"], sqlite_where=sa.text("state = 'dead'"))
    op.create_table(
        "transaction_reading",
        sa.Column("number", _Counter, nullable=False),
        sa.Column("charge_point", sa.Text, nullable=False),
        sa.Column("local_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("read_at", sa.Text, nullable=False),
        sa.Column("status_raw", sa.BigInteger),
        sa.Column("session_energy_wh", sa.BigInteger),
        sa.Column("charging_s", sa.BigInteger),
        sa.Column("id_tag", sa.Text),
        sa.Column("power_w", sa.Double),
        sa.Column("meter_wh", sa.BigInteger, nullable=False),
        sa.Column("meter_register_wh", sa.BigInteger),
        sa.Column("meter_charging_s", sa.BigInteger),
        sa.PrimaryKeyConstraint("number", name="pk_transaction_reading"),
        sa.ForeignKeyConstraint(
            ["charge_point"], ["charge_point.identity"], name="fk_transaction_reading_charge_point"
        ),
    )
    op.create_index("ix_transaction_reading_local_id", "transaction_reading", ["local_id"])
