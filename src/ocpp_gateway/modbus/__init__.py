"""The charger's side of the wire: one Modbus TCP connection per charger."""
