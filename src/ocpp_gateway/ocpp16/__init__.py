"""The central system's side of the wire: OCPP 1.6 over JSON and websockets."""
