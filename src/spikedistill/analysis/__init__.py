"""A finished run is looked at: evaluation, energy, pictures, reports."""
