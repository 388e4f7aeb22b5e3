"""A charger made from a mapping file, for the demo, the tests and the bench."""
