"""Stores, judges, commands, counts and shows."""
