"""Devices as the edge uses them: a protocol and a link behind a capability."""
