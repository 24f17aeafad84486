"""Strikes a running building: a plan drawn by a seed, and who carries it out."""
