"""What stands in the tag registers, so that a card shown while no gateway lived is known as new."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds three columns; touches no row."""
    op.add_column("connector", sa.Column("standing_tag", sa.Text))
    op.add_column("connector", sa.Column("tag_unusable", sa.Boolean))
    op.add_column("connector", sa.Column("presented_tag", sa.Text))
