"""Frames of RFID readers and the data model of library tags."""
