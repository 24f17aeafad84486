"""Pure rules: (state, fact, rules) to (state, effects, wake me at)."""
