"""Devices, each with the register file of its manual."""
