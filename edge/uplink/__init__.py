"""Carries the journal to the gateway, and says how the edge is."""
