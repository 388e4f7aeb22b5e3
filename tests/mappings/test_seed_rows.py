"""The document, typed by hand into seed_rows.csv, against the mapping: row by row, none missing, none invented."""

from __future__ import annotations

import csv
import json
import struct
from pathlib import Path

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.codec import decode
from ocpp_gateway.registers.vocabulary import Confidence, Table

TABLES = {"FC3": Table.HOLDING, "FC4": Table.INPUT}
LEFT_DERATING = 4122  # not in the document: inferred from its pattern, optional


def seed_rows() -> list[dict[str, str]]:
    with (Path(__file__).parent / "seed_rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_mapping_holds_every_row_of_the_document_and_no_other() -> None:
    mapping = load("compleo-duo-solo")
    fields = {(field.table, field.address): field for field in mapping.all_fields}
    rows = seed_rows()
    assert len(rows) == 46  # 17 of the station, 15 of the right connector, 14 of the left: its derating is missing
    for row in rows:
        field = fields.pop((TABLES[row["function"]], int(row["address"])))
        words = [int(word, 0) for word in row["words"].split()]
        value = decode(field, struct.pack(f">{len(words)}H", *words))
        place = f" ({mapping.connector_names[field.connector_id]} connector)" if field.connector_id else ""
        assert {
            "length": field.count,
            "type": field.type,
            "scale": field.scale,
            "unit": field.unit or "",
            "value": list(value) if isinstance(value, tuple) else value,
            "description": field.title + place,
            "inferred": field.confidence is Confidence.INFERRED,
        } == {
            "length": int(row["length"]),
            "type": row["type"],
            "scale": float(row["scale"]),
            "unit": row["unit"],
            "value": json.loads(row["value"]),
            "description": row["description"],
            "inferred": row["mark"] == "inferred" or int(row["address"]) in {13, 264, 280},
        }, row["description"]
    (left,) = fields.values()
    assert (left.address, left.optional, left.confidence) == (LEFT_DERATING, True, Confidence.INFERRED)


def test_registers_that_the_document_leaves_out_are_never_asked_for() -> None:
    # 265 and 266 (281, 282 on the left) are not in the document; reading them would cost the whole block
    addresses = {a for field in load("compleo-duo-solo").all_fields for a in range(field.address, field.end)}
    assert addresses.isdisjoint({265, 266, 281, 282, *range(4107, 4112)})
