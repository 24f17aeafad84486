"""Climate: limits, excursions, series."""
