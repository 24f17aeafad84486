"""Bytes or JSON to values and back, sans I/O."""
