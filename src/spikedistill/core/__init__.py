"""The vocabulary: traces, specs, losses, roles, terms, schedules."""
