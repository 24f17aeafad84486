"""SIP2: messages and the session of a self-check terminal."""
