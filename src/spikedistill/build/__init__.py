"""Made from a recipe: data, networks, losses, prepared cells, saved networks."""
