"""The web application: REST, pages and live values."""
