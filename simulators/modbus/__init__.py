"""Simulated Modbus devices."""
