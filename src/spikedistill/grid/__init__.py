"""Many trainings under one protocol: each done once, known by a key, read as means and spreads."""
