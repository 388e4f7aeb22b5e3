"""The REST API, one module a resource; each lists its `ENDPOINTS`."""
