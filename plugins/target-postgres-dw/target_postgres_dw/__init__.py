"""Singer target that commits rows, counts, rejects, run history and bookmarks in one Postgres transaction."""
