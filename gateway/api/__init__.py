"""The REST contract for programs."""
