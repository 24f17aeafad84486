"""What a run proves: what was sent against what is stored."""
