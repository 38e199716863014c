"""Recipes: the schema, what builds an experiment from one, and the library."""
