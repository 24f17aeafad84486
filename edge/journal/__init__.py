"""The journal on the edge's disk: what was read and is not yet in the store."""
