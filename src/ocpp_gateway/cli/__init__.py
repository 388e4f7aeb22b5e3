"""The commands. Each module holds one and imports what it needs when it runs, so that `--help` is quick."""
