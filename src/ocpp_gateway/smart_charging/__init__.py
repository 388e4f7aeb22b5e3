"""Charging profiles, the limit in force, and the register value it becomes. Pure."""
