"""Keeps devices running, and loses nothing of what they say."""
