"""Run history, bookmarks and rejects in Postgres, and the Meltano state backend that reads them."""
