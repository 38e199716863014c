"""What a trained network does, made visible: one idea per file, from values that taps recorded."""
