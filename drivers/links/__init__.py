"""Real wires: thin, one exchange at a time, with a deadline for each."""
