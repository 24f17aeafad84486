"""The example library: its broker and its processes."""
