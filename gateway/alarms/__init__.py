"""Alarms: their life, their table, their readers."""
