"""A simulated library system that speaks SIP2."""
