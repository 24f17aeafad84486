"""The real edge's journal and uplink against the real gateway's writer, in random stories."""
