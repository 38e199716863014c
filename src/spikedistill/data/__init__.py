"""Data sets by name, one file each, and how batches are drawn from them."""
