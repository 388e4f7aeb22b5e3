"""Files that a page hands out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet takes a cell for a formula."""


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """Rows as CSV. What a charger or a central system wrote cannot act as a formula (faults.md W-06)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([csv_cell(row[name]) for name in columns] for row in rows)
    return download(name, "text/csv; charset=utf-8", text.getvalue().encode())


def csv_cell(value: Any) -> Any:
    """A value as a cell: numbers as they are, text that could be a formula behind an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def download(name: str, media_type: str, content: bytes) -> Response:
    """A file to be kept, under that name."""
    header = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": header})
