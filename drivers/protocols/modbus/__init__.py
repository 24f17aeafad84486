"""Modbus: frames, plans of what is read together, values."""
