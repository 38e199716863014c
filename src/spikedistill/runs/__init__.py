"""A recipe is executed: start, cells, rows, and the one call from Python."""
