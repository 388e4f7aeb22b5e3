"""A small, strict central system for the demo and the tests; it records every frame."""
