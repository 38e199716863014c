"""Catalogue of distillation losses: one publication per file; the file name is the registry."""
