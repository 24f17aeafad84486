"""The way to the gateway: reads the journal, nobody reads it."""
