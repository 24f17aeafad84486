"""REST, one file per subject."""
