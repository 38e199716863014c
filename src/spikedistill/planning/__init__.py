"""Before a run: what it will take, and whether it can be built."""
