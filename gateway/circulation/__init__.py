"""Loans and returns at the kiosks."""
