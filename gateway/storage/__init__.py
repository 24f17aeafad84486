"""The store: narrow ports and their SQLite."""
