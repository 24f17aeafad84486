"""A site is data: models, loader, the example library."""
