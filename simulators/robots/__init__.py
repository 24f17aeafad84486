"""Simulated robots that speak VDA 5050."""
