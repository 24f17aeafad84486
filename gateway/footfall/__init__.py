"""Visits: crossings counted at gates, and their days."""
