"""Devices and points: which there are, how fresh they are, their snapshot."""
