"""Robots and their deliveries."""
