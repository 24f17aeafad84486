"""How to talk to one device."""
