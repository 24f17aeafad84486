"""Commands from the gateway: each asked once, each with one outcome."""
