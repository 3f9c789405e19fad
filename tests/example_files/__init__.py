"""A tap that reads CSV files: every way of reading them that tap-kit knows."""
