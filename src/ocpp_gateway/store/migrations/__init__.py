"""The history of the schema: one revision a file, run by `store.migrate` from wherever the package lies."""
