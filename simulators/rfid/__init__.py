"""A simulated tag reader and the tags on its pad."""
