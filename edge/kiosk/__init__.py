"""Self-check: a loan in two phases."""
